"""Pooling over images (C, H, W)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import (
    WHOLE,
    Channels,
    Cost,
    Layers,
    Op,
    Saved,
    Size,
    Window,
    check_counts,
    check_flags,
    check_number,
    check_sizes,
    pair,
    register,
)
from archsearch.ops.reading import UNSTATED, Reads, all_of, positions, sharing
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.tensor import ShapeError, TensorSpec

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "FractionalMaxPool2d",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "LPPool2d",
    "MaxPool2d",
]

FREE = Cost()


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """Places of a pooling window; with `ceil`, a last one that hangs over the border but starts inside it counts too."""
    places = (size + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1 if ceil else 0)) // stride + 1
    return places - 1 if ceil and (places - 1) * stride >= size + padding else places


def shared_out(x: TensorSpec, size: Size) -> Reads:
    """What pooling to a size reads."""
    (high, wide), (_, height, width) = pair(size), x.shape
    return all_of(height * width) if high * wide == 1 else Reads("window", sharing(height, high), sharing(width, wide))


class Pooling(Op):
    """What slides a window over every channel by itself; `stride` not given is the kernel."""

    kernel: Size
    stride: Size | None
    ceil: bool
    padding: Size = 0
    dilation: Size = 1
    stays = ("stride",)

    def __post_init__(self) -> None:
        if self.stride is None:
            object.__setattr__(self, "stride", self.kernel)
        check_sizes(self, "kernel", "stride", "dilation")
        check_sizes(self, "padding", least=0)
        check_flags(self, "ceil")
        if any(2 * p > k for p, k in zip(pair(self.padding), pair(self.kernel), strict=True)):
            raise ValueError(f"{self.kind}: padding={self.padding} must be at most half of kernel={self.kernel}")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, *image = x.expect(rank=3, by=self.kind)
        windows = zip(image, pair(self.kernel), pair(self.stride or 1), pair(self.padding), pair(self.dilation), strict=True)
        sizes = [pooled_size(*window, self.ceil) for window in windows]
        if min(sizes) < 1:
            raise ShapeError(
                f"{self.kind}: kernel={self.kernel} does not fit into {x.shape} with padding={self.padding}; "
                "use a smaller kernel or fewer strides before it"
            )
        return TensorSpec((channels, *sizes))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride or 1), pair(self.dilation), padding=pair(self.padding))

    def channels_are(self) -> Channels:
        return "kept"


@register("max_pool2d")
@dataclass(frozen=True)
class MaxPool2d(Pooling):
    """(C, H, W) -> (C, H', W'), the largest value of every window; `stride` not given is the kernel."""

    kernel: Size = 2
    stride: Size | None = None
    padding: Size = 0
    dilation: Size = 1
    ceil: bool = False

    def saved(self, x: TensorSpec) -> Saved:
        places = self.infer(x).elements
        return Saved(inputs=(0,), indices=places, eval_indices=places)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.MaxPool2d(self.kernel, stride=self.stride, padding=self.padding, dilation=self.dilation, ceil_mode=self.ceil)


@register("avg_pool2d")
@dataclass(frozen=True)
class AvgPool2d(Pooling):
    """(C, H, W) -> (C, H', W'), the mean of every window; `count_padding`: zeros of the padding count in the mean."""

    kernel: Size = 2
    stride: Size | None = None
    padding: Size = 0
    ceil: bool = False
    count_padding: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flags(self, "count_padding")

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AvgPool2d(
            self.kernel, stride=self.stride, padding=self.padding, ceil_mode=self.ceil, count_include_pad=self.count_padding
        )


@register("lp_pool2d")
@dataclass(frozen=True)
class LPPool2d(Pooling):
    """(C, H, W) -> (C, H', W'), the p-norm of every window: sum of |x| for p = 1, near the maximum for large p (arXiv:1204.3968)."""

    p: int = 2
    kernel: Size = 2
    stride: Size | None = None
    ceil: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts(self, "p")

    def saved(self, x: TensorSpec) -> Saved:
        powers, sums = x.elements, self.infer(x).elements
        one, each = Amount(sums), Amount(powers)
        root = (3 * one, -2 * one, LET_GO, one, -2 * one, each, -one, -each, each, each, each)
        if self.p % 2 == 0:
            return Saved(inputs=(0,), elements=powers + sums, eval_elements=max(powers, sums), backward=moments(*root))
        return Saved(
            inputs=(0,), elements=2 * powers + sums, eval_elements=max(2 * powers - sums, powers, sums),
            backward=moments(*root, -3 * each, each, each),
        )  # fmt: skip

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PNormPool2d(self.p, self.kernel, self.stride, ceil_mode=self.ceil)


@register("fractional_max_pool2d")
@dataclass(frozen=True)
class FractionalMaxPool2d(Op):
    """(C, H, W) -> (C, *size), or ratio * H and ratio * W rounded down: the largest values of windows that are spread unevenly.

    Where the windows lie is drawn anew for every sample and channel in training, and fixed in inference (Graham 2014, arXiv:1412.6071).
    The ratio is 1 / sqrt(2) if neither is given.
    """

    kernel: Size = 2
    size: Size | None = None
    ratio: float | None = None
    random = True
    either = ("size", "ratio")

    def __post_init__(self) -> None:
        if self.size is not None and self.ratio is not None:
            raise ValueError(f"fractional_max_pool2d: size={self.size} and ratio={self.ratio} are given; give one of them")
        check_sizes(self, "kernel", *(["size"] if self.size is not None else []))
        if self.size is None:
            object.__setattr__(self, "ratio", 0.5**0.5 if self.ratio is None else self.ratio)
            check_number(self, "ratio", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, *image = x.expect(rank=3, by=self.kind)
        sizes = pair(self.size) if self.size is not None else [int(side * (self.ratio or 0)) for side in image]
        if any(not 1 <= size <= side - kernel + 1 for size, side, kernel in zip(sizes, image, pair(self.kernel), strict=True)):
            raise ShapeError(
                f"fractional_max_pool2d: {tuple(sizes)} windows with kernel={self.kernel} do not fit into {x.shape}; "
                "use a smaller size or kernel, or a larger image"
            )
        return TensorSpec((channels, *sizes))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        places = self.infer(x).elements
        drawn = 2 * x.channels
        made = Amount(drawn + places, indices=places)
        return Saved(inputs=(0,), indices=places, eval_elements=drawn, eval_indices=places, training=(made,))

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "kept"

    def reads(self, x: TensorSpec) -> Reads:
        return UNSTATED  # windows are drawn

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.FractionalPool2d(self.kernel, self.infer(x).shape[1:])


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

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(positions(x))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveAvgPool2d(1)


@register("global_max_pool2d")
@dataclass(frozen=True)
class GlobalMaxPool2d(Op):
    """(C, H, W) -> (C, 1, 1), the largest value of every channel."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.expect(rank=3, by=self.kind)[0], 1, 1))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,), indices=x.channels, eval_indices=x.channels)

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "kept"

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(positions(x))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveMaxPool2d(1)


@register("adaptive_avg_pool2d")
@dataclass(frozen=True)
class AdaptiveAvgPool2d(Op):
    """(C, H, W) -> (C, *size): means over windows that share the image out evenly, overlapping where they must."""

    size: Size

    def __post_init__(self) -> None:
        check_sizes(self, "size")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.expect(rank=3, by=self.kind)[0], *pair(self.size)))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved() if self.size == 1 else Saved(inputs=(0,))  # one place is a plain mean

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "kept"

    def reads(self, x: TensorSpec) -> Reads:
        return shared_out(x, self.size)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveAvgPool2d(self.size)


@register("adaptive_max_pool2d")
@dataclass(frozen=True)
class AdaptiveMaxPool2d(Op):
    """(C, H, W) -> (C, *size): largest values of windows that share the image out evenly, overlapping where they must."""

    size: Size

    def __post_init__(self) -> None:
        check_sizes(self, "size")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.expect(rank=3, by=self.kind)[0], *pair(self.size)))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        places = self.infer(x).elements
        return Saved(inputs=(0,), indices=places, eval_indices=places)

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "kept"

    def reads(self, x: TensorSpec) -> Reads:
        return shared_out(x, self.size)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveMaxPool2d(self.size)
