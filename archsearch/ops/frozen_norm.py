"""Norms of detectors: one that does not learn, and one over the channels of every position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import TensorSpec

__all__ = ["FrozenBatchNorm2d", "L2Norm2d"]


@register("frozen_batch_norm2d")
@dataclass(frozen=True)
class FrozenBatchNorm2d(Op):
    """Batch norm over images (C, H, W) that learns nothing: statistics, scale and shift are buffers, in training too.

    Detectors train in batches too small for statistics; they keep those of the network that they start from.
    """

    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(buffers=4 * x.channels)

    def saved(self, x: TensorSpec) -> Saved:
        factors, every = Amount(weights=x.channels), Amount(x.elements)
        there = (2 * factors + every,)
        return Saved(more=factors, training=there, inference=there, backward=moments(factors, every))

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.FrozenBatchNorm2d(x.channels, eps=self.eps)


@register("l2_norm2d")
@dataclass(frozen=True)
class L2Norm2d(Op):
    """(C, H, W) -> the same, the channels at each position over their Euclidean length (Liu et al. 2015, arXiv:1506.04579)."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        places = x.elements // x.channels
        one, length, flags = Amount(x.elements), Amount(places), Amount(flags=places)
        quotient = (4 * one, -3 * one, one, LET_GO, -length, length, -one)
        of_lengths = (flags, length, -flags, -length, one, flags, one)
        return Saved(  # lengths as they are, and with a floor
            inputs=(0,), elements=2 * places, eval_elements=places, backward=moments(*quotient, *of_lengths)
        )  # fmt: skip

    def window(self) -> Window:
        return POINT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.L2Norm2d()
