"""Maxout."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Maxout"]


class Maxout(nn.Module):
    """The largest of every `pieces` neighbours along an axis, the batch being axis 0."""

    def __init__(self, axis: int, pieces: int) -> None:
        super().__init__()
        self.axis = axis
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        pieces = x.reshape(*x.shape[: self.axis], -1, self.pieces, *x.shape[self.axis + 1 :])
        return pieces.max(self.axis + 1).values

    def extra_repr(self) -> str:
        return f"{self.axis}, {self.pieces}"
