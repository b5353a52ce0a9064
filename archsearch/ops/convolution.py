"""Convolutions over images (C, H, W), one or, where it says so, one a box (N, C, H, W)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from archsearch.ops.base import (
    Channels,
    Cost,
    Inner,
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
    slide,
)
from archsearch.ops.saved import Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Conv2d", "CoordConv2d", "DepthwiseConv2d", "SeparableConv2d"]


def half_padding(kernel: Size, dilation: Size) -> Size:
    """Padding that keeps the image size at stride 1 for odd kernels."""
    if isinstance(kernel, int) and isinstance(dilation, int):
        return dilation * (kernel - 1) // 2
    (kh, kw), (dh, dw) = pair(kernel), pair(dilation)
    return (dh * (kh - 1) // 2, dw * (kw - 1) // 2)


class Convolution(Op):
    """What slides a window over an image; `padding` not given is half the dilated kernel."""

    kernel: Size
    stride: Size
    padding: Size | None
    bias: bool
    dilation: Size = 1
    takes_boxes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_sizes(self, "kernel", "stride", "dilation")
        if self.padding is None:
            object.__setattr__(self, "padding", half_padding(self.kernel, self.dilation))
        check_sizes(self, "padding", least=0)
        check_flags(self, "bias")

    def slid(self, x: TensorSpec, channels: int) -> TensorSpec:
        """Shape after the window. Raises ShapeError when it is larger than the padded image."""
        if not (self.takes_boxes and len(x.shape) == 4):
            x.expect(rank=3, by=self.kind)
        windows = zip(x.shape[-2:], pair(self.kernel), pair(self.stride), pair(self.padding or 0), pair(self.dilation), strict=True)
        sizes = [slide(*window) for window in windows]
        if min(sizes) < 1:
            raise ShapeError(
                f"{self.kind}: kernel={self.kernel} with dilation={self.dilation} does not fit into {x.shape} with "
                f"padding={self.padding}; use a smaller kernel, more padding, or fewer strides before it"
            )
        return TensorSpec((*x.shape[:-3], channels, *sizes))

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride), pair(self.dilation), padding=pair(self.padding or 0))

    def plain(self, x: TensorSpec) -> Self:
        """The op without what does not count there: strides where nothing follows, dilation along an axis of one pixel."""
        spread = [1 if kernel == 1 else apart for kernel, apart in zip(pair(self.kernel), pair(self.dilation), strict=True)]
        stride = list(pair(self.stride))
        for axis, (size, places) in enumerate(zip(x.shape[-2:], self.infer(x).shape[-2:], strict=True)):
            if places == 1:
                stride[axis] = size + 2 * pair(self.padding or 0)[axis] - spread[axis] * (pair(self.kernel)[axis] - 1)
        plain = {"stride": tuple(stride), **({"dilation": tuple(spread)} if any(f.name == "dilation" for f in fields(self)) else {})}  # type: ignore[arg-type]
        found = replace(self, **plain)  # type: ignore[type-var]
        return self if found == self else found

    def normal(self, x: TensorSpec) -> Op:
        return self.plain(x)


@register("conv2d")
@dataclass(frozen=True)
class Conv2d(Convolution):
    """(C, H, W) -> (channels, H', W'), H' = (H + 2*padding - dilation*(kernel-1) - 1) // stride + 1.

    `padding` not given is half the dilated kernel, so that stride 1 keeps the size for odd kernels. Boxes (N, C, H, W) are
    convolved one by one, all with the same weights.
    """

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    groups: int = 1
    bias: bool = True
    takes_boxes = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        check_counts(self, "channels", "groups")
        super().__post_init__()

    def infer(self, x: TensorSpec) -> TensorSpec:
        out, channels = self.slid(x, self.channels), x.width
        if channels % self.groups or self.channels % self.groups:
            raise ShapeError(
                f"conv2d: groups={self.groups} must divide {channels} input and {self.channels} output channels; "
                "use groups=1 or widths that it divides"
            )
        return out

    def cost(self, x: TensorSpec) -> Cost:
        kh, kw = pair(self.kernel)
        fan_in = (x.width // self.groups) * kh * kw
        return Cost(params=self.channels * (fan_in + self.bias), macs=fan_in * self.infer(x).elements)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def normal(self, x: TensorSpec) -> Op:
        """Depthwise where every channel is a group of its own; one channel is no group."""
        plain, channels = self.plain(x), x.shape[-3]
        if self.groups == 1 or self.groups != channels or len(x.shape) != 3:
            return plain
        multiplier = self.channels // channels
        return DepthwiseConv2d(plain.kernel, plain.stride, plain.padding, plain.dilation, multiplier, plain.bias)

    def channels_are(self) -> Channels:
        return "made" if self.groups == 1 else "mixed"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        make = layers.Conv2d if len(x.shape) == 3 else layers.BoxConv2d
        return make(
            x.width,
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )


def plain_of(op: Any) -> Conv2d:
    """The plain convolution of the sizes of another kind."""
    return Conv2d(op.channels, op.kernel, op.stride, op.padding, op.dilation, op.groups, op.bias)


@register("depthwise_conv2d")
@dataclass(frozen=True)
class DepthwiseConv2d(Convolution):
    """(C, H, W) -> (C * multiplier, H', W'): every channel has filters of its own; sizes as in conv2d."""

    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    multiplier: int = 1
    bias: bool = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        check_counts(self, "multiplier")
        super().__post_init__()

    def infer(self, x: TensorSpec) -> TensorSpec:
        return self.slid(x, x.channels * self.multiplier)

    def cost(self, x: TensorSpec) -> Cost:
        channels, height, width = self.infer(x).shape
        kh, kw = pair(self.kernel)
        weights = channels * kh * kw
        return Cost(params=weights + channels * self.bias, macs=weights * height * width)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def normal(self, x: TensorSpec) -> Op:
        plain = self.plain(x)
        if x.channels > 1:
            return plain
        return Conv2d(plain.multiplier, plain.kernel, plain.stride, plain.padding, plain.dilation, bias=plain.bias)

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
class SeparableConv2d(Convolution):
    """(C, H, W) -> (channels, H', W'): a depthwise convolution, then a 1x1 convolution (Chollet 2017, arXiv:1610.02357)."""

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    bias: bool = True
    kernel_tensors = ("0.weight",)

    def __post_init__(self) -> None:
        check_counts(self, "channels")
        super().__post_init__()

    def _parts(self) -> tuple[DepthwiseConv2d, Conv2d]:
        depthwise = DepthwiseConv2d(self.kernel, self.stride, self.padding, self.dilation, bias=False)
        return depthwise, Conv2d(self.channels, 1, bias=self.bias)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return self.slid(x, self.channels)

    def cost(self, x: TensorSpec) -> Cost:
        depthwise, pointwise = self._parts()
        first, second = depthwise.cost(x), pointwise.cost(depthwise.infer(x))
        return Cost(params=first.params + second.params, macs=first.macs + second.macs)

    def saved(self, x: TensorSpec) -> Saved:
        middle, pointwise = self.slid(x, x.channels), self._parts()[1]
        return Saved(inputs=(0,), inner=(Inner(middle.elements, pointwise.cost(middle).params),), eval_elements=middle.elements)

    def channels_are(self) -> Channels:
        return "made"

    def tensor_axes(self, name: str) -> tuple[Side, Side]:
        return ("in", "") if name == "0.weight" else ("out", "in")

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        depthwise, pointwise = self._parts()
        return layers.Sequential(depthwise.build(layers, x), pointwise.build(layers, depthwise.infer(x)))


@register("coord_conv2d")
@dataclass(frozen=True)
class CoordConv2d(Convolution):
    """Conv2d that also reads the coordinates of every pixel, from -1 to 1 (Liu et al. 2018, arXiv:1807.03247).

    The channels that it reads are the input's, row, column, and with `radius` the distance to the middle.
    """

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    radius: bool = False
    bias: bool = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        check_counts(self, "channels")
        check_flags(self, "radius")
        super().__post_init__()

    def _read(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return TensorSpec((x.channels + 2 + self.radius, *x.shape[1:]))

    def _convolution(self) -> Conv2d:
        return Conv2d(self.channels, self.kernel, self.stride, self.padding, bias=self.bias)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return self.slid(x, self.channels)

    def cost(self, x: TensorSpec) -> Cost:
        inner, (_, height, width) = self._convolution().cost(self._read(x)), x.shape
        return Cost(params=inner.params, buffers=height + width + height * width * self.radius, macs=inner.macs)

    def saved(self, x: TensorSpec) -> Saved:
        read, learned = self._read(x).elements, Amount(weights=self.cost(x).params)
        # The gradient of the input is a part of that of all channels.
        return Saved(
            elements=read, eval_elements=read, spread=read, backward=moments(Amount(read) + learned), front=moments(learned)
        )  # fmt: skip

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.CoordConv2d(
            x.channels,
            self.channels,
            self.kernel,
            *x.shape[1:],
            radius=self.radius,
            stride=self.stride,
            padding=self.padding,
            bias=self.bias,
        )
