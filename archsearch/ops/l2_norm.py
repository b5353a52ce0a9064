"""Vectors of length 1: those of every position over their Euclidean length; the shape stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.reading import MIXED, Reads
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["L2Norm", "L2Norm2d"]


class UnitLength(Op):
    """What both share: `eps` is the least length that is divided by."""

    eps: float

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        places = x.elements // x.width
        one, length, flags = Amount(x.elements), Amount(places), Amount(flags=places)
        quotient = (4 * one, -3 * one, one, LET_GO, -length, length, -one)
        of_lengths = (flags, length, -flags, -length, one, flags, one)
        return Saved(  # lengths as they are, and with a floor
            inputs=(0,), elements=2 * places, eval_elements=places, backward=moments(*quotient, *of_lengths)
        )  # fmt: skip

    def window(self) -> Window:
        return POINT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and self.eps > 0


@register("l2_norm")
@dataclass(frozen=True)
class L2Norm(UnitLength):
    """(F,) or (T, D) -> the same, every vector over its Euclidean length."""

    eps: float = 1e-12

    def infer(self, x: TensorSpec) -> TensorSpec:
        if len(x.shape) > 2:
            raise ShapeError(f"l2_norm needs a vector (F,) or tokens (T, D), got shape {x.shape}; use l2_norm2d")
        return x

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.L2Norm(self.eps)


@register("l2_norm2d")
@dataclass(frozen=True)
class L2Norm2d(UnitLength):
    """(C, H, W) -> the same, the channels at each position over their Euclidean length (Liu et al. 2015, arXiv:1506.04579)."""

    eps: float = 1e-12

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.L2Norm2d(self.eps)
