"""Rolled images, once an op reads them: the way into shifted windows, or out of them."""

from __future__ import annotations

from typing import Any

from archsearch.design.importer.content import Content, Rolled, Seen
from archsearch.design.importer.layout import InexpressibleError, Layout, flat, without
from archsearch.design.importer.place import Place
from archsearch.design.importer.rearrange import unrolled, unwindowed
from archsearch.design.importer.writer import Writer


def resolved(writer: Writer, content: Any, place: Place) -> Content:
    """A content without rolls that wait for windows, lists opened. Raises InexpressibleError."""
    if isinstance(content, list | tuple):
        return type(content)(resolved(writer, part, place) for part in content)
    return windows_of(writer, content, place) if isinstance(content, Rolled) else content


def windows_of(writer: Writer, rolled: Rolled, place: Place) -> Seen:
    """The tokens of a rolled image in windows, or of rolled windows as an image. Raises InexpressibleError."""
    height, width, features = rolled.layout.own
    order = without(flat(rolled.layout.axes), [writer.batch, *features])
    seen = Layout((order, features), rolled.layout.axes)
    source = rolled.source
    down, across = (source.axes[side] for side in rolled.sides)
    inwards = unrolled(rolled.layout.own, rolled.shifts, order)
    if inwards is not None:
        tokens = writer.arranged(source, ((*down, *across), source.axes[rolled.features]), place)
        return Seen(writer.once(inwards, tokens, place=writer.around(place)), seen)
    outwards = unwindowed(source.own[0], down, across, rolled.shifts) if len(source.own) == 2 else None
    if outwards is None or order != (*height, *width):
        raise InexpressibleError("an image is rolled, which has an op before and after windows alone")
    return Seen(writer.once(outwards, source.value, place=place), seen)
