"""Norms of detectors: one that does not learn, and one over the channels of every position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import Channels, Cost, Layers, Op, Saved, check_number, register
from archsearch.tensor import TensorSpec

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
        return Saved(statistics=x.channels)  # the factor of every channel

    def channels_are(self) -> Channels:
        return "kept"

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
        return Saved(inputs=(0,), elements=2 * places, eval_elements=places)  # lengths as they are, and with a floor

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.L2Norm2d()
