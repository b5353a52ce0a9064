"""The products that attention is made of, between tokens (T, D), head by head.

With them, and what can be done to an image (heads, T, S) between them, every kind of attention is a few nodes: scores, maybe times a
learned factor or plus an offset, row_softmax, weighted_sum (Vaswani et al. 2017, arXiv:1706.03762). Linear attention is context and lookup
(Katharopoulos et al. 2020, arXiv:2006.16236). Where nothing comes between, `attention` and `cross_attention` are one node, and one kernel.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.attention_memory import features_of
from archsearch.ops.base import WHOLE, Cost, Layers, Op, Saved, Window, check_counts, register
from archsearch.ops.layout import Layouts
from archsearch.ops.reading import WHOLE_INPUT, Reads
from archsearch.ops.saved import NOTHING, Amount, Handed, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Context", "Lookup", "RowSoftmax", "Scores", "WeightedSum"]


def apart(elements: int, tokens: int, heads: int, gaps: bool = False) -> Amount:
    """The copy that brings heads before tokens, or back; there is none where one of the two is alone."""
    return Amount(elements) if heads > 1 and (tokens > 1 or gaps) else NOTHING


def multiplied(first: Amount, second: Amount, result: Amount) -> list[Amount]:
    """Steps of a product of two copies, which then go."""
    return [first + second, result, -first + -second]


def brought_back(first: Amount, second: Amount, result: Amount, copy: Amount) -> list[Amount]:
    """Steps of a product whose heads are brought together again."""
    back = [copy, -result] if copy != NOTHING else []
    return [*multiplied(first, second, result), *back]


def copies(heads: int, first: TensorSpec, second: TensorSpec, gaps: tuple[bool, bool]) -> tuple[Amount, Amount]:
    """Both inputs with heads before tokens."""
    one, other = (apart(x.elements, x.shape[0], heads, gap) for x, gap in zip((first, second), gaps, strict=True))
    return one, other


def handed(heads: int, *inputs: TensorSpec) -> Handed:
    """Gradients of one token with several heads are views; those of more are copies, those of one head as they were made."""
    return "view" if heads > 1 and any(x.shape[0] == 1 for x in inputs) else "whole"


class TokenProducts(Op):
    """What all of them share: two values that are read everywhere, no weights, and zeros where one is zero."""

    def window(self) -> Window:
        return WHOLE

    def reads(self, *inputs: TensorSpec) -> Reads:
        return WHOLE_INPUT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return any(zeros)

    def saved(self, first: TensorSpec, second: TensorSpec) -> Saved:
        return self.kept(first, second, (False, False))

    def saved_behind(self, layouts: Layouts, *inputs: TensorSpec) -> Saved:
        first, second = inputs
        return self.kept(first, second, (layouts[0] is not None, layouts[1] is not None))

    @abstractmethod
    def kept(self, first: TensorSpec, second: TensorSpec, gaps: tuple[bool, bool]) -> Saved:
        """What is kept and made, where some inputs are views with gaps."""


class OfTokens(TokenProducts):
    """Products of two rows of tokens, head by head: matrices, one for each head."""

    heads: int

    def __post_init__(self) -> None:
        check_counts(self, "heads")

    def kept(self, first: TensorSpec, second: TensorSpec, gaps: tuple[bool, bool]) -> Saved:
        (one, other), out = copies(self.heads, first, second, gaps), Amount(self.infer(first, second).elements)
        forward = moments(*multiplied(one, other, out))
        back = brought_back(other, NOTHING, Amount(first.elements), apart(first.elements, first.shape[0], self.heads))
        back += brought_back(one, NOTHING, Amount(second.elements), apart(second.elements, second.shape[0], self.heads))
        lie = handed(self.heads, first, second)
        return Saved(inputs=(0, 1), joins=True, training=forward, inference=forward, backward=moments(*back), handed=lie)


class OfMatrices(TokenProducts):
    """Products of matrices, one for each head, with tokens: tokens again."""

    def kept(self, first: TensorSpec, second: TensorSpec, gaps: tuple[bool, bool]) -> Saved:
        out = self.infer(first, second)
        heads, made = first.shape[0], out.elements
        flat, copy = Amount(first.elements * gaps[0]), apart(second.elements, second.shape[0], heads, gaps[1])
        turned = apart(made, out.shape[0], heads)
        forward = moments(flat, *brought_back(copy, NOTHING, Amount(made), turned))
        back = [flat, *multiplied(turned, copy, Amount(first.elements))]
        back += brought_back(turned, NOTHING, Amount(second.elements), apart(second.elements, second.shape[0], heads))
        return Saved(inputs=(0, 1), training=forward, inference=forward, backward=moments(*back), handed="view")


@register("scores")
@dataclass(frozen=True)
class Scores(OfTokens):
    """(T, D), (S, D) -> (heads, T, S): products of every token of the first with every one of the second, for every head."""

    heads: int = 1

    def infer(self, queries: TensorSpec, keys: TensorSpec) -> TensorSpec:
        if features_of(self, queries, 1, self.heads) != features_of(self, keys, 1, self.heads):
            raise ShapeError(
                f"scores needs (T, D) and (S, D), got {queries.shape} and {keys.shape}; put linear({queries.width}) before the second"
            )
        return TensorSpec((self.heads, queries.shape[0], keys.shape[0]))

    def cost(self, queries: TensorSpec, keys: TensorSpec) -> Cost:
        return Cost(macs=queries.elements * keys.shape[0])

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.Scores(self.heads)


@register("context")
@dataclass(frozen=True)
class Context(OfTokens):
    """(S, D), (S, E) -> (heads, D / heads, E / heads): products of every two features of a head, summed over the tokens."""

    heads: int = 1

    def infer(self, keys: TensorSpec, values: TensorSpec) -> TensorSpec:
        wide, other = features_of(self, keys, 1, self.heads), features_of(self, values, 1, self.heads)
        if keys.shape[0] != values.shape[0]:
            raise ShapeError(f"context needs as many tokens twice, got {keys.shape} and {values.shape}; read both from the same tokens")
        return TensorSpec((self.heads, wide // self.heads, other // self.heads))

    def cost(self, keys: TensorSpec, values: TensorSpec) -> Cost:
        return Cost(macs=keys.elements * values.width // self.heads)

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.Context(self.heads)


@register("weighted_sum")
@dataclass(frozen=True)
class WeightedSum(OfMatrices):
    """(heads, T, S), (S, E) -> (T, E): sums of the tokens of the second, each head of features by its weights."""

    def infer(self, weights: TensorSpec, values: TensorSpec) -> TensorSpec:
        heads, tokens, others = weights.expect(rank=3, by=self.kind)
        features = features_of(self, values, 1, heads)
        if values.shape[0] != others:
            raise ShapeError(f"weighted_sum needs {others} tokens for weights of shape {weights.shape}, got {values.shape}")
        return TensorSpec((tokens, features))

    def cost(self, weights: TensorSpec, values: TensorSpec) -> Cost:
        return Cost(macs=weights.shape[1] * values.elements)

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.WeightedSum()


@register("lookup")
@dataclass(frozen=True)
class Lookup(OfMatrices):
    """(heads, d, e), (T, heads * d) -> (T, heads * e): the features of every head through the matrix that it has in this sample."""

    def infer(self, matrices: TensorSpec, queries: TensorSpec) -> TensorSpec:
        heads, wide, made = matrices.expect(rank=3, by=self.kind)
        if queries.expect(rank=2, by=self.kind)[1] != heads * wide:
            raise ShapeError(f"lookup needs {heads * wide} features for matrices of shape {matrices.shape}, got {queries.shape}")
        return TensorSpec((queries.shape[0], heads * made))

    def cost(self, matrices: TensorSpec, queries: TensorSpec) -> Cost:
        return Cost(macs=queries.elements * matrices.shape[2])

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.Lookup()


@register("row_softmax")
@dataclass(frozen=True)
class RowSoftmax(Op):
    """(C, H, W) -> the same: softmax along every row, as over the keys of scores (heads, T, S)."""

    never_negative = True

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(output=True)

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return WHOLE_INPUT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.RowSoftmax()
