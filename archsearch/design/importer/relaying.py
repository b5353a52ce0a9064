"""Axes brought into any order and grouping by views and a permutation, as calls of torch's own operators."""

from __future__ import annotations

from collections.abc import Iterable

from archsearch.design.importer.layout import Atom, Groups, flat


def relaid(name: str, own: Groups, axes: Groups, first: int = 0) -> list[str]:
    """Calls that make a tensor with these axes of a value (samples, own axes); `first`: how many calls stand before them.

    Atoms that the value does not have are repeated. The samples are the atom that says so; where `axes` has none, they come first.
    """
    calls: list[str] = []

    def call(operator: str, argument: str) -> None:
        source = name if not calls else f"v{first + len(calls) - 1}"
        calls.append(f"{operator}({source}, [{argument}])")

    held, wanted = flat(own), flat(axes)
    batch = next((atom for atom in wanted if atom.batch), None)
    before = [*([] if batch is None else [batch]), *held]
    if before == list(wanted):  # the same order: one view, or none
        sides = sizes(axes, batch is None)
        if sides != sizes(own, samples_first=True):
            call("reshape.default", sides)
        return calls
    if any(len(group) != 1 for group in own):
        call("view.default", sizes([(atom,) for atom in before], batch is None))
    missing = [atom for atom in wanted if atom not in before]
    order = [*before, *missing]
    if missing:
        call("view.default", ", ".join([sizes([(atom,) for atom in before], batch is None), *["1"] * len(missing)]))
        call("expand.default", sizes([(atom,) for atom in order], batch is None))
    places = [order.index(atom) for atom in wanted] if batch is not None else [0, *(order.index(atom) + 1 for atom in wanted)]
    if places != sorted(places):
        call("permute.default", ", ".join(map(str, places)))
    if any(len(group) != 1 for group in axes):
        call("reshape.default", sizes(axes, batch is None))
    return calls


def sizes(groups: Iterable[tuple[Atom, ...]], samples_first: bool) -> str:
    """Sizes of axes as a program has them."""
    return ", ".join([*(["N"] if samples_first else []), *map(size, groups)])


def size(group: tuple[Atom, ...]) -> str:
    """Size of an axis: a number, or so many times the samples."""
    product = 1
    for atom in group:
        product *= 1 if atom.batch else atom.size
    if not any(atom.batch for atom in group):
        return str(product)
    return f"N*{product}" if product > 1 else "N"
