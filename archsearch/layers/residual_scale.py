"""Modules that scale a value by learned numbers, or drop it at random."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["LayerScale", "ScalarGate", "StochasticDepth"]


class LayerScale(nn.Module):
    """x times a learned number for each channel, last in tokens, third from the end in an `image`."""

    def __init__(self, channels: int, init: float, image: bool) -> None:
        super().__init__()
        self.channels = channels
        self.init = init
        self.image = image
        self.weight = nn.Parameter(torch.full((channels, 1, 1) if image else (channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.init}, {self.image}"


class ScalarGate(nn.Module):
    """x times one learned number."""

    def __init__(self, init: float) -> None:
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.full((1,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight

    def extra_repr(self) -> str:
        return f"{self.init}"


class StochasticDepth(nn.Module):
    """In training, zeros in place of a whole sample with probability p, and 1 / (1 - p) times the others."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty([x.shape[0]] + [1] * (x.dim() - 1)).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"{self.p}"
