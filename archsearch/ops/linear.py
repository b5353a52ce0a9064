"""Linear maps over vectors and tokens, and the way to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import WHOLE, Channels, Cost, Layers, Op, Saved, Window, check_counts, check_flags, register
from archsearch.ops.merge import Identity
from archsearch.ops.reading import MIXED, Reads, all_of, positions
from archsearch.ops.saved import Handed
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Flatten", "Linear"]


@register("linear")
@dataclass(frozen=True)
class Linear(Op):
    """(F,) -> (features,), and (T, D) -> (T, features): a matrix product over the last axis."""

    features: int
    bias: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "features")
        check_flags(self, "bias")

    def infer(self, x: TensorSpec) -> TensorSpec:
        if len(x.shape) > 2:
            raise ShapeError(f"linear needs a vector (F,) or tokens (T, D), got shape {x.shape}; insert flatten before it")
        return TensorSpec((*x.shape[:-1], self.features))

    def cost(self, x: TensorSpec) -> Cost:
        weights = x.shape[-1] * self.features
        return Cost(params=weights + self.features * self.bias, macs=weights * x.elements // x.shape[-1])

    def saved(self, x: TensorSpec) -> Saved:
        handed: Handed = "view" if len(x.shape) > 1 else "whole"
        return Saved(inputs=(0,), handed=handed, joins=len(x.shape) > 1 and x.shape[0] > 1, anew=True)

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "made"

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Linear(x.shape[-1], self.features, bias=self.bias)


@register("flatten")
@dataclass(frozen=True)
class Flatten(Op):
    """Any shape -> (F,), the elements in order."""

    keeps_elements = True

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.elements,))

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True, gradient="same" if len(x.shape) == 1 else "view")

    def normal(self, x: TensorSpec) -> Op:
        return Identity() if len(x.shape) == 1 else self

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return self if before.keeps_elements else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def window(self) -> Window:
        return WHOLE

    def channels_are(self) -> Channels:
        return "spread"

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(positions(x))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Flatten()
