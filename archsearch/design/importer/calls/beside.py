"""Numbers beside a value, learned or fixed, that stretch along any of its axes."""

from __future__ import annotations

from archsearch.design.importer.calls.aligning import laid_out, sample_of
from archsearch.design.importer.content import Constant, Seen
from archsearch.design.importer.layout import Group, InexpressibleError, flat
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.ops import Factor, Offset


def beside(writer: Writer, kind: type[Factor | Offset], seen: Seen, given: Constant, place: Place) -> Seen:
    """A value times numbers, or plus numbers. Raises InexpressibleError."""
    x = writer.settled(seen, place)
    constant = sample_of(given, x)
    differ = varying(x, constant)
    mixed = [group for group in x.own if {*group} & differ and not {*group} <= differ]
    if len(x.own) > 3 or (mixed and constant.learned):
        x = writer.plain(x, place)
        differ = varying(x, constant)
    if len(x.own) > 4:
        raise InexpressibleError(f"numbers of shape {given.shape} beside a value of {len(x.own)} axes have no op")
    axes = tuple(axis for axis, group in enumerate(x.own) if {*group} & differ)
    full = laid_out(constant, x, x.own)
    cut = tuple(slice(None) if axis in axes else slice(0, 1) for axis in range(len(x.own)))
    weight = full.moved(lambda tensor: tensor[cut].clone())
    return x.holding(writer.emit(kind(axes, constant.learned), x.value, place=place, weights={"weight": weight}))


def varying(x: Seen, constant: Constant) -> set[object]:
    """Atoms of a value along which the numbers of `sample_of` may differ."""
    axes = [group for group in x.axes if not any(atom.batch for atom in group)]
    found: Group = flat(group for group, size in zip(axes, constant.shape, strict=True) if size > 1)
    return {*found}
