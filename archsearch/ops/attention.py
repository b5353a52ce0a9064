"""Attention over tokens (T, D), all of them or window by window, between the linear maps that pack and unpack it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from archsearch.ops.attention_memory import Parts, features_of, unfused, windowed
from archsearch.ops.base import POINT, WHOLE, Cost, Layers, Op, Saved, Size, Window, check_counts, check_flags, check_sizes, pair, register
from archsearch.ops.layout import Layouts
from archsearch.ops.reading import Reads, all_of, in_groups
from archsearch.ops.saved import LET_GO, Amount, Handed, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Attention", "CrossAttention", "FromWindows", "RelativeAttention", "WindowAttention", "Windows"]


@register("attention")
@dataclass(frozen=True)
class Attention(Op):
    """(T, 3 * D) -> (T, D): softmax(q k' / sqrt(D / heads)) v for every head (Vaswani et al. 2017, arXiv:1706.03762).

    The input is queries, keys and values side by side, from a linear map. `fused`: in one kernel, which keeps no T x T numbers
    (Dao et al. 2022, arXiv:2205.14135); what is kept is stated as on the CPU.
    """

    heads: int
    fused: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "heads")
        check_flags(self, "fused")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.shape[0], features_of(self, x, 3, self.heads)))

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(macs=2 * x.shape[0] * self.infer(x).elements)

    def saved(self, x: TensorSpec) -> Saved:
        tokens, out = x.shape[0], self.infer(x).elements
        if not self.fused:
            return unfused(Parts(3 * out, out, out, self.heads * tokens**2, joined=self.heads > 1))
        logarithms = Amount(wide=self.heads * tokens)
        return Saved(inputs=(0,), output=True, more=logarithms, inference=(Amount(out) + logarithms,))

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(x.shape[0])

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Attention(self.heads, self.fused)


@register("cross_attention")
@dataclass(frozen=True)
class CrossAttention(Op):
    """(T, D), (S, 2 * D) -> (T, D): attention with queries from the first input, keys and values, side by side, from the second.

    `fused` as in attention.
    """

    heads: int
    fused: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "heads")
        check_flags(self, "fused")

    def infer(self, queries: TensorSpec, x: TensorSpec) -> TensorSpec:
        wide, packed = features_of(self, queries, 1, self.heads), features_of(self, x, 2, self.heads)
        if wide != packed:
            raise ShapeError(
                f"cross_attention needs (T, D) and (S, 2 * D), got {queries.shape} and {x.shape}; put linear({2 * wide}) before the second"
            )
        return queries

    def cost(self, queries: TensorSpec, x: TensorSpec) -> Cost:
        return Cost(macs=2 * x.shape[0] * self.infer(queries, x).elements)

    def saved(self, queries: TensorSpec, x: TensorSpec, gaps: bool = False) -> Saved:
        if not self.fused:
            scores, apart = self.heads * queries.shape[0] * x.shape[0], queries.elements if gaps or self.heads > 1 else 0
            return unfused(Parts(x.elements, queries.elements, x.elements // 2, scores, apart, joined=self.heads > 1))
        logarithms = Amount(wide=self.heads * queries.shape[0])
        return Saved(inputs=(0, 1), output=True, more=logarithms, inference=(Amount(queries.elements) + logarithms,))

    def saved_behind(self, layouts: Layouts, queries: TensorSpec, x: TensorSpec) -> Saved:
        return self.saved(queries, x, layouts[0] is not None)

    def window(self) -> Window:
        return WHOLE

    def reads(self, queries: TensorSpec, x: TensorSpec) -> Reads:
        return all_of(x.shape[0])

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return zeros[1]

    def build(self, layers: Layers, queries: TensorSpec, x: TensorSpec) -> Any:
        return layers.CrossAttention(self.heads, self.fused)


def shape_of(op: RelativeAttention | WindowAttention, x: TensorSpec) -> TensorSpec:
    """Shape after attention in windows. Raises ShapeError when tokens or features do not fit."""
    features, places = features_of(op, x, 3, op.heads), prod(pair(op.size))
    if x.shape[0] % places:
        raise ShapeError(f"{op.kind}: size={op.size} needs a multiple of {places} tokens, got shape {x.shape}; insert windows before it")
    return TensorSpec((x.shape[0], features))


def windowed_cost(op: RelativeAttention | WindowAttention, x: TensorSpec) -> Cost:
    """The table of biases, its index, and two matrix products a window."""
    (high, wide), out = pair(op.size), shape_of(op, x).elements
    table = (2 * high - 1) * (2 * wide - 1) * op.heads
    return Cost(params=table, buffers=(high * wide) ** 2, places=(high * wide) ** 2, macs=2 * high * wide * out)


def windowed_saved(op: RelativeAttention | WindowAttention, x: TensorSpec, masked: int = 0) -> Saved:
    """One copy of queries, keys and values, and the softmax; `masked` windows have a mask."""
    places = prod(pair(op.size))
    return windowed(x.elements, op.heads * x.shape[0] * places, op.heads, places, masked, windowed_cost(op, x).params)


@register("relative_attention")
@dataclass(frozen=True)
class RelativeAttention(Op):
    """(T, 3 * D) -> (T, D): attention among tokens in groups of height * width, with a learned bias for the distance (arXiv:2106.04803).

    `size` is the (height, width) of a group as an image. Products of queries and keys are divided by the root of the features
    of a head, or of all D with `scale_by_all` (Tu et al. 2022, arXiv:2204.01697).
    """

    heads: int
    size: Size
    scale_by_all: bool = False

    def __post_init__(self) -> None:
        check_counts(self, "heads")
        check_sizes(self, "size")
        check_flags(self, "scale_by_all")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return shape_of(self, x)

    def cost(self, x: TensorSpec) -> Cost:
        return windowed_cost(self, x)

    def saved(self, x: TensorSpec) -> Saved:
        return windowed_saved(self, x)

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return in_groups(x.shape[0], prod(pair(self.size)))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        features = self.infer(x).shape[1]
        scaled = features if self.scale_by_all else features // self.heads
        return layers.RelativeAttention(self.heads, pair(self.size), scaled**-0.5)


def check_tiling(op: WindowAttention | Tiling) -> None:
    """Check and normalise the sides of the image, the size of its windows, and how far it is rolled."""
    check_counts(op, "height", "width")
    check_sizes(op, "size")
    check_sizes(op, "shift", least=0)
    if any(shift >= size for shift, size in zip(pair(op.shift), pair(op.size), strict=True)):
        raise ValueError(f"{op.kind}: shift={op.shift} must be less than size={op.size}")


def filled(op: WindowAttention | Tiling) -> tuple[int, int]:
    """Sides of the image, filled up to multiples of the window."""
    high, wide = pair(op.size)
    return -(-op.height // high) * high, -(-op.width // wide) * wide


@register("window_attention")
@dataclass(frozen=True)
class WindowAttention(Op):
    """(T, 3 * D) -> (T, D): attention within windows, with a learned bias for the distance (Liu et al. 2021, arXiv:2103.14030).

    The tokens are those of an image of height * width after `windows` with the same fields; where `shift` has brought together
    opposite borders of the image, nothing is read across them.
    """

    heads: int
    height: int
    width: int
    size: Size = 7
    shift: Size = 0

    def __post_init__(self) -> None:
        check_counts(self, "heads")
        check_tiling(self)

    def infer(self, x: TensorSpec) -> TensorSpec:
        if x.expect(rank=2, by=self.kind)[0] != prod(filled(self)):
            raise ShapeError(
                f"window_attention: height={self.height} x width={self.width} in windows of size={self.size} is {prod(filled(self))} "
                f"tokens, got shape {x.shape}; insert windows with the same fields before it"
            )
        return shape_of(self, x)

    def cost(self, x: TensorSpec) -> Cost:
        return windowed_cost(self, x)

    def saved(self, x: TensorSpec) -> Saved:
        return windowed_saved(self, x, masked=x.shape[0] // prod(pair(self.size)) if self.shift != 0 else 0)

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return in_groups(x.shape[0], prod(pair(self.size)))._replace(masked=True)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        scale = (self.infer(x).shape[1] // self.heads) ** -0.5
        return layers.WindowAttention(self.heads, filled(self), pair(self.size), pair(self.shift), scale)


class Tiling(Op):
    """What the ways into windows and back share.

    `height`, `width`: sides of the image whose tokens come, row by row; `size`: of a window; `shift`: how far the image is rolled up
    and to the left first; `strided`: the tokens of a window lie equally far apart all over the image, not side by side.
    """

    height: int
    width: int
    size: Size
    shift: Size
    strided: bool

    def __post_init__(self) -> None:
        check_tiling(self)
        check_flags(self, "strided")

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def tokens(self, x: TensorSpec, expected: int) -> int:
        """Features of the tokens. Raises ShapeError when there are not as many tokens as expected."""
        tokens, features = x.expect(rank=2, by=self.kind)
        if tokens != expected:
            raise ShapeError(
                f"{self.kind}: height={self.height} x width={self.width} with size={self.size} needs {expected} tokens, "
                f"got shape {x.shape}; give the image's size"
            )
        return features

    def tiling(self) -> tuple[int, ...]:
        """What says in which order tokens come."""
        return (self.height, self.width, *pair(self.size), *pair(self.shift), self.strided)

    def is_reordered(self) -> bool:
        """Whether the order in windows is another than row by row."""
        (rows, columns), (high, wide) = filled(self), pair(self.size)
        if self.strided:
            sizes, order = (high, rows // high, wide, columns // wide), (1, 3, 0, 2)
        else:
            sizes, order = (rows // high, high, columns // wide, wide), (0, 2, 1, 3)
        kept = [axis for axis in order if sizes[axis] > 1]
        return kept != sorted(kept)

    def through(self, x: TensorSpec, made: list[int], handed: Handed) -> Saved:
        """What is kept, given the elements of all tensors that are made one after the other."""
        if not made:
            return Saved(view=True, eval_view=True, gradient="view")
        forward = tuple([Amount(a + b) for a, b in pairwise(made)])
        first, *others = [x.elements, *made[:-1]][::-1]
        back, last = [Amount(first), LET_GO], first
        for size in others:
            back, last = [*back, Amount(size), Amount(-last)], size
        return Saved(handed=handed, training=forward, inference=forward, backward=moments(*back) if others else ())

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        saved = self.saved(x)
        return Saved(gradient="view") if saved.view else saved  # laid in order, if by nothing else

    def window(self) -> Window:
        return POINT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)


@register("windows")
@dataclass(frozen=True)
class Windows(Tiling):
    """(height * width, D) -> (T, D): tokens in the order of the windows that they lie in; sides are filled up with zeros."""

    height: int
    width: int
    size: Size = 7
    shift: Size = 0
    strided: bool = False

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((prod(filled(self)), self.tokens(x, self.height * self.width)))

    def saved(self, x: TensorSpec) -> Saved:
        out = self.infer(x)
        changes = (out != x, self.shift != 0, self.is_reordered())
        return self.through(x, [out.elements] * sum(changes), "view")

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("tiles", sides=(self.height, self.width), tiling=self.tiling())

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Windows((self.height, self.width), pair(self.size), pair(self.shift), self.strided)


@register("from_windows")
@dataclass(frozen=True)
class FromWindows(Tiling):
    """(T, D) -> (height * width, D): the way back from `windows` with the same fields; what was filled up is dropped."""

    height: int
    width: int
    size: Size = 7
    shift: Size = 0
    strided: bool = False

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((self.height * self.width, self.tokens(x, prod(filled(self)))))

    def saved(self, x: TensorSpec, gaps: bool = False) -> Saved:
        out = self.infer(x)
        made = [x.elements] * sum((gaps or self.is_reordered(), self.shift != 0))
        handed: Handed = "whole" if self.is_reordered() else "view"  # a gradient that is brought back into order is a tensor of its own
        return self.through(x, made if out == x else [*made, out.elements], handed)

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        return super().saved_behind(layouts, x) if self.saved(x).view else self.saved(x, gaps=True)

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("untiled", sides=(self.height, self.width), tiling=self.tiling())

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.FromWindows((self.height, self.width), pair(self.size), pair(self.shift), self.strided)
