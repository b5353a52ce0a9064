"""Edges and what they are made of -> values at places."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

from archsearch.blocks.fabric.forms import Form
from archsearch.blocks.fabric.grid import START, Edge, Place, by_target
from archsearch.network.builder import Builder, Value


def weave(b: Builder, x: Value, edges: Iterable[Edge], form: Form, dropped: Collection[Edge] = ()) -> dict[Place, Value]:
    """The value of every place that the edges lead to; `x` is that of START.

    Nodes of an edge stand in the scope of its name, those of a place in the scope of its layer and scale. Edges in `dropped` hand on
    their value as it is. A place at which nothing new arrives has the value that is handed on to it.
    """
    sizes = form.sizes((x.shape[1], x.shape[2]))
    found = {START: x}
    for layer, places in groupby(by_target(edges).items(), key=lambda item: item[0].layer):
        with b.scope(f"layer{layer}"):
            for place, arriving in places:
                with b.scope(f"scale{place.scale}"):
                    found[place] = join(b, found, place, arriving, form, sizes[place.scale], dropped)
    return found


def join(
    b: Builder,
    found: dict[Place, Value],
    place: Place,
    arriving: Sequence[Edge],
    form: Form,
    size: tuple[int, int],
    dropped: Collection[Edge],
) -> Value:
    """The value of one place."""
    kept: list[Value] = []
    made: list[Value] = []
    for edge in arriving:
        if edge in dropped:
            kept.append(found[edge.source])
            continue
        with b.scope(edge.origin):
            parts = form.carry(b, found[edge.source], edge, size)
        kept += parts.kept
        made += parts.made
    return form.join(b, place, [*kept, *made]) if made else kept[0]
