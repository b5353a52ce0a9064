"""Pooling over images (C, H, W) by norms, and by windows that are drawn."""

from __future__ import annotations

from collections.abc import Sequence
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
    check_number,
    check_sizes,
    pair,
    register,
)
from archsearch.ops.pooling import FREE, Pooling
from archsearch.ops.reading import UNSTATED, Reads
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["FractionalMaxPool2d", "LPPool2d"]


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

    def normal(self, x: TensorSpec) -> Op:
        return self.plain(x)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

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

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.FractionalPool2d(self.kernel, self.infer(x).shape[1:])
