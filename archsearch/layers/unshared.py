"""Convolutions whose weights are not shared by all places, or that read listed channels alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["LocallyConnected2d", "SparseConv2d"]


class LocallyConnected2d(nn.Module):
    """Convolution with filters of its own for each of `height` x `width` places of the result."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        height: int,
        width: int,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.stride = stride
        self.padding = padding
        self.size = (height, width)
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        bound = fan_in**-0.5
        self.weight = nn.Parameter(torch.empty(height * width, out_channels, fan_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels, height, width).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        windows = functional.unfold(x, self.kernel_size, stride=self.stride, padding=self.padding)
        products = torch.bmm(self.weight, windows.permute(2, 1, 0))
        del windows
        result = products.permute(2, 1, 0).contiguous()
        if self.bias is not None:
            result += self.bias.flatten(1)
        return result.view(x.shape[0], -1, *self.size)

    def extra_repr(self) -> str:
        return (
            f"{self.weight.shape[1]} channels of {self.size}, kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        )


class SparseConv2d(nn.Module):
    """Convolution in which output channel i reads the input channels `table[i]` alone: one filter a connection, then sums."""

    source: Tensor
    target: Tensor

    def __init__(
        self,
        table: tuple[tuple[int, ...], ...],
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.channels = len(table)
        self.stride = stride
        self.padding = padding
        source = [channel for row in table for channel in row]
        target = [channel for channel, row in enumerate(table) for _ in row]
        self.register_buffer("source", torch.tensor(source, dtype=torch.int32), persistent=False)
        self.register_buffer("target", torch.tensor(target, dtype=torch.int32), persistent=False)
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        bounds = torch.tensor([(len(row) * kernel[0] * kernel[1]) ** -0.5 for row in table])
        weight = torch.empty(len(source), 1, *kernel).uniform_(-1, 1)
        self.weight = nn.Parameter(weight * bounds[target].view(-1, 1, 1, 1))
        self.bias = nn.Parameter(torch.empty(self.channels).uniform_(-1, 1) * bounds) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        read = x.index_select(1, self.source)
        parts = functional.conv2d(read, self.weight, None, self.stride, self.padding, groups=len(self.source))
        del read
        shape = (x.shape[0], self.channels, *parts.shape[2:])
        start = parts.new_zeros(shape) if self.bias is None else self.bias.view(-1, 1, 1).expand(shape).clone()
        return start.index_add_(1, self.target, parts)

    def extra_repr(self) -> str:
        return f"{self.channels}, {len(self.source)} connections, stride={self.stride}, padding={self.padding}"
