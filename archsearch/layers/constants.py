"""Numbers of the network's own beside a value: added to it, or multiplied with it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Factor", "Offset"]


class Offset(nn.Module):
    """x plus numbers of a shape without the batch, whose axes of length 1 stretch; they are learned, or a buffer."""

    weight: Tensor

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], learned: bool) -> None:
        super().__init__()
        self.axes = axes
        self.learned = learned
        if learned:
            self.weight = nn.Parameter(torch.zeros(shape))
        else:
            self.register_buffer("weight", torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {self.axes}, {self.learned}"


class Factor(nn.Module):
    """x times numbers of a shape without the batch, whose axes of length 1 stretch; they are learned, or a buffer."""

    weight: Tensor

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], learned: bool) -> None:
        super().__init__()
        self.axes = axes
        self.learned = learned
        if learned:
            self.weight = nn.Parameter(torch.ones(shape))
        else:
            self.register_buffer("weight", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {self.axes}, {self.learned}"
