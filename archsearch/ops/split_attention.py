"""Attention over parts of the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Cost, Layers, Op, Saved, Window, check_counts, register
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["RadixSoftmax"]


@register("radix_softmax")
@dataclass(frozen=True)
class RadixSoftmax(Op):
    """(C, 1, 1) -> (C, 1, 1): softmax among `radix` splits of the channels (Zhang et al. 2020, arXiv:2004.08955).

    Channels come ordered by group, then split, as grouped convolutions make them, and leave ordered by split, then group.
    """

    radix: int = 2
    groups: int = 1

    def __post_init__(self) -> None:
        check_counts(self, "radix", "groups")

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        if x.shape[1:] != (1, 1) or x.channels % (self.radix * self.groups):
            raise ShapeError(
                f"radix_softmax needs (C, 1, 1) with C a multiple of radix={self.radix} times groups={self.groups}, got {x.shape}; "
                "insert global_avg_pool2d and a 1x1 conv2d with so many channels"
            )
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(output=True, handed="view" if 1 in (self.radix, self.groups) else "whole")

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.RadixSoftmax(self.radix, self.groups)
