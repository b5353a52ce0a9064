"""Kinds of attention, small, as people write them: all must come in as our own ops, none as calls of torch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.importer_modules import Case


class Parts(nn.Module):
    """Queries, keys and values (N, heads, T, d) of 10 tokens from one map, and the way back."""

    def __init__(self, features: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.features, self.heads = features, heads
        self.qkv, self.out = nn.Linear(features, 3 * features), nn.Linear(features, features)

    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        batch, tokens, _ = x.shape
        return self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)

    def joined(self, x: Tensor) -> Tensor:
        return self.out(x.transpose(1, 2).flatten(2))


class Normed(Parts):
    """Queries and keys normalised by head, by layer norm and by length; a learned temperature, a learned bias, a fixed mask."""

    def __init__(self) -> None:
        super().__init__()
        self.query_norm, self.key_norm = nn.LayerNorm(8), nn.LayerNorm(8)
        self.temperature, self.bias = nn.Parameter(torch.rand(2, 1, 1) + 1), nn.Parameter(torch.randn(1, 2, 10, 10))
        self.register_buffer("mask", torch.rand(10, 10) > 0.3)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        x = x + self.joined(functional.scaled_dot_product_attention(self.query_norm(q), self.key_norm(k), v, attn_mask=self.mask))
        q, k, v = self.parts(x) if self.training else (x.view(len(x), 10, 2, 8).transpose(1, 2),) * 3
        scores = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1) * self.temperature
        return ((scores + self.bias).softmax(-1) @ v).transpose(1, 2).flatten(2)


class Masked(Parts):
    """A causal mask, and one that lets all through."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        open_ = torch.ones(10, 10, dtype=torch.bool)
        plain = functional.scaled_dot_product_attention(q, k, v, attn_mask=open_)
        x = self.joined(plain + functional.scaled_dot_product_attention(q, k, v, is_causal=True))
        return functional.scaled_dot_product_attention(x, x, x, is_causal=True)


class Wide(nn.Module):
    """Values wider than keys, maps between the heads before and behind the softmax, one source for queries and another for the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(12, 8), nn.Linear(6, 8), nn.Linear(6, 20)
        self.before, self.behind = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        q = self.q(x).view(len(x), 7, 2, 4).transpose(1, 2)
        k = self.k(other).view(len(x), 5, 2, 4).transpose(1, 2)
        v = self.v(other).view(len(x), 5, 2, 10).transpose(1, 2)
        scores = self.behind(self.before(q @ k.transpose(2, 3) * 0.5).softmax(-1))
        return (scores @ v).transpose(1, 2).reshape(len(x), 7, 20)


class Reduced(nn.Module):
    """Queries of all positions, keys and values of an image that a strided convolution makes smaller (PVT)."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.reduce, self.norm = nn.Linear(8, 8), nn.Linear(8, 16), nn.Conv2d(8, 8, 2, 2), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q = self.q(tokens).reshape(batch, height * width, 2, 4).permute(0, 2, 1, 3)
        small = self.reduce(tokens.permute(0, 2, 1).reshape(batch, channels, height, width)).reshape(batch, channels, -1).permute(0, 2, 1)
        k, v = self.kv(self.norm(small)).reshape(batch, -1, 2, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = ((q @ k.transpose(-2, -1)) * 4**-0.5).softmax(dim=-1) @ v
        return mixed.transpose(1, 2).reshape(batch, height * width, channels)


class LinearAttention(Parts):
    """Attention without softmax, by the product of keys and values, over its sum."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        q, k = functional.elu(q) + 1, functional.relu(k)
        return self.joined(q @ (k.transpose(-2, -1) @ v))


class GlobalContext(nn.Module):
    """Softmax over the positions of an image, the sum of its pixels by that, added to all of them (GCNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.weigh, self.change = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 1, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        batch, channels, _, _ = x.shape
        weights = self.weigh(x).view(batch, 1, -1).softmax(2).unsqueeze(-1)
        context = torch.matmul(x.view(batch, channels, -1).unsqueeze(1), weights).view(batch, channels, 1, 1)
        return x + self.change(context)


KINDS_OF_ATTENTION = {
    "normed": Case(Normed, ((10, 16),), ("scores", "l2_norm", "offset", "row_softmax", "weighted_sum")),
    "masked": Case(Masked, ((10, 16),), ("attention", "offset")),
    "wide": Case(Wide, ((7, 12), (5, 6)), ("scores", "weighted_sum", "conv2d")),
    "reduced": Case(Reduced, ((8, 4, 6),), ("cross_attention",)),
    "linear_attention": Case(LinearAttention, ((10, 16),), ("context", "lookup")),
    "global_context": Case(GlobalContext, ((3, 6, 7),), ("softmax", "upsample")),
}
