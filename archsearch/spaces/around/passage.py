"""How widths pass an op: found out by asking the op itself what it makes of other widths."""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import Literal, NamedTuple

from archsearch.design.edit.widths import inferred, remade, shaped, size, width
from archsearch.ops.base import Op
from archsearch.ops.tensor import ShapeError, TensorSpec

Specs = tuple[TensorSpec, ...]
TRIED = (1, 2, 3, 5)
"""Multiples of a width that are tried."""


class Passage(NamedTuple):
    """What happens when inputs are scaled: the result's width is scaled with them (`follows`), or stays (`apart`).

    Together with the inputs' widths it holds for multiples of `grain` / `unit` of those.
    """

    how: Literal["follows", "apart"]
    grain: int
    unit: int

    def divisor(self, wide: int) -> int:
        """What an input of that width is to be a multiple of."""
        return wide // self.unit * self.grain


@lru_cache(maxsize=1 << 12)
def passage(op: Op, inputs: Specs, places: tuple[int, ...]) -> Passage | None:
    """How the widths of the inputs at these places pass, scaled by one factor; None where the op takes no others."""
    unit, given = gcd(*(width(inputs[place]) for place in places)), op.infer(*inputs)
    for grain in divisors(unit):
        tried = {*(grain * times for times in TRIED), unit - grain or unit, unit + grain}
        made = {n: new_width(op, scaled(inputs, places, n, unit), given) for n in tried}
        if all(made[n] * unit == width(given) * n for n in tried):
            return Passage("follows", grain, unit)
        if all(made[n] == width(given) for n in tried):
            return Passage("apart", grain, unit)
    return None


def scaled(inputs: Specs, places: tuple[int, ...], n: int, unit: int) -> Specs | None:
    """The shapes with n / unit of their widths at these places, or None where one would be too large."""
    try:
        return tuple([shaped(x, width(x) * n // unit, size(x)) if place in places else x for place, x in enumerate(inputs)])
    except ShapeError:
        return None


def new_width(op: Op | None, inputs: Specs | None, given: TensorSpec) -> int:
    """Width of what an op makes of other inputs, or 0 where it does not take them or more than the width differs."""
    spec = inferred(op, inputs) if op is not None and inputs is not None else None
    same = spec is not None and len(spec.shape) == len(given.shape) and size(spec) == size(given)
    return width(spec) if spec is not None and same else 0


def divisors(number: int) -> list[int]:
    """What divides a number, the number itself last."""
    low = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return sorted({*low, *(number // n for n in low)})


@lru_cache(maxsize=1 << 12)
def width_grain(op: Op, name: str, inputs: Specs) -> int:
    """What a field of the op, which is the width of its result, must be a multiple of; 0 where the field is no such width."""
    given = op.infer(*inputs)
    wide = width(given)
    if getattr(op, name) != wide:
        return 0
    for grain in divisors(wide):
        tried = {*(grain * times for times in TRIED), wide - grain or wide, wide + grain}
        if all(new_width(remade(op, **{name: n}), inputs, given) == n for n in tried):
            return grain
    return 0


def keeps_tokens(op: Op, inputs: Specs) -> bool:
    """Whether the op makes as many tokens as it reads, however many they are."""
    spec, more = inferred(op, inputs), tuple([TensorSpec((2 * x.shape[0], *x.shape[1:])) for x in inputs])
    twice = inferred(op, more)
    return spec is not None and twice is not None and len(spec.shape) == 2 and twice.shape == (2 * spec.shape[0], spec.shape[1])
