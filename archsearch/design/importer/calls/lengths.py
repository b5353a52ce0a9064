"""Norms by the length of vectors, which the trace spells out in several calls."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.design.importer.calls.call import Call, Handler
from archsearch.design.importer.calls.form import as_image, as_rows
from archsearch.design.importer.content import Content, Seen
from archsearch.design.importer.layout import InexpressibleError, Layout
from archsearch.design.importer.writer import Writer
from archsearch.ops import ResponseGate
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


def response_gate(writer: Writer, call: Call) -> Content:
    """The length of each channel of an image over the mean of all, channels first or last."""
    seen = writer.settled(call.seen(), call.place)
    rank = len(seen.axes)
    down, across = sorted(dim % rank for dim in call["dim"])
    channels = call["channels"] % rank
    if rank != 4 or {0, down, across, channels} != {0, 1, 2, 3}:
        raise InexpressibleError("the lengths are not those of the channels of an image")
    x = writer.rearranged(seen, (seen.axes[channels], seen.axes[down], seen.axes[across]), call.place)
    value = writer.emit(ResponseGate(call["eps"]), x.value, place=call.place)
    axes = tuple(() if axis in (down, across) else group for axis, group in enumerate(x.axes))
    return Seen(value, Layout((x.own[0], (), ()), axes))
