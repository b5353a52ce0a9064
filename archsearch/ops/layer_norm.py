"""Normalisation of every position over its channels (Ba et al. 2016, arXiv:1607.06450): the shape stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.reading import MIXED, Reads
from archsearch.ops.saved import Amount
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["LayerNorm", "LayerNorm2d"]


@register("layer_norm")
@dataclass(frozen=True)
class LayerNorm(Op):
    """Normalise vectors (F,) and every one of tokens (T, D) over the last axis, then scale and shift; `eps` is added to the variance."""

    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        if len(x.shape) > 2:
            raise ShapeError(f"layer_norm needs a vector (F,) or tokens (T, D), got shape {x.shape}; use layer_norm2d")
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=2 * x.shape[-1])

    def saved(self, x: TensorSpec) -> Saved:
        statistics = 2 * x.elements // x.shape[-1]
        return Saved(inputs=(0,), elements=statistics, eval_elements=statistics)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.LayerNorm(x.shape[-1], eps=self.eps)


@register("layer_norm2d")
@dataclass(frozen=True)
class LayerNorm2d(Op):
    """Normalise every position of images (C, H, W) over the channels, then scale and shift; `eps` is added to the variance."""

    eps: float = 1e-6

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=2 * x.channels)

    def saved(self, x: TensorSpec) -> Saved:
        positions = x.elements // x.channels
        copied = 0 if 1 in (positions, x.channels) else x.elements  # the result is brought back into the order of images
        both = Amount(x.elements + copied + 2 * positions)  # the peak where no gradient comes back: then no backward pass tops it
        return Saved(inputs=(0,), elements=2 * positions, eval_elements=max(copied, 2 * positions), training=(both,), handed="turned")

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.LayerNorm2d(x.channels, self.eps)
