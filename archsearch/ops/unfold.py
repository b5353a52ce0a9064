"""Windows of an image laid out as channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from archsearch.ops.base import Cost, Layers, Op, Saved, Size, Window, check_sizes, pair, register, slide
from archsearch.ops.saved import Amount
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Unfold2d"]


@register("unfold2d")
@dataclass(frozen=True)
class Unfold2d(Op):
    """(C, H, W) -> (C * kernel area, H', W'): what a window sees at each of its places, channel by channel, sizes as for conv2d."""

    kernel: Size = 3
    stride: Size = 1
    padding: Size = 0
    dilation: Size = 1

    def __post_init__(self) -> None:
        check_sizes(self, "kernel", "stride", "dilation")
        check_sizes(self, "padding", least=0)

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, *image = x.expect(rank=3, by=self.kind)
        windows = zip(image, pair(self.kernel), pair(self.stride), pair(self.padding), pair(self.dilation), strict=True)
        sizes = [slide(*window) for window in windows]
        if min(sizes) < 1:
            raise ShapeError(f"unfold2d: kernel={self.kernel} does not fit into {x.shape}; use a smaller kernel, or more padding")
        return TensorSpec((channels * prod(pair(self.kernel)), *sizes))

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        # on the CPU torch makes the gradient in a tensor as large as that of the columns, where that is larger
        columns = self.infer(x).elements
        return Saved(joins=True, spread=columns if columns > x.elements else 0, backward=(Amount(max(x.elements, columns)),))

    def window(self) -> Window:
        return Window(pair(self.kernel), pair(self.stride), pair(self.dilation), padding=pair(self.padding))

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        _, height, width = self.infer(x).shape
        return layers.Unfold2d(self.kernel, self.stride, self.padding, self.dilation, (height, width))
