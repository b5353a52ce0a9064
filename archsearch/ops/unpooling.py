"""Max pooling that says where the maxima lie, and the way back from there (Zeiler & Fergus 2013, arXiv:1311.2901)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import Channels, Cost, Layers, Op, Saved, Size, Window, check_sizes, pair, register
from archsearch.ops.pooling import FREE, Pooling
from archsearch.ops.reading import Reads, spreading
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["MaxPoolIndices2d", "MaxUnpool2d"]


@register("max_pool_indices2d")
@dataclass(frozen=True)
class MaxPoolIndices2d(Pooling):
    """(C, H, W) -> (C, H', W'), int64: in which pixel of its channel, counted row by row, each value of MaxPool2d lies."""

    kernel: Size = 2
    stride: Size | None = None
    padding: Size = 0
    dilation: Size = 1
    ceil: bool = False
    integer = True

    def saved(self, x: TensorSpec) -> Saved:
        places = self.infer(x).elements
        return Saved(elements=places, gradient="none", eval_elements=places)  # torch makes the values too, and drops them

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PoolIndices2d(
            pair(self.kernel), pair(self.stride or 1), padding=pair(self.padding), dilation=pair(self.dilation), ceil_mode=self.ceil
        )


@register("max_unpool2d")
@dataclass(frozen=True)
class MaxUnpool2d(Op):
    """Values (C, H, W) and indices of MaxPoolIndices2d -> (C, H', W'): each value back in its pixel, zeros elsewhere.

    H' = (H - 1)*stride - 2*padding + kernel, or `size`, which is that of the image that was pooled.
    """

    kernel: Size = 2
    stride: Size | None = None
    padding: Size = 0
    size: Size | None = None
    stays = ("stride",)

    def __post_init__(self) -> None:
        if self.stride is None:
            object.__setattr__(self, "stride", self.kernel)
        check_sizes(self, "kernel", "stride", *(["size"] if self.size is not None else []))
        check_sizes(self, "padding", least=0)

    def infer(self, x: TensorSpec, indices: TensorSpec) -> TensorSpec:
        channels, *image = x.expect(rank=3, by=self.kind)
        if indices != x:
            raise ShapeError(f"max_unpool2d needs an index for each value, got {x.shape} and {indices.shape}; pool both with one window")
        strides = pair(self.stride or 1)
        windows = zip(image, pair(self.kernel), strides, pair(self.padding), strict=True)
        plain = [(size - 1) * s - 2 * p + k for size, k, s, p in windows]
        sizes = pair(self.size) if self.size is not None else tuple(plain)
        if min(sizes) < 1 or any(abs(size - usual) >= s for size, usual, s in zip(sizes, plain, strides, strict=True)):
            raise ShapeError(
                f"max_unpool2d: {x.shape} with kernel={self.kernel} and stride={self.stride} cannot come from an image of {sizes}; "
                f"use a size near {tuple(plain)}"
            )
        return TensorSpec((channels, *sizes))

    def cost(self, x: TensorSpec, indices: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec, indices: TensorSpec) -> Saved:
        return Saved(inputs=(1,), handed="view")

    def window(self) -> Window:
        """Pooling windows that cover one pixel."""
        stride = pair(self.stride or 1)
        high, wide = ((k - 1) // s + 1 for k, s in zip(pair(self.kernel), stride, strict=True))
        return Window((high, wide), up=stride)

    def reads(self, x: TensorSpec, indices: TensorSpec) -> Reads:
        windows = zip(pair(self.kernel), pair(self.stride or 1), pair(self.padding), strict=True)
        down, across = (spreading(kernel, stride, padding, 1) for kernel, stride, padding in windows)
        return Reads("window", down, across)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return zeros[0]

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec, indices: TensorSpec) -> Any:
        return layers.Unpool2d(pair(self.kernel), pair(self.stride or 1), pair(self.padding), self.infer(x, indices).shape[1:])
