"""Activations that silence what is small: any shape in, the same shape out, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.activation import Activation, ReLU
from archsearch.ops.base import Amount, Layers, Op, Saved, check_number, register
from archsearch.ops.merge import Identity
from archsearch.ops.tensor import TensorSpec

__all__ = ["Hardshrink", "Softshrink", "Tanhshrink", "Threshold"]


@register("hardshrink")
@dataclass(frozen=True)
class Hardshrink(Activation):
    """0 where |x| is at most `threshold`, x elsewhere."""

    threshold: float = 0.5
    once = True
    layer = "Hardshrink"

    def __post_init__(self) -> None:
        check_number(self, "threshold", 0, 1000)

    def normal(self, x: TensorSpec) -> Op:
        return Identity() if self.threshold == 0 else self

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Hardshrink(self.threshold)


@register("softshrink")
@dataclass(frozen=True)
class Softshrink(Activation):
    """0 where |x| is at most `threshold`, elsewhere x moved by that much towards 0."""

    threshold: float = 0.5
    layer = "Softshrink"

    def __post_init__(self) -> None:
        check_number(self, "threshold", 0, 1000)

    def normal(self, x: TensorSpec) -> Op:
        return Identity() if self.threshold == 0 else self

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Softshrink(self.threshold)


@register("tanhshrink")
@dataclass(frozen=True)
class Tanhshrink(Activation):
    """x - tanh(x)."""

    layer = "Tanhshrink"

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(elements=x.elements, stretched=(0,), eval_elements=x.elements, waiting=Amount(2 * x.elements))


@register("threshold")
@dataclass(frozen=True)
class Threshold(Activation):
    """x where it is over `threshold`, `value` elsewhere."""

    threshold: float = 0.0
    value: float = 0.0
    once = True
    layer = "Threshold"

    def __post_init__(self) -> None:
        check_number(self, "threshold", -1000, 1000)
        check_number(self, "value", -1000, 1000)

    def normal(self, x: TensorSpec) -> Op:
        return ReLU() if self.threshold == self.value == 0 else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and (self.threshold < 0 or self.value == 0)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Threshold(self.threshold, self.value)
