"""Calls that look at a tensor along other axes: views and permutations move nothing until an op needs the elements in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import torch

from archsearch.design.importer.calls.call import Call, Handler
from archsearch.design.importer.calls.kinds import CASTS
from archsearch.design.importer.content import Constant, Content, Rolled, Scores, Seen
from archsearch.design.importer.layout import Atom, Group, InexpressibleError, Layout, atoms_for, flat, size_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer, check_batch_first

FLOAT_BITS = 32
Order = Callable[[Call, int], Sequence[int]]
"""Order of the axes after a call, given their number."""


def unchanged(writer: Writer, call: Call) -> Content:
    """What it reads: memory format, gradients and precision are none of the genotype's. Raises InexpressibleError for whole numbers."""
    kind = call.get("dtype")
    other = call.get("other")
    if isinstance(other, Constant):
        kind = other.tensor.dtype
    if kind is not None and not kind.is_floating_point:
        raise InexpressibleError(f"it makes {kind} of numbers, which no op does")
    if kind is not None and torch.finfo(kind).bits < FLOAT_BITS and call.name in CASTS:
        writer.remark(f"a cast to {str(kind).removeprefix('torch.')} is left out, the network computes in one type", call.place)
    return call.first


def viewed(writer: Writer, call: Call) -> Content:
    """The elements in order in the shape of the result: view, reshape, flatten, squeeze and the like."""
    content = call.first
    if isinstance(content, Scores) and prod(content.shape) == prod(call.shape):
        return replace(content, shape=call.shape)
    seen = content if isinstance(content, Rolled) else call.seen()
    try:
        return seen.laid(seen.layout.viewed(call.shape), call.place)
    except InexpressibleError:
        if isinstance(seen, Rolled) or call.shape[:1] != (writer.batch.size,):
            raise
    return recut(writer, seen, call.shape, call.place)


def recut(writer: Writer, seen: Seen, shape: Sequence[int], place: Place) -> Seen:
    """A view that cuts across the atoms: the elements are put in order first, and the old cuts forgotten. Raises InexpressibleError."""
    check_batch_first(seen)
    in_order = seen.axes[1:]
    as_rows = len(in_order) > 1 and len(seen.own) < 3 and in_order[-1] in (seen.own[0], seen.own[-1])
    targets = [(flat(in_order[:-1]), in_order[-1])] if as_rows else []
    for target in (*targets, in_order, (flat(in_order),)):
        try:
            whole = writer.seen(writer.arranged(seen, target, place))
            return whole.laid(whole.layout.viewed(shape), place)
        except ValueError:  # too many axes for a value, or still cut across: the next form has fewer
            continue
    raise InexpressibleError(f"no few ops make shape {tuple(shape)} of {seen.layout.shape}; view it in other steps")


def permuted(order: Order) -> Handler:
    """A call that puts axes in another order."""

    def handle(writer: Writer, call: Call) -> Content:
        seen = call.first if isinstance(call.first, Rolled) else call.seen()
        return seen.laid(seen.layout.permuted(order(call, len(seen.layout.axes))), call.place)

    return handle


def swapped(first: str, second: str) -> Order:
    """Two axes change places."""

    def order(call: Call, rank: int) -> Sequence[int]:
        axes = list(range(rank))
        a, b = call[first] % rank, call[second] % rank
        axes[a], axes[b] = b, a
        return axes

    return order


def moved(call: Call, rank: int) -> Sequence[int]:
    """Some axes go to other places, the rest keep their order."""
    sources, places = ([axis] if isinstance(axis, int) else axis for axis in (call["source"], call["destination"]))
    to = {place % rank: source % rank for source, place in zip(sources, places, strict=True)}
    rest = iter(axis for axis in range(rank) if axis not in to.values())
    return [to[axis] if axis in to else next(rest) for axis in range(rank)]


def listed(call: Call, rank: int) -> Sequence[int]:
    """The order is written down."""
    return [axis % rank for axis in call["dims"]]


def turned(call: Call, rank: int) -> Sequence[int]:
    """The last two axes change places."""
    return [*range(rank - 2), rank - 1, rank - 2]


def repeated(writer: Writer, call: Call) -> Content:
    """Axes of length 1 stretched, as products do anyway."""
    seen = call.seen()
    axes = [(), *[()] * (len(call.shape) - len(seen.axes) - 1), *seen.axes][-len(call.shape) :]
    stretched = [group if size_of(group) == size else atoms_for(size) for group, size in zip(axes, call.shape, strict=True)]
    return seen.laid(seen.layout.with_axes(tuple(stretched)))


def fresh_copy(seen: Seen, batch: Atom) -> Layout:
    """The layout in atoms of its own, the batch apart, so that it can be compared with one that has some of the same."""
    new: dict[Atom, Group] = {}
    for group in (*seen.own, *seen.axes):
        for atom in group:
            if atom is not batch:
                new.setdefault(atom, (Atom(atom.size),))
    return seen.layout.cut(new)
