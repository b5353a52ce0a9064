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


FAMILIES = {
    "lengths": Case(Lengths, ((3, 6, 7),), ("l2_norm", "l2_norm2d", "rms_norm", "rms_norm2d", "layer_scale")),
    "root_mean_square": Case(RootMeanSquare, ((3, 6, 7),), ("rms_norm", "rms_norm2d")),
    "ratio": Case(Ratio, ((3, 6, 7),), ("div",)),
}
