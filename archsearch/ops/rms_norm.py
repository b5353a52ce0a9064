"""Division of every position by the root mean square of its channels (Zhang & Sennrich 2019, arXiv:1910.07467): the shape stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import POINT, Cost, Layers, Op, Saved, Window, check_flags, check_number, register
from archsearch.ops.reading import MIXED, Reads
from archsearch.ops.saved import Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["RMSNorm", "RMSNorm2d"]

ROOT = ("one", "row", "-one", "row", "-row", "row", "-row")
"""Squares, their means, those with `eps`, and the roots."""


def made(x: TensorSpec, *names: str) -> list[Amount]:
    """Amounts by name: `one` as the input, `row` a number for each position, `weight` for each channel; with a minus what goes."""
    units = {"one": Amount(x.elements), "row": Amount(x.elements // x.width), "weight": Amount(weights=x.width)}
    return [-1 * units[name[1:]] if name[0] == "-" else units[name] for name in names]


class RootMeanSquare(Op):
    """What both norms share: `eps` is added to the mean square; `affine`: a learned scale for each channel."""

    eps: float
    affine: bool

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)
        check_flags(self, "affine")

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=x.width * self.affine)

    def way_back(self, x: TensorSpec) -> tuple[list[Amount], list[Amount]]:
        """What the backward pass makes, step by step: up to the gradient of the scales, then up to that of the input."""
        scaled = ("one",) * self.affine
        learned = ("one", "weight", "-one") * self.affine
        of_input = (*scaled, "one", "row", "-one", "one", "-row", "-one", *(f"-{name}" for name in scaled), "one")
        return made(x, *ROOT, "one", *learned), made(x, *of_input)

    def plain(self, x: TensorSpec) -> Saved:
        """What is kept where the norm is computed step by step in the network's dtype."""
        forward, (learned, of_input) = moments(*made(x, *ROOT, "one")), self.way_back(x)
        front = moments(*learned) if self.affine else ()
        return Saved(inputs=(0,), training=forward, inference=forward, backward=moments(*learned, *of_input), front=front)

    def window(self) -> Window:
        return POINT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and not self.affine and self.eps > 0


@register("rms_norm")
@dataclass(frozen=True)
class RMSNorm(RootMeanSquare):
    """(F,) or (T, D) -> the same, divided by the root mean square of the last axis, then scaled."""

    eps: float = 1e-6
    affine: bool = True

    def infer(self, x: TensorSpec) -> TensorSpec:
        if len(x.shape) > 2:
            raise ShapeError(f"rms_norm needs a vector (F,) or tokens (T, D), got shape {x.shape}; use rms_norm2d")
        return x

    def saved(self, x: TensorSpec) -> Saved:
        if not self.affine:
            return self.plain(x)
        count = x.elements // x.shape[-1]
        one, wide, wide_rows = Amount(x.elements), Amount(wide=x.elements), Amount(wide=count)
        copy = Amount(casts=x.elements)
        forward = (copy + wide + 2 * wide_rows, copy + 2 * wide + wide_rows, wide + wide_rows + one)
        learned, of_input = self.way_back(x)
        return Saved(
            inputs=(0,), training=forward, inference=forward, backward=moments(*learned, *of_input), front=moments(*learned)
        )  # fmt: skip

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.RootMeanSquareNorm(x.shape[-1], self.eps, self.affine)


@register("rms_norm2d")
@dataclass(frozen=True)
class RMSNorm2d(RootMeanSquare):
    """(C, H, W) -> the same, every position divided by the root mean square of its channels, then scaled."""

    eps: float = 1e-6
    affine: bool = True

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def saved(self, x: TensorSpec) -> Saved:
        return self.plain(x)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.RootMeanSquareNorm2d(x.channels, self.eps, self.affine)
