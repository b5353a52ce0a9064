"""Ops between images (C, H, W) and tokens (T, D), and over tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from archsearch.ops.base import MAX_FIELD, POINT, WHOLE, Cost, Layers, Op, Saved, Window, check_counts, register
from archsearch.ops.layout import Layouts
from archsearch.ops.linear import Flatten
from archsearch.ops.merge import Identity
from archsearch.ops.pyramid_regions import Reshape
from archsearch.ops.reading import APART, TURNED, Reads, all_of, sliding
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["ClassToken", "Image", "MeanTokens", "PatchMerge", "PositionEmbedding", "TakeToken", "Tokens", "Transpose"]

FREE = Cost()


def turned(x: TensorSpec) -> Saved:
    """What a change between rows and columns keeps: a copy, but a view where one of the two is alone; its gradient is a view always."""
    alone = 1 in x.shape
    return Saved(view=alone, eval_view=alone, gradient="view" if alone else "turned")


def turned_behind(x: TensorSpec, copied: bool) -> Saved:
    """The same for a view with gaps: it is copied always; `copied`: once before it is turned as well."""
    if 1 in x.shape:
        return Saved(gradient="view")
    there = (Amount(2 * x.elements),) if copied else ()
    return Saved(gradient="turned", training=there, inference=there)


def in_order(op: Op, x: TensorSpec) -> Op:
    """A change between rows and columns; where one of the two is alone it is a reshape."""
    return Reshape(op.infer(x).shape).normal(x) if 1 in x.shape[:1] or prod(x.shape[1:]) == 1 else op


def expect_image(op: Op, x: TensorSpec, height: int, width: int) -> tuple[int, ...]:
    """Tokens and features, or ShapeError when the tokens are not those of an image of that size."""
    tokens, features = x.expect(rank=2, by=op.kind)
    if tokens != height * width:
        raise ShapeError(
            f"{op.kind}: height={height} x width={width} needs {height * width} tokens, got shape {x.shape}; give the image's size"
        )
    return tokens, features


@register("tokens")
@dataclass(frozen=True)
class Tokens(Op):
    """(C, H, W) -> (H * W, C): the positions of an image as tokens, row by row."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, height, width = x.expect(rank=3, by=self.kind)
        return TensorSpec((height * width, channels))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return turned(self.infer(x))

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        out = self.infer(x)
        return turned_behind(out, layouts[0] is not None and layouts[0].viewed(out.shape[::-1]) is None)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("rows", sides=(x.shape[1], x.shape[2]))

    def normal(self, x: TensorSpec) -> Op:
        return in_order(self, x)

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return Identity() if isinstance(before, Image) else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Tokens()


@register("image")
@dataclass(frozen=True)
class Image(Op):
    """(height * width, D) -> (D, height, width): tokens, row by row, as an image."""

    height: int
    width: int

    def __post_init__(self) -> None:
        check_counts(self, "height", "width")

    def infer(self, x: TensorSpec) -> TensorSpec:
        _, features = expect_image(self, x, self.height, self.width)
        return TensorSpec((features, self.height, self.width))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return turned(x)

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        return turned_behind(x, copied=False)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("grid", sides=(self.height, self.width))

    def normal(self, x: TensorSpec) -> Op:
        return in_order(self, x)

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return Reshape((inputs[0].channels, self.height, self.width)) if isinstance(before, Tokens) else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Image(self.height, self.width)


@register("transpose")
@dataclass(frozen=True)
class Transpose(Op):
    """(T, D) -> (D, T): a linear map after it mixes tokens."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        tokens, features = x.expect(rank=2, by=self.kind)
        return TensorSpec((features, tokens))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return turned(x)

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        return turned_behind(x, copied=False)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return TURNED

    def normal(self, x: TensorSpec) -> Op:
        return in_order(self, x)

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return Identity() if isinstance(before, Transpose) else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Transpose()


@register("class_token")
@dataclass(frozen=True)
class ClassToken(Op):
    """(T, D) -> (T + 1, D): a learned token before the others (Devlin et al. 2018, arXiv:1810.04805)."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        tokens, features = x.expect(rank=2, by=self.kind)
        return TensorSpec((tokens + 1, features))

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=x.shape[1])

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(gradient="slices", beside=True, anew=True)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return APART

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.ClassToken(x.shape[1])


@register("position_embedding")
@dataclass(frozen=True)
class PositionEmbedding(Op):
    """(T, D) -> (T, D): a learned vector is added to each token (Vaswani et al. 2017, arXiv:1706.03762)."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=2, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=x.elements)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(gradient="same", anew=True)

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PositionEmbedding(*x.shape)


@register("take_token")
@dataclass(frozen=True)
class TakeToken(Op):
    """(T, D) -> (D,): the token at place `index`, as a view."""

    index: int = 0

    def __post_init__(self) -> None:
        if type(self.index) is not int or not 0 <= self.index <= MAX_FIELD:
            raise ValueError(f"take_token: index={self.index!r} must be a whole number of at least 0")

    def infer(self, x: TensorSpec) -> TensorSpec:
        tokens, features = x.expect(rank=2, by=self.kind)
        if self.index >= tokens:
            raise ShapeError(f"take_token: index={self.index} is not among {tokens} tokens; use 0 to {tokens - 1}")
        return TensorSpec((features,))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return APART

    def normal(self, x: TensorSpec) -> Op:
        return Flatten() if x.shape[0] == 1 else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.TakeToken(self.index)


@register("mean_tokens")
@dataclass(frozen=True)
class MeanTokens(Op):
    """(T, D) -> (D,): the mean of all tokens."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.expect(rank=2, by=self.kind)[1],))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(x.shape[0])

    def normal(self, x: TensorSpec) -> Op:
        return Flatten() if x.shape[0] == 1 else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.MeanTokens()


@register("patch_merge")
@dataclass(frozen=True)
class PatchMerge(Op):
    """(height * width, D) -> (H' * W', 4 * D), H' = (height + 1) // 2: the tokens of every 2x2 patch become one (arXiv:2103.14030).

    Odd sides are filled up with zeros. In a token of the result the left column of the patch comes first.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        check_counts(self, "height", "width")

    def infer(self, x: TensorSpec) -> TensorSpec:
        _, features = expect_image(self, x, self.height, self.width)
        return TensorSpec((-(-self.height // 2) * -(-self.width // 2), 4 * features))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        if self.height % 2 == self.width % 2 == 0:
            return Saved(handed="view")
        filled = Amount(self.infer(x).elements)
        back = moments(filled, LET_GO, Amount(x.elements))
        return Saved(eval_elements=filled.elements, handed="view", training=(2 * filled,), backward=back)

    def window(self) -> Window:
        return Window((2, 2), (2, 2))

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("window", sliding(2, 2, 0, 1), sliding(2, 2, 0, 1), (self.height, self.width))

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PatchMerge(self.height, self.width)
