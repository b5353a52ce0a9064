"""Pooling over images (C, H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from archsearch.ops.base import (
    WHOLE,
    Channels,
    Cost,
    Layers,
    Op,
    Saved,
    Size,
    Window,
    check_flags,
    check_sizes,
    pair,
    register,
)
from archsearch.ops.merge import Identity
from archsearch.ops.reading import Reads, all_of, positions, sharing
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "MaxPool2d",
]

FREE = Cost()


def fewest_strides(places: Sequence[int], sizes: Sequence[int], stride: Size, windows: Sequence[int]) -> Size:
    """The stride, but the smallest that gives one place along an axis where there is only one: `windows` are what one spans."""
    found = [
        max(size - window, 0) + 1 if number == 1 else step
        for number, size, step, window in zip(places, sizes, pair(stride), windows, strict=True)
    ]
    return (found[0], found[1])


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

    def plain(self, x: TensorSpec) -> Self:
        """The op without what does not count there: strides where nothing follows, spreading of one pixel, a last window that is whole."""
        padded = [size + 2 * padding for size, padding in zip(x.shape[1:], pair(self.padding), strict=True)]
        spread = [1 if kernel == 1 else apart for kernel, apart in zip(pair(self.kernel), pair(self.dilation), strict=True)]
        spans = [apart * (kernel - 1) + 1 for kernel, apart in zip(pair(self.kernel), spread, strict=True)]
        out = self.infer(x)
        found: Self = replace(self, stride=fewest_strides(out.shape[1:], padded, self.stride or 1, spans), ceil=False)  # type: ignore[type-var]
        if hasattr(found, "dilation") and self.dilation != 1:
            found = replace(found, dilation=(spread[0], spread[1]))  # type: ignore[type-var]
        fits = all(size >= span for size, span in zip(padded, spans, strict=True))
        return found if found != self and fits and found.infer(x) == out else self

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

    def normal(self, x: TensorSpec) -> Op:
        """Windows of one pixel choose nothing, so they need no indices; one window over the whole image is global."""
        if self.kernel == 1:
            return AvgPool2d(1, self.stride, ceil=self.ceil).normal(x)
        if pair(self.kernel) == x.shape[1:] and self.padding == 0 and self.dilation == 1 and self.infer(x).shape[1:] == (1, 1):
            return GlobalMaxPool2d()
        return self.plain(x)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        """Windows that are spread out may see nothing but padding, which is minus infinity."""
        return all(zeros) and (self.padding == 0 or self.dilation == 1)

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

    def normal(self, x: TensorSpec) -> Op:
        if self.kernel == 1 and self.stride == 1:
            return Identity()
        if pair(self.kernel) == x.shape[1:] and self.padding == 0 and self.infer(x).shape[1:] == (1, 1):
            return GlobalAvgPool2d()
        plain = self.plain(x)
        return plain if plain.count_padding or plain.padding != 0 else replace(plain, count_padding=True)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

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

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(positions(x))

    def normal(self, x: TensorSpec) -> Op:
        return Identity() if x.shape[1:] == (1, 1) else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

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

    def normal(self, x: TensorSpec) -> Op:
        return Identity() if x.shape[1:] == (1, 1) else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveMaxPool2d(1)


def even_windows(x: TensorSpec, size: Size) -> Size | None:
    """Windows that lie side by side, where the image can be shared out so."""
    _, height, width = x.shape
    high, wide = pair(size)
    return None if height % high or width % wide else (height // high, width // wide)


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

    def normal(self, x: TensorSpec) -> Op:
        kernel = even_windows(x, self.size)
        return self if kernel is None else AvgPool2d(kernel).normal(x)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

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

    def normal(self, x: TensorSpec) -> Op:
        kernel = even_windows(x, self.size)
        return self if kernel is None else MaxPool2d(kernel).normal(x)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.AdaptiveMaxPool2d(self.size)
