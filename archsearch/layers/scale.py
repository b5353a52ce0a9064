"""Multiplication by a fixed number."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Scale"]


class Scale(nn.Module):
    """x times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"{self.factor}"
