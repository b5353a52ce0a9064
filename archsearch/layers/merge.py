"""Modules of several inputs, and of none."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Add", "Concat", "Div", "Mul", "Zero"]


class Add(nn.Module):
    """Sum of values of one shape."""

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        if not others:
            return first
        total = first + others[0]
        for other in others[1:]:
            total += other
        return total


class Concat(nn.Module):
    """Values side by side along an axis, the batch being axis 0."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *values: Tensor) -> Tensor:
        return torch.cat(values, self.axis)

    def extra_repr(self) -> str:
        return f"{self.axis}"


class Div(nn.Module):
    """Quotient of two values; axes of length 1 stretch."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a / b


class Mul(nn.Module):
    """Product of two values; axes of length 1 stretch."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


class Zero(nn.Module):
    """Zeros in the shape of the input, or of the samples given."""

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x) if self.shape is None else x.new_zeros((x.shape[0], *self.shape))

    def extra_repr(self) -> str:
        return "" if self.shape is None else f"{self.shape}"
