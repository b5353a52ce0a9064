"""Pooling over images (C, H, W)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import WHOLE, Channels, Cost, Layers, Op, Saved, Size, Window, check_flags, check_sizes, pair, register
from archsearch.tensor import ShapeError, TensorSpec

__all__ = ["AvgPool2d", "GlobalAvgPool2d", "MaxPool2d"]

FREE = Cost()


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """Places of a pooling window; with `ceil`, a last one that hangs over the border but starts inside it counts too."""
    places = (size + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1 if ceil else 0)) // stride + 1
    return places - 1 if ceil and (places - 1) * stride >= size + padding else places


def pooled(op: MaxPool2d | AvgPool2d, x: TensorSpec, dilation: Size) -> TensorSpec:
    """Shape after pooling. Raises ShapeError when the window is larger than the padded image."""
    channels, height, width = x.expect(rank=3, by=op.kind)
    sizes = [
        pooled_size(size, k, s, p, d, op.ceil)
        for size, k, s, p, d in zip((height, width), pair(op.kernel), pair(op.stride or 1), pair(op.padding), pair(dilation), strict=True)
    ]
    if min(sizes) < 1:
        raise ShapeError(
            f"{op.kind}: kernel={op.kernel} does not fit into {x.shape} with padding={op.padding}; "
            "use a smaller kernel or fewer strides before it"
        )
    return TensorSpec((channels, *sizes))


def check_window(op: MaxPool2d | AvgPool2d) -> None:
    """Check and normalise the window; a stride that is not given is the kernel."""
    if op.stride is None:
        object.__setattr__(op, "stride", op.kernel)
    check_sizes(op, "kernel", "stride")
    check_sizes(op, "padding", least=0)
    check_flags(op, "ceil")
    if any(2 * p > k for p, k in zip(pair(op.padding), pair(op.kernel), strict=True)):
        raise ValueError(f"{op.kind}: padding={op.padding} must be at most half of kernel={op.kernel}")


@register("max_pool2d")
@dataclass(frozen=True)
class MaxPool2d(Op):
    """(C, H, W) -> (C, H', W'), the largest value of every window; `stride` not given is the kernel."""

    kernel: Size = 2
    stride: Size | None = None
    padding: Size = 0
    dilation: Size = 1
    ceil: bool = False

    def __post_init__(self) -> None:
        check_window(self)
        check_sizes(self, "dilation")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return pooled(self, x, self.dilation)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        places = self.infer(x).elements
        return Saved(inputs=(0,), indices=places, eval_indices=places)

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride or 1), pair(self.dilation))

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.MaxPool2d(self.kernel, stride=self.stride, padding=self.padding, dilation=self.dilation, ceil_mode=self.ceil)


@register("avg_pool2d")
@dataclass(frozen=True)
class AvgPool2d(Op):
    """(C, H, W) -> (C, H', W'), the mean of every window; `count_padding`: zeros of the padding count in the mean."""

    kernel: Size = 2
    stride: Size | None = None
    padding: Size = 0
    ceil: bool = False
    count_padding: bool = True

    def __post_init__(self) -> None:
        check_window(self)
        check_flags(self, "count_padding")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return pooled(self, x, 1)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride or 1))

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AvgPool2d(
            self.kernel, stride=self.stride, padding=self.padding, ceil_mode=self.ceil, count_include_pad=self.count_padding
        )


@register("global_avg_pool2d")
@dataclass(frozen=True)
class GlobalAvgPool2d(Op):
    """(C, H, W) -> (C, 1, 1), the mean of every channel."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.expect(rank=3, by=self.kind)[0], 1, 1))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveAvgPool2d(1)
