"""Windows of an image laid out as channels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Unfold2d"]

Size = int | tuple[int, int]


class Unfold2d(nn.Module):
    """(N, C, H, W) -> (N, C * kernel area, H', W'): what a window sees at each of its places, as nn.Unfold, as an image of `size`."""

    def __init__(self, kernel_size: Size, stride: Size, padding: Size, dilation: Size, size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        columns = functional.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)
        return columns.view(x.shape[0], columns.shape[1], *self.size)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, {self.stride}, {self.padding}, {self.dilation}, {self.size}"
