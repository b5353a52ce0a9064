"""Modules that cut parts out of a value, as views."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Crop2d", "Slice"]


class Slice(nn.Module):
    """`length` places of an axis from `start` on, the batch being axis 0."""

    def __init__(self, axis: int, start: int, length: int) -> None:
        super().__init__()
        self.axis = axis
        self.start = start
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        return x.narrow(self.axis, self.start, self.length)

    def extra_repr(self) -> str:
        return f"{self.axis}, {self.start}, {self.length}"


class Crop2d(nn.Module):
    """A window of images (N, C, H, W): `height` rows from `top` on, `width` columns from `left` on."""

    def __init__(self, top: int, left: int, height: int, width: int) -> None:
        super().__init__()
        self.top = top
        self.left = left
        self.height = height
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        rows = x if x.shape[2] == self.height else x.narrow(2, self.top, self.height)
        return rows if rows.shape[3] == self.width else rows.narrow(3, self.left, self.width)

    def extra_repr(self) -> str:
        return f"{self.top}, {self.left}, {self.height}, {self.width}"
