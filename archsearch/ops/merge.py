"""Ops that bring values together, pass one on, or cut it off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, register
from archsearch.ops.reading import NO_GRADIENT, SAME, WHOLE_INPUT, Reads
from archsearch.ops.saved import Amount
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["Add", "Concat", "Div", "Identity", "Mul", "Zero"]

FREE = Cost()


def at_least_one(op: Op, inputs: Sequence[TensorSpec]) -> None:
    """Raise ShapeError when nothing comes in."""
    if not inputs:
        raise ShapeError(f"{op.kind} needs at least one input, got none; connect one or remove the node")


@register("add")
@dataclass(frozen=True)
class Add(Op):
    """Sum of inputs of one shape."""

    commutative = True
    associative = True

    def infer(self, *inputs: TensorSpec) -> TensorSpec:
        at_least_one(self, inputs)
        for position, x in enumerate(inputs):
            if x.shape != inputs[0].shape:
                fix = (
                    f"insert a 1x1 conv2d on input {position + 1}"
                    if x.shape[1:] == inputs[0].shape[1:]
                    else f"bring input {position + 1} to the same size first"
                )
                raise ShapeError(f"add needs equal shapes, got {inputs[0].shape} and {x.shape}; {fix}")
        return inputs[0]

    def cost(self, *inputs: TensorSpec) -> Cost:
        return FREE

    def saved(self, *inputs: TensorSpec) -> Saved:
        alone = len(inputs) == 1
        return Saved(view=alone, eval_view=alone, gradient="same")

    def operands(self, zeros: Sequence[bool]) -> tuple[int, ...]:
        """Zeros add nothing; of zeros alone one stays."""
        return tuple(i for i, zero in enumerate(zeros) if not zero) or (0,)

    def is_identity(self, inputs: int) -> bool:
        return inputs == 1

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.Add()


@register("concat")
@dataclass(frozen=True)
class Concat(Op):
    """Inputs side by side along the channels; all other axes must be equal."""

    associative = True

    def infer(self, *inputs: TensorSpec) -> TensorSpec:
        at_least_one(self, inputs)
        for x in inputs:
            if x.size != inputs[0].size or len(x.shape) != len(inputs[0].shape):
                raise ShapeError(
                    f"concat needs shapes that differ in the channels only, got {inputs[0].shape} and {x.shape}; "
                    "bring both to one image size, by pooling or a strided conv2d"
                )
        return inputs[0].with_width(sum(x.width for x in inputs))

    def cost(self, *inputs: TensorSpec) -> Cost:
        return FREE

    def saved(self, *inputs: TensorSpec) -> Saved:
        # torch.cat copies even a single input
        return Saved(gradient="slices", rows=prod(inputs[0].shape[: inputs[0].channel_axis]))

    def is_identity(self, inputs: int) -> bool:
        return inputs == 1

    def window(self) -> Window:
        return POINT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.Concat(inputs[0].channel_axis + 1)


def stretched(op: Op, a: TensorSpec, b: TensorSpec) -> TensorSpec:
    """Shape of what is made of two values element by element, where axes of length 1 stretch. Raises ShapeError."""
    fits = len(a.shape) == len(b.shape) and all(1 in (i, j) or i == j for i, j in zip(a.shape, b.shape, strict=True))
    if not fits:
        raise ShapeError(
            f"{op.kind} needs equal shapes, or a gate with axes of length 1, got {a.shape} and {b.shape}; "
            "bring one to the other's channels with a 1x1 conv2d"
        )
    return TensorSpec(tuple(max(i, j) for i, j in zip(a.shape, b.shape, strict=True)))


@register("mul")
@dataclass(frozen=True)
class Mul(Op):
    """Product of two values of one shape, or of an image and a gate: an axis of length 1 stretches to the other's."""

    commutative = True

    def infer(self, a: TensorSpec, b: TensorSpec) -> TensorSpec:
        return stretched(self, a, b)

    def cost(self, a: TensorSpec, b: TensorSpec) -> Cost:
        return FREE

    def saved(self, a: TensorSpec, b: TensorSpec) -> Saved:
        out = self.infer(a, b)
        return Saved(inputs=(0, 1), crossed=True, stretched=tuple(i for i, x in enumerate((a, b)) if x != out))

    def window(self) -> Window:
        return POINT

    def reads(self, a: TensorSpec, b: TensorSpec) -> Reads:
        return SAME if a.shape[1:] == b.shape[1:] else WHOLE_INPUT  # a gate for several positions

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return any(zeros)

    def build(self, layers: Layers, a: TensorSpec, b: TensorSpec) -> Any:
        return layers.Mul()


@register("div")
@dataclass(frozen=True)
class Div(Op):
    """Quotient of two values of one shape, or of an image and a gate: an axis of length 1 stretches to the other's."""

    def infer(self, a: TensorSpec, b: TensorSpec) -> TensorSpec:
        return stretched(self, a, b)

    def cost(self, a: TensorSpec, b: TensorSpec) -> Cost:
        return FREE

    def saved(self, a: TensorSpec, b: TensorSpec) -> Saved:
        # the gradient of the divisor: a quotient, another, its negative and a product, all as large as the result
        return Saved(inputs=(0, 1), backward=(Amount(4 * self.infer(a, b).elements),))

    def window(self) -> Window:
        return POINT

    def reads(self, a: TensorSpec, b: TensorSpec) -> Reads:
        return SAME if a.shape[1:] == b.shape[1:] else WHOLE_INPUT  # a divisor of several positions

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return zeros[0] and not zeros[1]

    def build(self, layers: Layers, a: TensorSpec, b: TensorSpec) -> Any:
        return layers.Div()


@register("identity")
@dataclass(frozen=True)
class Identity(Op):
    """The input itself: a skip connection."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True, gradient="same")

    def is_identity(self, inputs: int) -> bool:
        return True

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Identity()


@register("zero")
@dataclass(frozen=True)
class Zero(Op):
    """Zeros in the shape of the input, or in another if one is given; no gradient passes."""

    shape: tuple[int, ...] | None = None
    is_zero = True

    def __post_init__(self) -> None:
        if self.shape is not None:
            object.__setattr__(self, "shape", TensorSpec(tuple(self.shape)).shape)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x if self.shape is None else TensorSpec(self.shape)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(gradient="none")

    def normal(self, x: TensorSpec) -> Op:
        return Zero() if self.shape == x.shape else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return True

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return NO_GRADIENT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Zero(None if self.infer(x) == x else self.shape)
