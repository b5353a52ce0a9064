"""Pooling that torch does not have in this form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FractionalPool2d", "PNormPool2d", "PoolIndices2d", "Unpool2d"]


class FractionalPool2d(nn.Module):
    """nn.FractionalMaxPool2d whose windows are drawn in training alone; in inference they are those of the middle draw."""

    def __init__(self, kernel_size: int | tuple[int, int], output_size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:2], 2)
        samples = torch.rand(shape, dtype=x.dtype, device=x.device) if self.training else x.new_full(shape, 0.5)
        return functional.fractional_max_pool2d(x, self.kernel_size, self.output_size, _random_samples=samples)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, {self.output_size}"


class PNormPool2d(nn.Module):
    """The p-norm of every window; the same as nn.LPPool2d for even p, and no NaN for odd p. No gradient comes out of windows of zeros."""

    def __init__(self, p: int, kernel_size: int | tuple[int, int], stride: int | tuple[int, int], ceil_mode: bool = False) -> None:
        super().__init__()
        self.p = p
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        powers = x.pow(self.p) if self.p % 2 == 0 else x.abs().pow(self.p)
        sums = functional.avg_pool2d(powers, self.kernel_size, self.stride, ceil_mode=self.ceil_mode, divisor_override=1)
        del powers
        return sums.relu_().pow(1 / self.p)

    def extra_repr(self) -> str:
        return f"{self.p}, {self.kernel_size}, {self.stride}, ceil_mode={self.ceil_mode}"


class PoolIndices2d(nn.Module):
    """Where the maxima of max pooling lie, as int64."""

    def __init__(
        self,
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d_with_indices(x.detach(), self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)[1]

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, {self.stride}, padding={self.padding}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class Unpool2d(nn.Module):
    """Values put where the indices of max pooling say, zeros elsewhere; `output_size` is that of the image that was pooled."""

    def __init__(
        self, kernel_size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], output_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.output_size = output_size

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        return functional.max_unpool2d(x, indices, self.kernel_size, self.stride, self.padding, self.output_size)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, {self.stride}, {self.padding}, {self.output_size}"
