"""Modules of many families, small, each for ops that they need: all must come in as our own ops, none as calls of torch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.importer_modules import Case


class Lengths(nn.Module):
    """Divisions by lengths and by roots of mean squares, as they are written over images, channels last, tokens and vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.scale = nn.Conv2d(3, 8, 3), nn.Parameter(torch.rand(8))
        self.bare = nn.RMSNorm(8, eps=1e-5, elementwise_affine=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.conv(x)
        last = x.permute(0, 2, 3, 1)
        images = self.scale.view(1, -1, 1, 1) * functional.normalize(x)
        clamped = last / last.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        root = last * torch.rsqrt(last.float().pow(2).mean(-1, keepdim=True) + 1e-6)
        tokens = last.flatten(1, 2)
        scaled = tokens / torch.sqrt((tokens * tokens).mean(-1, keepdim=True) + 1e-3)
        pooled = x.mean((2, 3))
        long = pooled / pooled.square().sum(1, keepdim=True).sqrt().clamp_min(1e-4)
        return images, clamped.permute(0, 3, 1, 2), (root * 2).permute(0, 3, 1, 2), scaled, long, self.bare(tokens)


class RootMeanSquare(nn.Module):
    """RMS norm by hand over channels and features, with its scale before or behind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 8, 3), nn.Parameter(torch.rand(8)), nn.Parameter(torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6) * self.first[:, None, None]
        x = x.flatten(2).mT
        return self.second * (x.float() * torch.rsqrt((x**2).mean(-1, keepdim=True) + 1e-6)).type_as(x)


class Ratio(nn.Module):
    """A quotient of two values, and of a value and a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.one(x), self.two(x).sigmoid()
        return a / b / b.mean((2, 3), keepdim=True)


class Response(nn.Module):
    """Global response normalisation of ConvNeXt V2, channels first and last, in two orders."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.gamma, self.beta = nn.Parameter(torch.rand(1, 1, 1, 8)), nn.Parameter(torch.rand(1, 1, 1, 8))
        self.scale, self.shift = nn.Parameter(torch.rand(8)), nn.Parameter(torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        length = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        x = self.gamma * (x * (length / (length.mean(dim=-1, keepdim=True) + 1e-6))) + self.beta + x
        x = x.permute(0, 3, 1, 2)
        length = x.norm(p=2, dim=(2, 3), keepdim=True)
        gate = length / (length.mean(dim=1, keepdim=True) + 1e-4)
        return x + torch.addcmul(self.shift.view(1, -1, 1, 1), self.scale.view(1, -1, 1, 1), x * gate)


class Numbers(nn.Module):
    """Numbers beside values, learned and fixed: one, for each channel, row, position and token, and for all; a sum with a pooled value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one, self.two = nn.Conv2d(3, 8, 3), nn.Parameter(torch.rand(1)), nn.Parameter(torch.rand(1))
        self.channels, self.rows = nn.Parameter(torch.rand(8, 1, 1)), nn.Parameter(torch.rand(4, 1))
        self.places, self.full = nn.Parameter(torch.rand(1, 1, 4, 5)), nn.Parameter(torch.rand(1, 20, 8))
        self.register_buffer("mask", torch.rand(4, 5))
        self.register_buffer("sines", torch.rand(1, 20, 8))
        self.late = nn.Parameter(torch.rand(20, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.one * self.conv(x).relu() ** 2 + self.two
        x = (x + self.channels).tanh() * self.rows + self.places
        x = x * self.mask + x.mean((2, 3), keepdim=True) - self.mask
        x = x.flatten(2).transpose(1, 2) + self.sines
        return x * self.full + self.late


class Rotary(nn.Module):
    """Attention whose queries and keys are turned by their position."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        angles = torch.arange(10)[:, None] / 100 ** (torch.arange(4) / 4)
        self.register_buffer("cos", angles.cos().repeat(1, 2))
        self.register_buffer("sin", angles.sin().repeat(1, 2))

    def turned(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return x * self.cos + torch.cat([-second, first], -1) * self.sin

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, 2, 8).permute(2, 0, 3, 1, 4)
        x = functional.scaled_dot_product_attention(self.turned(q), self.turned(k), v)
        return x.transpose(1, 2).reshape(batch, tokens, 16)


class Standardised(nn.Conv2d):
    """A convolution by standardised filters, with a gain and bordered as TensorFlow has it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: bool, **options: int) -> None:
        super().__init__(inputs, outputs, kernel, **options)
        self.gain = nn.Parameter(torch.rand(outputs, 1, 1, 1) + 0.5) if gain else None
        self.scale = 1.7 / self.weight[0].numel() ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        gain = None if self.gain is None else (self.gain * self.scale).view(-1)
        filters = self.weight.reshape(1, self.out_channels, -1)
        filters = functional.batch_norm(filters, None, None, weight=gain, training=True, momentum=0.0, eps=1e-6).reshape_as(self.weight)
        return functional.conv2d(x, filters, self.bias, self.stride, self.padding, self.dilation, self.groups)


def standardised() -> nn.Module:
    """Standardised convolutions with group norm, as in BiT, and with gains, as in NFNet."""
    first = nn.Sequential(Standardised(3, 8, 3, False, stride=2, padding=1), nn.GroupNorm(4, 8), nn.ReLU())
    return nn.Sequential(first, Standardised(8, 8, 3, True, groups=2, padding=1), nn.ReLU(), Standardised(8, 4, 1, True))


class Copies(nn.Module):
    """Windows as channels, and values that are repeated along channels and along axes of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(72, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x) + x.repeat(1, 8, 1, 1)
        y = y * y.mean((2, 3), keepdim=True).repeat(1, 1, 6, 7) + torch.cat([y[:, :4]] * 2, 1)
        y = y + y[:, :2].repeat(1, 4, 1, 1)
        return self.last(functional.unfold(y, 3, stride=2, padding=1).transpose(1, 2))


class ReadTwice(nn.Module):
    """A class token that is joined and then added to (CaiT), latents as queries and beside what they find (Perceiver), positions twice."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.latents = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(5, 8))
        self.places = nn.Parameter(torch.randn(1, 12, 8))
        self.mix, self.norm, self.last = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        token, latents = self.token.expand(x.shape[0], -1, -1), self.latents.unsqueeze(0).expand(x.shape[0], -1, -1)
        x = torch.relu(x + self.places) + self.places
        token = token + self.mix(torch.cat([token, x], 1))[:, :1]
        latents = latents + self.attention(self.norm(latents), x, x)[0]
        return self.last(torch.cat([token, latents], 1))


FAMILIES = {
    "lengths": Case(Lengths, ((3, 6, 7),), ("l2_norm", "l2_norm2d", "rms_norm", "rms_norm2d", "layer_scale")),
    "root_mean_square": Case(RootMeanSquare, ((3, 6, 7),), ("rms_norm", "rms_norm2d")),
    "numbers": Case(Numbers, ((3, 6, 7),), ("factor", "offset", "scalar_gate")),
    "read_twice": Case(ReadTwice, ((12, 8),), ("latents", "cross_attention", "position_embedding")),
    "ratio": Case(Ratio, ((3, 6, 7),), ("div",)),
    "copies": Case(Copies, ((1, 6, 7),), ("unfold2d", "concat")),
    "response": Case(Response, ((3, 6, 7),), ("response_gate", "layer_scale", "offset")),
    "standardised": Case(standardised, ((3, 8, 9),), ("weight_standard_conv2d",)),
    "rotary": Case(Rotary, ((10, 16),), ("factor", "attention")),
}
