"""Axes brought into any order and grouping by reshaping and a permutation, as calls of torch's own operators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from archsearch.design.importer.layout import Atom, Groups, flat
from archsearch.support.calls import Call


def relaid(name: str, own: Groups, axes: Groups, first: int = 0) -> list[Call]:
    """Calls that make a tensor with these axes, the samples among them, of a value with its own axes behind the samples.

    Atoms that the value does not have are repeated. `first`: how many calls stand before these.
    """
    calls: list[Call] = []

    def call(operator: str, numbers: Sequence[Any]) -> None:
        calls.append(Call(operator, (f"v{first + len(calls) - 1}" if calls else name, ("list", *numbers))))

    wanted = flat(axes)
    samples = next(atom for atom in wanted if atom.batch)
    held = [samples, *flat(own)]
    if held == list(wanted):  # the same order: axes joined or cut, or nothing
        if axes != ((samples,), *own):
            call("reshape.default", sizes(axes))
        return calls
    missing = [atom for atom in wanted if atom not in held]
    if missing or any(len(group) != 1 for group in own):
        call("reshape.default", [*sizes([(atom,) for atom in held]), *[1] * len(missing)])
    order = [*held, *missing]
    if missing:
        call("expand.default", sizes([(atom,) for atom in order]))
    places = [order.index(atom) for atom in wanted]
    if places != sorted(places):
        call("permute.default", places)
    if any(len(group) != 1 for group in axes):
        call("reshape.default", sizes(axes))
    return calls


def sizes(groups: Iterable[Sequence[Atom]]) -> list[Any]:
    """Sizes of axes in plain form: numbers, or so many times the samples."""
    found = []
    for group in groups:
        size = prod(atom.size for atom in group if not atom.batch)
        found.append(("samples", size) if any(atom.batch for atom in group) else size)
    return found
