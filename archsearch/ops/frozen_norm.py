"""Batch norm that does not learn, as detectors have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.saved import Amount, moments
from archsearch.ops.tensor import TensorSpec

__all__ = ["FrozenBatchNorm2d"]


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
