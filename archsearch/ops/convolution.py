"""Convolutions over images (C, H, W)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import (
    Channels,
    Cost,
    Inner,
    Layers,
    Op,
    Saved,
    Size,
    Window,
    check_counts,
    check_flags,
    check_sizes,
    pair,
    register,
    slide,
)
from archsearch.tensor import ShapeError, TensorSpec

__all__ = ["Conv2d", "DepthwiseConv2d", "SeparableConv2d"]


def half_padding(kernel: Size, dilation: Size) -> Size:
    """Padding that keeps the image size at stride 1 for odd kernels."""
    if isinstance(kernel, int) and isinstance(dilation, int):
        return dilation * (kernel - 1) // 2
    (kh, kw), (dh, dw) = pair(kernel), pair(dilation)
    return (dh * (kh - 1) // 2, dw * (kw - 1) // 2)


def convolved(op: Conv2d | DepthwiseConv2d | SeparableConv2d, x: TensorSpec, channels: int) -> TensorSpec:
    """Shape after the sliding window of `op`. Raises ShapeError when the window is larger than the padded image."""
    _, height, width = x.expect(rank=3, by=op.kind)
    sizes = [
        slide(size, k, s, p, d)
        for size, k, s, p, d in zip(
            (height, width), pair(op.kernel), pair(op.stride), pair(op.padding or 0), pair(op.dilation), strict=True
        )
    ]
    if min(sizes) < 1:
        raise ShapeError(
            f"{op.kind}: kernel={op.kernel} with dilation={op.dilation} does not fit into {x.shape} with "
            f"padding={op.padding}; use a smaller kernel, more padding, or fewer strides before it"
        )
    return TensorSpec((channels, *sizes))


def check_window(op: Conv2d | DepthwiseConv2d | SeparableConv2d) -> None:
    """Check and normalise kernel, stride, dilation and padding, check bias; padding that is not given becomes half the kernel."""
    check_sizes(op, "kernel", "stride", "dilation")
    if op.padding is None:
        object.__setattr__(op, "padding", half_padding(op.kernel, op.dilation))
    check_sizes(op, "padding", least=0)
    check_flags(op, "bias")


@register("conv2d")
@dataclass(frozen=True)
class Conv2d(Op):
    """(C, H, W) -> (channels, H', W'), H' = (H + 2*padding - dilation*(kernel-1) - 1) // stride + 1.

    `padding` not given is half the dilated kernel, so that stride 1 keeps the size for odd kernels.
    """

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "channels", "groups")
        check_window(self)

    def infer(self, x: TensorSpec) -> TensorSpec:
        out = convolved(self, x, self.channels)
        if x.channels % self.groups or self.channels % self.groups:
            raise ShapeError(
                f"conv2d: groups={self.groups} must divide {x.channels} input and {self.channels} output channels; "
                "use groups=1 or widths that it divides"
            )
        return out

    def cost(self, x: TensorSpec) -> Cost:
        _, height, width = self.infer(x).shape
        kh, kw = pair(self.kernel)
        weights = self.channels * (x.channels // self.groups) * kh * kw
        return Cost(params=weights + self.channels * self.bias, macs=weights * height * width)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride), pair(self.dilation))

    def channels_are(self) -> Channels:
        return "made" if self.groups == 1 else "mixed"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Conv2d(
            x.channels,
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )


@register("depthwise_conv2d")
@dataclass(frozen=True)
class DepthwiseConv2d(Op):
    """(C, H, W) -> (C * multiplier, H', W'): every channel has filters of its own; sizes as in conv2d."""

    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    multiplier: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "multiplier")
        check_window(self)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return convolved(self, x, x.channels * self.multiplier)

    def cost(self, x: TensorSpec) -> Cost:
        channels, height, width = self.infer(x).shape
        kh, kw = pair(self.kernel)
        weights = channels * kh * kw
        return Cost(params=weights + channels * self.bias, macs=weights * height * width)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride), pair(self.dilation))

    def channels_are(self) -> Channels:
        return "kept" if self.multiplier == 1 else "mixed"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        channels = x.channels
        return layers.Conv2d(
            channels,
            channels * self.multiplier,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=channels,
            bias=self.bias,
        )


@register("separable_conv2d")
@dataclass(frozen=True)
class SeparableConv2d(Op):
    """(C, H, W) -> (channels, H', W'): a depthwise convolution, then a 1x1 convolution (Chollet 2017, arXiv:1610.02357)."""

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    bias: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "channels")
        check_window(self)

    def _parts(self) -> tuple[DepthwiseConv2d, Conv2d]:
        depthwise = DepthwiseConv2d(self.kernel, self.stride, self.padding, self.dilation, bias=False)
        return depthwise, Conv2d(self.channels, 1, bias=self.bias)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return convolved(self, x, self.channels)

    def cost(self, x: TensorSpec) -> Cost:
        depthwise, pointwise = self._parts()
        first, second = depthwise.cost(x), pointwise.cost(depthwise.infer(x))
        return Cost(params=first.params + second.params, macs=first.macs + second.macs)

    def saved(self, x: TensorSpec) -> Saved:
        middle, pointwise = convolved(self, x, x.channels), self._parts()[1]
        return Saved(inputs=(0,), inner=(Inner(middle.elements, pointwise.cost(middle).params),), eval_elements=middle.elements)

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride), pair(self.dilation))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        depthwise, pointwise = self._parts()
        return layers.Sequential(depthwise.build(layers, x), pointwise.build(layers, depthwise.infer(x)))
