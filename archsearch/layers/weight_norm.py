"""Layers whose weights are a direction, of norm 1, times a length, one for each output (Salimans & Kingma 2016, arXiv:1602.07868)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["WeightNormConv2d", "WeightNormLinear"]


class WeightNormConv2d(nn.Module):
    """Convolution with weight norm."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, kernel_size, groups=groups, bias=bias)
        self.weight_g = nn.Parameter(plain.weight.detach().flatten(1).norm(dim=1).view(-1, 1, 1, 1))
        self.weight_v = nn.Parameter(plain.weight.detach())
        self.bias = plain.bias
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        weight = torch._weight_norm(self.weight_v, self.weight_g, 0)
        return functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return f"{tuple(self.weight_v.shape)}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, groups={self.groups}"


class WeightNormLinear(nn.Module):
    """Linear map with weight norm; the products are scaled, not the weights, of which there may be many more."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        plain = nn.Linear(in_features, out_features, bias=bias)
        self.weight_g = nn.Parameter(plain.weight.detach().norm(dim=1, keepdim=True))
        self.weight_v = nn.Parameter(plain.weight.detach())
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        scale = (self.weight_g / self.weight_v.norm(dim=1, keepdim=True)).squeeze(1)
        products = functional.linear(x, self.weight_v)
        result: Tensor = products * scale
        return result if self.bias is None else result.add_(self.bias)

    def extra_repr(self) -> str:
        return f"{self.weight_v.shape[1]}, {self.weight_v.shape[0]}, bias={self.bias is not None}"
