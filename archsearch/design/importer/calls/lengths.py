"""Norms by the length of vectors, which the trace spells out in several calls."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.design.importer.calls.call import Call, Handler
from archsearch.design.importer.calls.form import as_image, as_rows
from archsearch.design.importer.content import Content
from archsearch.design.importer.layout import InexpressibleError
from archsearch.design.importer.writer import Writer
from archsearch.ops.base import Op


def by_length(of_images: Callable[[float], Op], of_rows: Callable[[float], Op]) -> Handler:
    """A norm of the vector at every position, over the channels of an image or the last axis."""

    def handle(writer: Writer, call: Call) -> Content:
        seen = writer.settled(call.seen(), call.place)
        if len(call["dim"]) != 1:
            raise InexpressibleError(f"it is a norm over axes {call['dim']}; ops have one over channels or features")
        axis = call["dim"][0] % len(seen.axes)
        is_image = len(seen.own) == 3 and seen.own[0] == seen.axes[axis]
        if not is_image and axis == len(seen.axes) - 1:
            x = as_rows(writer, seen, call.place)
            return x.holding(writer.emit(of_rows(call["eps"]), x.value, place=call.place))
        x = seen if is_image else as_image(writer, seen, call.place)
        if x.own[0] != x.axes[axis] or len(x.own) != 3:
            raise InexpressibleError(f"it is a norm over axis {axis} of shape {seen.layout.shape}, neither channels nor features")
        return x.holding(writer.emit(of_images(call["eps"]), x.value, place=call.place))

    return handle
