"""What was measured of an op that states no costs, as it is kept with the node in JSON: so that no torch is needed to read it."""

from __future__ import annotations

from typing import Any

from archsearch.ops.base import Cost, Facts, Op, completed
from archsearch.ops.saved import Amount, Saved
from archsearch.ops.tensor import TensorSpec
from archsearch.support.reading import expect, keys

COSTS = ("params", "buffers", "macs", "counters")
NUMBERS = ("elements", "statistics")
FLAGS = ("output", "view", "eval_view", "anew")
MOMENTS = ("training", "inference", "backward", "front")
MOST, MOST_MOMENTS = 2**60, 1000
PASSED = {"gradient": ("new", "view"), "handed": ("whole", "view")}
"""How the gradient passes, the usual way first."""


def to_dict(fact: Facts) -> dict[str, Any]:
    """Shape, costs and memory as plain data; what is 0 or not so is left out."""
    saved = fact.saved
    data: dict[str, Any] = {
        "shape": list(fact.spec.shape),
        **{name: getattr(fact.cost, name) for name in COSTS},
        "inputs": list(saved.inputs),
    }
    data |= {name: getattr(saved, name) for name in (*NUMBERS, *FLAGS, *PASSED)}
    data |= {name: [[amount.elements, amount.weights] for amount in getattr(saved, name)] for name in MOMENTS}
    return {name: value for name, value in data.items() if value not in (0, [], "new", "whole") or name == "shape"}


def from_dict(data: Any, op: Op, inputs: tuple[TensorSpec, ...], what: str) -> Facts:
    """The facts of an op at these inputs. Raises ValueError, one line."""
    known = ("shape", *COSTS, "inputs", *NUMBERS, *FLAGS, *PASSED, *MOMENTS)
    keys(expect(data, dict, what), known, what, may_lack=known[1:])
    spec = TensorSpec(tuple(expect(data["shape"], list, f"the shape in {what}")))
    reads = tuple(number(place, what, len(inputs) - 1) for place in expect(data.get("inputs", []), list, f"inputs in {what}"))
    if any(type(data.get(name, False)) is not bool for name in FLAGS):
        raise ValueError(f"{what}: {', '.join(FLAGS)} are true or false")
    for name, options in PASSED.items():
        if data.get(name, options[0]) not in options:
            raise ValueError(f"{what}: {name} is {' or '.join(options)}, got {str(data[name])[:30]!r}")
    held: dict[str, Any] = {name: number(data.get(name, 0), what) for name in NUMBERS}
    held |= {name: data.get(name, False) for name in FLAGS}
    held |= {name: moments(data.get(name, []), f"{name} in {what}") for name in MOMENTS}
    held |= {name: data.get(name, options[0]) for name, options in PASSED.items()}
    saved = Saved(reads, **held)
    return completed(op, inputs, spec, Cost(**{name: number(data.get(name, 0), what) for name in COSTS}), saved)


def number(value: Any, what: str, most: int = MOST, least: int = 0) -> int:
    """A whole number. Raises ValueError."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{what}: {str(value)[:30]} is no whole number from {least} to {most}")
    return value


def moments(value: Any, what: str) -> tuple[Amount, ...]:
    """Moments that may be the peak. Raises ValueError."""
    pairs = expect(value, list, what)
    if len(pairs) > MOST_MOMENTS or any(not isinstance(pair, list) or len(pair) != 2 for pair in pairs):
        raise ValueError(f"{what}: pairs of numbers are due, at most {MOST_MOMENTS}")
    return tuple(Amount(elements=number(one, what, least=-MOST), weights=number(other, what, least=-MOST)) for one, other in pairs)
