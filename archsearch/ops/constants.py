"""Numbers of the network's own: beside a value, in any way that they stretch, so that the shape stays; or as a value of their own.

The frequent ways have ops of their own: `layer_scale`, `scalar_gate`, `position_embedding` and `class_token`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from archsearch.ops.base import POINT, Cost, Layers, Op, Saved, Window, check_flags, register
from archsearch.ops.reading import NO_GRADIENT, Reads
from archsearch.ops.residual_scale import scaled
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Factor", "Latents", "Offset"]

MOST_AXES = 4


class Numbers(Op):
    """What both share.

    `axes` of the value, from 0 without the batch, along which the numbers differ: none for one number everywhere, 0 for one for each
    channel of an image, 1 and 2 for one for each position. `learned`: parameters, else a buffer that training leaves as it is.
    """

    axes: tuple[int, ...]
    learned: bool

    def __post_init__(self) -> None:
        check_flags(self, "learned")
        axes = tuple(self.axes) if isinstance(self.axes, list | tuple) else None
        if axes is None or any(type(axis) is not int or not 0 <= axis < MOST_AXES for axis in axes) or axes != tuple(sorted({*axes})):
            raise ValueError(f"{self.kind}: axes={self.axes!r} must be axes from 0 to {MOST_AXES - 1} in order, each once")
        object.__setattr__(self, "axes", axes)

    def infer(self, x: TensorSpec) -> TensorSpec:
        if self.axes and self.axes[-1] >= len(x.shape):
            raise ShapeError(f"{self.kind}: axes={self.axes} are not all in shape {x.shape}; give axes under {len(x.shape)}")
        return x

    def numbers(self, x: TensorSpec) -> tuple[int, ...]:
        """Shape of the numbers."""
        return tuple([size if axis in self.axes else 1 for axis, size in enumerate(x.shape)])

    def cost(self, x: TensorSpec) -> Cost:
        count = prod(self.numbers(x))
        return Cost(params=count) if self.learned else Cost(buffers=count)

    def normal(self, x: TensorSpec) -> Op:
        """Along an axis of length 1 nothing differs."""
        axes = tuple([axis for axis in self.axes if x.shape[axis] > 1])
        return self if axes == self.axes else replace(self, axes=axes)  # type: ignore[type-var]

    def window(self) -> Window:
        return POINT


@register("offset")
@dataclass(frozen=True)
class Offset(Numbers):
    """x plus numbers, learned or fixed: biases, and positions (Vaswani et al. 2017, arXiv:1706.03762)."""

    axes: tuple[int, ...] = ()
    learned: bool = True

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(gradient="same", anew=True)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Offset(self.numbers(x), self.axes, self.learned)


@register("factor")
@dataclass(frozen=True)
class Factor(Numbers):
    """x times numbers, learned or fixed: scales of positions, temperatures of heads, sines and cosines (arXiv:2104.09864)."""

    axes: tuple[int, ...] = ()
    learned: bool = True

    def saved(self, x: TensorSpec) -> Saved:
        return scaled(x, prod(self.numbers(x))) if self.learned else Saved()

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Factor(self.numbers(x), self.axes, self.learned)


@register("latents")
@dataclass(frozen=True)
class Latents(Op):
    """Learned numbers of a shape, the same for every sample, whatever stands in the value that it reads, which gives their count.

    Latents (Jaegle et al. 2021, arXiv:2103.03206), queries of objects (Carion et al. 2020, arXiv:2005.12872), tokens and weights of
    sums that several nodes read.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", TensorSpec(tuple(self.shape) if isinstance(self.shape, list | tuple) else self.shape).shape)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec(self.shape)

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=prod(self.shape))

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(gradient="none", anew=True)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return NO_GRADIENT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Latents(self.shape)
