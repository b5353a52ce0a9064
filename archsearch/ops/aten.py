"""What no op of our own computes: calls of torch's own operators, where they stand in a network that comes from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from archsearch.ops.base import Layers, Op, register
from archsearch.ops.tensor import ShapeError, TensorSpec
from archsearch.support.calls import Call, parse_calls, parse_weight

__all__ = ["Aten"]

MOST_WEIGHTS, MOST_READ, MOST_SAID = 64, 1000, 4


@lru_cache(maxsize=1)
def operators() -> frozenset[str]:
    """Operators that a program may call, with their overloads: pure functions of tensors, as tests/aten_operators.py reads off torch.

    None of them draws, writes in place or into files, reads a formula other than einsum's, or gives a shape that depends on numbers.
    """
    return frozenset(files("archsearch.ops").joinpath("aten_operators.txt").read_text(encoding="utf-8").split())


@register("aten")
@dataclass(frozen=True)
class Aten(Op):
    """A few calls of ATen in a row, written as `archsearch.support.calls` says, with weights of its own.

    Each sample is to be computed by itself. Shapes, multiply-adds and what autograd keeps are those of torch's meta device, so that
    such a node needs torch to be analysed, unless it comes from JSON, where they stand beside it.

    Args:
        program: The calls; the last one's result is that of the op.
        weights: Sides of each, such as `64x3x3`; `fixed`, with a type if it is not float32, where it is not learned.
    """

    program: str
    weights: tuple[str, ...] = ()

    measured = True

    def __post_init__(self) -> None:
        calls = parse_calls(self.program)
        if len(self.weights) > MOST_WEIGHTS:
            raise ValueError(f"aten: {len(self.weights)} weights are over the limit of {MOST_WEIGHTS}")
        for weight in self.weights:
            parse_weight(weight)
        for number, call in enumerate(calls):
            check_call(call, number, len(self.weights))
        read = {name for call in calls for name in call.reads()}
        there = [*(f"w{number}" for number in range(len(self.weights))), *(f"x{number}" for number in range(self.arity))]
        unread = next((name for name in there if name not in read), None)
        if unread:
            raise ValueError(f"aten: {unread} is read by no call; leave it out")

    @property
    def arity(self) -> int:
        """How many values it reads."""
        names = [name for call in parse_calls(self.program) for name in call.reads()]
        return max((int(name[1:]) + 1 for name in names if name[0] == "x"), default=0)

    def __str__(self) -> str:
        called = [call.operator for call in parse_calls(self.program)]
        return f"aten({', '.join(called if len(called) <= MOST_SAID else [*called[: MOST_SAID - 1], '...', called[-1]])})"

    def infer(self, *inputs: TensorSpec) -> TensorSpec:
        if len(inputs) != self.arity or not inputs:
            raise ShapeError(f"aten does not take {len(inputs)} inputs; the program reads {self.arity}")
        return shape_of(self, inputs)

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.AtenCalls(tuple(map(tuple, parse_calls(self.program))), tuple(tuple(parse_weight(weight)) for weight in self.weights))


@lru_cache(maxsize=4096)
def shape_of(op: Aten, inputs: tuple[TensorSpec, ...]) -> TensorSpec:
    """Shape of the result, found by running the calls on torch's meta device. Raises ShapeError."""
    from archsearch.ops.measure import shape_of_calls  # torch: only a node of this kind pays for it

    return shape_of_calls(op, inputs)


def check_call(call: Call, number: int, weights: int) -> None:
    """Raise ValueError for an operator that is none of the list, or a value that is not there yet."""
    if call.target not in operators():
        raise ValueError(f"aten: {call.target[:60]!r} is no operator that a program may call; it must be a pure function of ATen")
    for name in call.reads():
        if int(name[1:]) >= {"x": MOST_READ, "w": weights, "v": number}[name[0]]:
            raise ValueError(f"aten: {call.target} reads {name}, which is not there")
