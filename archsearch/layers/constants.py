"""Numbers of the network's own: added to a value, multiplied with it, or a value of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Factor", "Latents", "Offset"]


class Numbers(nn.Module):
    """Numbers of a shape without the batch, whose axes of length 1 stretch; they are learned, or a buffer, and `first` all the same."""

    weight: Tensor

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], learned: bool, first: float) -> None:
        super().__init__()
        self.axes = axes
        self.learned = learned
        if learned:
            self.weight = nn.Parameter(torch.full(shape, first))
        else:
            self.register_buffer("weight", torch.full(shape, first))

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {self.axes}, {self.learned}"


class Offset(Numbers):
    """x plus numbers."""

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], learned: bool) -> None:
        super().__init__(shape, axes, learned, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


class Factor(Numbers):
    """x times numbers."""

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], learned: bool) -> None:
        super().__init__(shape, axes, learned, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Latents(nn.Module):
    """Learned numbers (N, *shape), the same for each of the N samples of x."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(x.shape[0], *self.weight.shape).clone()

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}"
