"""Transposed convolution: learned up-sampling."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from archsearch.ops.base import (
    Channels,
    Cost,
    Layers,
    Op,
    Saved,
    Side,
    Size,
    Window,
    check_counts,
    check_flags,
    check_sizes,
    pair,
    register,
)
from archsearch.ops.reading import Reads, spreading
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["ConvTranspose2d"]


@register("conv_transpose2d")
@dataclass(frozen=True)
class ConvTranspose2d(Op):
    """(C, H, W) -> (channels, H', W'), H' = (H - 1)*stride - 2*padding + dilation*(kernel-1) + output_padding + 1.

    The gradient of a convolution as a layer of its own (Zeiler et al. 2010); the defaults double an image. Boxes (N, C, H, W) are
    convolved one by one, all with the same weights.
    """

    channels: int
    kernel: Size = 2
    stride: Size = 2
    padding: Size = 0
    output_padding: Size = 0
    dilation: Size = 1
    groups: int = 1
    bias: bool = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        check_counts(self, "channels", "groups")
        check_sizes(self, "kernel", "stride", "dilation")
        check_sizes(self, "padding", "output_padding", least=0)
        check_flags(self, "bias")
        for more, stride, dilation in zip(pair(self.output_padding), pair(self.stride), pair(self.dilation), strict=True):
            if more >= max(stride, dilation):
                raise ValueError(
                    f"conv_transpose2d: output_padding={self.output_padding} must be under stride={self.stride} or dilation={self.dilation}"
                )

    def infer(self, x: TensorSpec) -> TensorSpec:
        if len(x.shape) != 4:
            x.expect(rank=3, by=self.kind)
        *boxes, channels, height, width = x.shape
        if channels % self.groups or self.channels % self.groups:
            raise ShapeError(
                f"conv_transpose2d: groups={self.groups} must divide {channels} input and {self.channels} output channels; "
                "use groups=1 or widths that it divides"
            )
        windows = (self.kernel, self.stride, self.padding, self.dilation, self.output_padding)
        sizes = [
            (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1
            for size, kernel, stride, padding, dilation, more in zip((height, width), *map(pair, windows), strict=True)
        ]
        if min(sizes) < 1:
            raise ShapeError(f"conv_transpose2d: padding={self.padding} cuts away all of {x.shape}; use less padding or a larger kernel")
        return TensorSpec((*boxes, self.channels, *sizes))

    def cost(self, x: TensorSpec) -> Cost:
        fan_out = self.channels // self.groups * prod(pair(self.kernel))
        return Cost(params=x.width * fan_out + self.channels * self.bias, macs=fan_out * x.elements)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def window(self) -> Window:
        """Input positions whose windows cover one output position."""
        kernel, stride, dilation = pair(self.kernel), pair(self.stride), pair(self.dilation)
        high, wide = (d * (k - 1) // s + 1 for k, s, d in zip(kernel, stride, dilation, strict=True))
        return Window((high, wide), up=stride)

    def reads(self, x: TensorSpec) -> Reads:
        windows = zip(*map(pair, (self.kernel, self.stride, self.padding, self.dilation)), strict=True)
        down, across = (spreading(*window) for window in windows)
        return Reads("window", down, across)

    def channels_are(self) -> Channels:
        return "made" if self.groups == 1 else "mixed"

    def tensor_axes(self, name: str) -> tuple[Side, Side]:
        if self.groups > 1:
            return ("", "")
        return ("in", "out") if name == "weight" else ("out", "")

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        make = layers.ConvTranspose2d if len(x.shape) == 3 else layers.BoxConvTranspose2d
        return make(
            x.width,
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            groups=self.groups,
            bias=self.bias,
            dilation=self.dilation,
        )
