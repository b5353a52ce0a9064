"""Convolutions whose filters have mean 0 and variance 1 (Qiao et al. 2019, arXiv:1903.10520)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["WeightStandardConv2d"]


class WeightStandardConv2d(nn.Module):
    """Convolution by standardised filters; with a gain, each is `scale` times a learned number of its own (arXiv:2101.08692)."""

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
        eps: float = 1e-6,
        gain: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, kernel_size, groups=groups, bias=bias)
        self.weight = nn.Parameter(plain.weight.detach())
        self.gain = nn.Parameter(torch.ones(out_channels)) if gain else None
        self.bias = plain.bias
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.eps = eps
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        gain = None if self.gain is None else self.gain * self.scale
        filters = self.weight.view(1, len(self.weight), -1)  # batch norm over one sample, whose channels are the filters
        filters = functional.batch_norm(filters, None, None, gain, training=True, momentum=0.0, eps=self.eps)
        return functional.conv2d(x, filters.view(self.weight.shape), self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        sizes = f"{tuple(self.weight.shape)}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, groups={self.groups}"
        return f"{sizes}, eps={self.eps}, gain={self.gain is not None}, scale={self.scale}"
