"""Shortcuts that can be dropped."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.design.edit.widths import width_field
from archsearch.ops import Add
from archsearch.ops.base import Op
from archsearch.spaces.around.scopes import Scopes

POINT = (1, 1)


class Shortcut(NamedTuple):
    """A shortcut from the value `start` to the sum `end`, which reads it as `last`; `chain`: the nodes on it, that only it needs."""

    start: int
    end: int
    last: int
    chain: tuple[int, ...]


def shortcuts(scopes: Scopes) -> list[Shortcut]:
    """Of every sum, the shortest way around the others that it adds: nothing, or a projection and what has no weights."""
    offset = len(scopes.genotype.inputs)
    ancestors = before(scopes)
    found = []
    for end, node in enumerate(scopes.genotype.nodes, offset):
        if not isinstance(node.op, Add) or len(set(node.inputs)) < 2:
            continue
        ways = [way for read in dict.fromkeys(node.inputs) if (way := chain_to(scopes, read, end)) is not None]
        around = [
            way for way in ways if any(read != way.last and (ancestors[read] >> way.start & 1 or read == way.start) for read in node.inputs)
        ]
        if around:
            found.append(min(around, key=lambda way: len(way.chain)))
    return found


def before(scopes: Scopes) -> list[int]:
    """For every value the set of values that it depends on, as bits."""
    found: list[int] = []
    for value in range(len(scopes.genotype.specs)):
        bits = 0
        for read in scopes.reads(value):
            bits |= found[read] | 1 << read
        found.append(bits)
    return found


def chain_to(scopes: Scopes, last: int, end: int) -> Shortcut | None:
    """What leads to a sum back to a value that has other readers; None where more than a projection lies on it."""
    chain: list[int] = []
    value, weights = last, 0
    while scopes.readers[value] in ([end], chain[-1:]) and len(scopes.reads(value)) == 1:
        op = scopes.op(value)
        weights += sets_weights(op)
        if weights > 1 or (sets_weights(op) and op.window().kernel != POINT):
            return None
        chain.append(value)
        (value,) = scopes.reads(value)
    return Shortcut(value, end, last, tuple(chain))


def sets_weights(op: Op) -> bool:
    """Whether an op is a convolution or a linear map."""
    return width_field(op) is not None or (hasattr(op, "kernel") and hasattr(op, "bias"))


def spans(scopes: Scopes, found: list[Shortcut]) -> set[int]:
    """Values that lie between the start and the end of a shortcut."""
    ancestors = before(scopes)
    inside: set[int] = set()
    for way in found:
        between = range(way.start + 1, way.end + 1)
        inside.update(v for v in between if ancestors[v] >> way.start & 1 and (ancestors[way.end] >> v & 1 or v == way.end))
    return inside
