"""Learned scales at the end of a residual branch, and its random absence: the shape stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.saved import Amount, moments
from archsearch.ops.tensor import TensorSpec

__all__ = ["LayerScale", "ScalarGate", "StochasticDepth"]


def scaled(x: TensorSpec, params: int) -> Saved:
    """What a product with learned numbers keeps; their gradient is made at the size of the input, then summed."""
    each, learned = Amount(x.elements), Amount(weights=params)
    return Saved(inputs=(0,), backward=moments(each, each, learned), front=moments(each, learned))


@register("layer_scale")
@dataclass(frozen=True)
class LayerScale(Op):
    """Every channel times a learned number of its own, `init` at first (Touvron et al. 2021, arXiv:2103.17239)."""

    init: float = 1e-6

    def __post_init__(self) -> None:
        check_number(self, "init", -1000, 1000)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=x.width)

    def saved(self, x: TensorSpec) -> Saved:
        return scaled(x, self.cost(x).params)

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.LayerScale(self.cost(x).params, self.init, len(x.shape) >= 3)


@register("scalar_gate")
@dataclass(frozen=True)
class ScalarGate(Op):
    """x times one learned number, `init` at first: with 0 a residual branch starts silent (Bachlechner et al. 2020, arXiv:2003.04887)."""

    init: float = 0.0

    def __post_init__(self) -> None:
        check_number(self, "init", -1000, 1000)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=1)

    def saved(self, x: TensorSpec) -> Saved:
        return scaled(x, 1)

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.ScalarGate(self.init)


@register("stochastic_depth")
@dataclass(frozen=True)
class StochasticDepth(Op):
    """Set whole samples to zero with probability `p` in training; nothing happens in inference (Huang et al. 2016, arXiv:1603.09382)."""

    p: float = 0.1
    random = True

    def __post_init__(self) -> None:
        check_number(self, "p", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        if self.p == 0:
            return Saved(view=True, eval_view=True, gradient="same")
        return Saved(elements=1, eval_view=True)

    def is_identity(self, inputs: int) -> bool:
        return self.p == 0

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.StochasticDepth(self.p)
