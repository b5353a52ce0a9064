"""Modules as people write them, to be imported: small, each in a style of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm


class Functional(nn.Module):
    """LeNet by calls of functions, with a view that says how many features there are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256, 40)
        self.fc2 = nn.Linear(40, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.tanh(self.conv2(x)), (2, 2))
        x = x.view(-1, 16 * 4 * 4)
        x = functional.dropout(functional.leaky_relu(self.fc1(x), 0.2), 0.3, training=self.training)
        return functional.log_softmax(self.fc2(x), dim=1)


def nested_sequential() -> nn.Module:
    """Sequentials within Sequentials, activations written in place."""

    def block(inputs: int, outputs: int) -> nn.Sequential:
        norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding="same", bias=False), norm, nn.SiLU(inplace=True))

    body = nn.Sequential(block(3, 8), nn.Sequential(block(8, 12), nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(12, 5), nn.Softmax(-1))
    return nn.Sequential(body, head)


class Looped(nn.Module):
    """A loop over a ModuleList, all features in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(3 if i == 0 else 8, 8, 3, stride=2, padding=1) for i in range(3))
        self.heads = nn.ModuleDict({"mask-out": nn.Conv2d(8, 2, 1), "label": nn.Linear(8, 4)})

    def forward(self, x: Tensor) -> dict[str, Tensor | None]:
        features = []
        for stage in self.stages:
            x = stage(x).relu_()
            features.append(x)
        mask = functional.interpolate(self.heads["mask-out"](features[0]), scale_factor=2, mode="nearest")
        return {"label": self.heads["label"](x.mean(dim=(2, 3))), "nothing": None, "mask": mask, "deep": features[-1]}


class Up(nn.Module):
    """One step of a U-Net up, with a border for odd sizes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.mix = nn.Sequential(nn.Conv2d(2 * outputs, outputs, 3, padding=1), nn.GroupNorm(2, outputs), nn.ReLU())

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        down, across = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = functional.pad(x, [across // 2, across - across // 2, down // 2, down - down // 2])
        return self.mix(torch.cat([skip, x], dim=1))


class UNet(nn.Module):
    """Two steps down, two up, over images of odd size."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")
        self.down1 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.InstanceNorm2d(16, affine=True), nn.PReLU(16))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=2, dilation=2), nn.ELU())
        self.up1, self.up2 = Up(24, 16), Up(16, 8)
        self.outc = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))


class ViTBlock(nn.Module):
    """An encoder block around nn.MultiheadAttention, whose weights of attention come out and are dropped."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y, y, y)[0]
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """A vision transformer by hand: bare parameters, a class token, the first token read."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 4, stride=4)
        self.cls = nn.Parameter(torch.randn(1, 1, 24))
        self.pos = nn.Parameter(torch.randn(1, 17, 24))
        self.blocks = nn.ModuleList(ViTBlock(24, 3) for _ in range(2))
        self.head = nn.Linear(24, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


class FusedAttention(nn.Module):
    """Queries, keys and values from one linear map, in the order that many write, and scaled_dot_product_attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        x = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(batch, tokens, width))


class Registers(nn.Module):
    """Two learned tokens, attention by chunks and by an explicit softmax, a mean over the tokens that are no registers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(12, 16)
        self.registers = nn.Parameter(torch.randn(2, 16))
        self.fused = FusedAttention(16, 4)
        self.to_q, self.to_k, self.to_v = nn.Linear(16, 16), nn.Linear(16, 16, bias=False), nn.Linear(16, 16)
        self.gamma = nn.Parameter(torch.randn(16))
        self.gate = nn.Parameter(torch.tensor(0.3))

    def explicit(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.to_q, self.to_k, self.to_v))
        scores = torch.einsum("bhid,bhjd->bhij", q, k) / 4**0.5
        return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)

    @staticmethod
    def split(x: Tensor) -> Tensor:
        return x.view(x.size(0), x.size(1), 4, 4).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = torch.cat([self.registers.unsqueeze(0).repeat(x.shape[0], 1, 1), x], 1)
        x = x + self.gamma * self.fused(x)
        x = x + self.gate * self.explicit(x)
        return x[:, 2:].mean(1)


class Reader(nn.Module):
    """Two inputs: queries that read a memory, by nn.MultiheadAttention with tokens first."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(16, 2)
        self.norm = nn.LayerNorm(16)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        q, m = queries.transpose(0, 1), memory.transpose(0, 1)
        return self.norm(q + self.attn(q, m, m, need_weights=False)[0]).transpose(0, 1)


def encoder() -> nn.Module:
    """Torch's own encoder."""
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class Gates(nn.Module):
    """Squeeze-and-excitation in four ways of writing it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8), nn.Sigmoid())
        self.conv = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Hardsigmoid())
        self.spatial = nn.Conv2d(8, 1, 3, padding=1)
        self.rows, self.old = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x.mean((2, 3))).view(x.shape[0], x.shape[1], 1, 1)
        x = x * y.expand_as(x)
        x = self.conv(x) * x
        x = x * torch.sigmoid(self.spatial(x))
        x = x * self.rows(x.mean(3, keepdim=True)).sigmoid()
        y = self.old(functional.adaptive_avg_pool2d(x, (1, 1)))
        x = x * (functional.relu6(y + 3.0, inplace=True) / 6.0)
        return x * functional.relu6(x + 3) / 6 + x.sum((2, 3), keepdim=True).expand_as(x).mul(0.01) * x


class Shuffle(nn.Module):
    """Channels cut, shuffled by views, brought together; a shortcut of every other pixel with channels of zeros beside."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.separable = nn.Sequential(nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False), nn.Conv2d(12, 12, 1))
        self.down = nn.Conv2d(12, 20, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        x = torch.cat((kept, self.depthwise(changed)), 1)
        batch, channels, height, width = x.shape
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(batch, channels, height, width)
        x = functional.relu(self.separable(x), inplace=True)
        shortcut = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4))
        return functional.hardswish(self.down(x) + shortcut)


class WindowBlock(nn.Module):
    """Attention within windows that are shifted, by hand: borders, rolls, masks and a table of biases."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.norm = nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        rows, columns = torch.arange(window).repeat_interleave(window), torch.arange(window).repeat(window)
        down, across = (places[:, None] - places + window - 1 for places in (rows, columns))
        self.register_buffer("index", (down * (2 * window - 1) + across).view(-1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, features = x.shape
        size, shortcut = self.window, x
        down, across = -height % size, -width % size
        x = functional.pad(self.norm(x), (0, 0, 0, across, 0, down))
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), dims=(1, 2))
        rows, columns = x.shape[1] // size, x.shape[2] // size
        x = x.view(-1, rows, size, columns, size, features).permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, features)
        x = self.attention(x, rows, columns)
        x = x.view(-1, rows, columns, size, size, features).permute(0, 1, 3, 2, 4, 5).reshape(-1, rows * size, columns * size, features)
        if self.shift:
            x = torch.roll(x, (self.shift, self.shift), dims=(1, 2))
        return shortcut + x[:, :height, :width]

    def attention(self, x: Tensor, rows: int, columns: int) -> Tensor:
        groups, tokens, features = x.shape
        q, k, v = self.qkv(x).reshape(groups, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q * (features // self.heads) ** -0.5 @ k.transpose(-2, -1)
        scores = scores + self.table[self.index].view(tokens, tokens, -1).permute(2, 0, 1).unsqueeze(0)
        if self.shift:
            mask = self.mask(x, rows, columns).unsqueeze(1).unsqueeze(0)
            scores = scores.view(-1, rows * columns, self.heads, tokens, tokens) + mask
            scores = scores.view(-1, self.heads, tokens, tokens)
        x = (scores.softmax(-1) @ v).transpose(1, 2).reshape(groups, tokens, features)
        return self.proj(x)

    def mask(self, x: Tensor, rows: int, columns: int) -> Tensor:
        size, shift = self.window, self.shift
        regions = x.new_zeros((rows * size, columns * size))
        for i, down in enumerate((slice(0, -size), slice(-size, -shift), slice(-shift, None))):
            for j, across in enumerate((slice(0, -size), slice(-size, -shift), slice(-shift, None))):
                regions[down, across] = 3 * i + j
        regions = regions.view(rows, size, columns, size).permute(0, 2, 1, 3).reshape(rows * columns, size * size)
        apart = regions.unsqueeze(1) - regions.unsqueeze(2)
        return apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)


class Swin(nn.Module):
    """Windows, shifted windows, patches merged; channels last throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 2, 2)
        self.blocks = nn.Sequential(WindowBlock(8, 2, 4, 0), WindowBlock(8, 2, 4, 2))
        self.norm, self.reduction = nn.LayerNorm(32), nn.Linear(32, 16, bias=False)
        self.last = WindowBlock(16, 4, 4, 0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.patches(x).permute(0, 2, 3, 1))
        x = functional.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        x = self.last(self.reduction(self.norm(x)))
        return x.permute(0, 3, 1, 2).mean((2, 3))


class DropPath(nn.Module):
    """Stochastic depth as other libraries have it."""

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * x.new_empty((len(x), *[1] * (x.dim() - 1))).bernoulli_(1 - self.drop_prob) / (1 - self.drop_prob)


class ConvNeXt(nn.Module):
    """Fixed preprocessing in buffers, a block with channels last and a layer scale, a norm of images by permutations."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.2, 0.3, 0.1]).view(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.norm1, self.norm2 = nn.LayerNorm(8, eps=1e-6), nn.LayerNorm(8, eps=1e-6)
        self.dwconv = nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.pwconv1, self.pwconv2 = nn.Linear(8, 32), nn.Linear(32, 8)
        self.gamma = nn.Parameter(torch.full((8,), 0.1))
        self.drop_path = DropPath(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem((x - self.mean) / self.std)
        x = self.norm1(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = self.norm2(self.dwconv(x).permute(0, 2, 3, 1))
        y = (self.gamma * self.pwconv2(functional.gelu(self.pwconv1(y)))).permute(0, 3, 1, 2)
        return x + self.drop_path(y)


class SuperResolution(nn.Module):
    """Residuals that are scaled, pixels shuffled, a subtraction and a clamp."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 8, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.Softplus(), nn.Conv2d(8, 8, (1, 3), padding=(0, 1)))
        self.tail = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(2 * x - 1)
        y = y + 0.1 * self.body(y)
        wide = functional.interpolate(x, size=(2 * x.shape[2], 2 * x.shape[3]), mode="bicubic", align_corners=True)
        return torch.clamp(self.tail(y) - wide, -1, 1)


class Audio(nn.Module):
    """Convolutions over (N, C, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(4, 8, 5, stride=2, padding=2, bias=False), nn.Conv1d(8, 8, 3, dilation=2, groups=2)
        self.norm, self.up = nn.BatchNorm1d(8), nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool1d(functional.relu(self.norm(self.conv1(x))), 2)
        x = self.up(self.conv2(x))
        return self.head(x.mean(-1))


class SegNet(nn.Module):
    """Maxima put back where they were."""

    def __init__(self) -> None:
        super().__init__()
        self.enc, self.dec = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 2, 3, padding=1)
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enc(x)
        pooled, indices = self.pool(x)
        return self.dec(self.unpool(pooled, indices, output_size=x.shape[2:]))


class Heads(NamedTuple):
    """What a detector's head returns."""

    boxes: Tensor
    scores: Tensor


class Detector(nn.Module):
    """Features from two levels to one list of boxes, by views and permutations; a named tuple comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.box = nn.ModuleList(nn.Conv2d(8, 2 * 4, 1) for _ in range(2))
        self.score = nn.ModuleList(nn.Conv2d(8, 2 * 3, 1) for _ in range(2))

    @staticmethod
    def rows(x: Tensor, width: int) -> Tensor:
        batch, _, height, wide = x.shape
        return x.view(batch, -1, width, height, wide).permute(0, 3, 4, 1, 2).reshape(batch, -1, width)

    def forward(self, x: Tensor) -> Heads:
        a = functional.mish(self.one(x))
        levels = (a, functional.mish(self.two(a)))
        boxes = torch.cat([self.rows(head(level), 4) for head, level in zip(self.box, levels, strict=True)], 1)
        scores = torch.cat([self.rows(head(level), 3) for head, level in zip(self.score, levels, strict=True)], 1)
        return Heads(boxes, scores.sigmoid())


class Selective(nn.Module):
    """Branches stacked and weighed by a softmax among them."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(6, 8, 2 * i + 1, padding=i) for i in (1, 2))
        self.down, self.up = nn.Linear(8, 4), nn.Linear(4, 16)

    def forward(self, x: Tensor) -> Tensor:
        features = torch.stack([branch(x) for branch in self.branches], dim=1)
        weights = self.up(functional.relu(self.down(features.sum(1).mean((2, 3))))).view(-1, 2, 8, 1, 1)
        return (features * weights.softmax(1)).sum(dim=1)


class Mixed(nn.Module):
    """Bare matrices for linear maps, a mixer's transposes, layers that torch spells out in many calls."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(12, 10)), nn.Parameter(torch.randn(10))
        self.tokens, self.lrn = nn.Linear(9, 9), nn.LocalResponseNorm(3, alpha=0.1)
        self.root = nn.RMSNorm(10, eps=1e-6)
        self.last = nn.Sequential(nn.Tanhshrink(), nn.Softsign(), nn.LPPool2d(2, 2), nn.Softmin(dim=1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.lrn(x).flatten(2).permute(0, 2, 1) @ self.weight + self.bias
        y = y + self.tokens(y.transpose(1, 2)).transpose(1, 2)
        return self.root(y), self.last(x)


class Extras(nn.Module):
    """What is rarer: norms of whole images and of rows, weight norm, frames one by one, odd pooling, calls of einsum and movedim."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = nn.LayerNorm([4, 6, 6])
        self.direction = weight_norm(nn.Conv2d(4, 8, 3, padding=1))
        self.flat, self.frame, self.point = nn.BatchNorm1d(8), nn.Conv2d(2, 3, 3), nn.Conv2d(8, 8, 1, bias=False)
        self.bias = nn.Parameter(torch.randn(8, 1, 1))
        self.mix, self.last = nn.Parameter(torch.randn(8, 8)), weight_norm(nn.Linear(8, 5))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.whole(x)
        batch = x.shape[0]
        frames = self.frame(x.unflatten(1, (2, 2)).flatten(0, 1)).view(batch, 6, 4, 4)
        y = self.point(self.direction(x)) + self.bias
        rows = torch.movedim(y, 1, -1).reshape(batch * 36, 8)
        rows = self.flat(rows).view(batch, 36, 8)
        rows = functional.glu(torch.cat([rows, torch.einsum("btd,de->bte", rows, self.mix)], -1), -1)
        pooled = functional.adaptive_max_pool2d(functional.pixel_unshuffle(y, 2), (2, 3))
        return [self.last(rows.square().mean(1)), pooled.amax((2, 3)), -frames.narrow(1, 1, 3)[..., 1:3, -2:]]


class Case(NamedTuple):
    """A module, the shapes of its inputs without the batch, and some kinds of ops that must come out."""

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    kinds: tuple[str, ...] = ()


CASES = {
    "functional": Case(Functional, ((1, 28, 28),), ("conv2d", "flatten", "dropout", "log_softmax")),
    "nested_sequential": Case(nested_sequential, ((3, 15, 17),), ("batch_norm2d", "silu", "global_avg_pool2d")),
    "looped": Case(Looped, ((3, 16, 16),), ("upsample",)),
    "unet": Case(UNet, ((3, 21, 18),), ("conv_transpose2d", "pad2d", "concat", "instance_norm2d", "prelu")),
    "vit": Case(ViT, ((3, 16, 16),), ("class_token", "position_embedding", "attention", "take_token")),
    "registers": Case(Registers, ((5, 12),), ("class_token", "layer_scale", "scalar_gate")),
    "reader": Case(Reader, ((3, 16), (5, 16)), ("cross_attention",)),
    "encoder": Case(encoder, ((6, 16),), ("attention", "layer_norm", "dropout")),
    "gates": Case(Gates, ((8, 6, 5),), ("mul", "adaptive_avg_pool2d", "hardsigmoid", "hardswish")),
    "shuffle": Case(Shuffle, ((12, 8, 8),), ("channel_shuffle", "depthwise_conv2d", "separable_conv2d", "pad_channels")),
    "swin": Case(Swin, ((3, 20, 28),), ("windows", "window_attention", "from_windows", "patch_merge")),
    "convnext": Case(ConvNeXt, ((3, 16, 16),), ("frozen_batch_norm2d", "layer_norm2d", "layer_scale", "stochastic_depth")),
    "super_resolution": Case(SuperResolution, ((3, 7, 6),), ("pixel_shuffle", "scale", "hardtanh", "upsample")),
    "audio": Case(Audio, ((4, 32),), ("conv2d", "batch_norm2d", "conv_transpose2d")),
    "segnet": Case(SegNet, ((3, 8, 8),), ("max_pool_indices2d", "max_unpool2d")),
    "detector": Case(Detector, ((3, 16, 12),), ("box_rows", "join_tokens")),
    "selective": Case(Selective, ((6, 5, 5),), ("radix_softmax",)),
    "extras": Case(Extras, ((4, 6, 6),), ("weight_norm_conv2d", "weight_norm_linear", "glu", "pixel_unshuffle", "crop2d")),
    "mixed": Case(Mixed, ((12, 3, 3),), ("linear", "local_response_norm", "rms_norm", "lp_pool2d", "softmin")),
}
