"""Multiplication by a fixed number: the shape stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.tensor import TensorSpec

__all__ = ["Scale"]


@register("scale")
@dataclass(frozen=True)
class Scale(Op):
    """x times `factor`."""

    factor: float

    def __post_init__(self) -> None:
        check_number(self, "factor", -1e6, 1e6)
        if self.factor == 0:
            raise ValueError(f"scale: factor={self.factor} leaves nothing; use zero instead")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def is_identity(self, inputs: int) -> bool:
        return self.factor == 1

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Scale(self.factor)
