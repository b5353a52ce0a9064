"""Calls that repeat elements: windows as channels, a value beside itself."""

from __future__ import annotations

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.cutting import CHANNELS
from archsearch.design.importer.calls.form import as_image
from archsearch.design.importer.content import Content, Seen
from archsearch.design.importer.layout import InexpressibleError, Layout, atoms_for, size_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer, check_batch_first
from archsearch.ops import Concat, Unfold2d


def unfolded(writer: Writer, call: Call) -> Content:
    """Windows of an image as columns (N, channels * area, places), which is `im2col`."""
    seen = call.seen()
    if len(seen.axes) != 4:
        raise InexpressibleError(f"it needs images (N, C, H, W), got shape {seen.layout.shape}")
    check_batch_first(seen)
    x = as_image(writer, seen, call.place)
    fields = {name: tuple(call[given]) for name, given in (("kernel", "kernel_size"), ("stride", "stride"), ("padding", "padding"))}
    value = writer.emit(Unfold2d(**fields, dilation=tuple(call["dilation"])), x.value, place=call.place)
    channels, height, width = (atoms_for(size) for size in value.shape)
    return Seen(value, Layout((channels, height, width), (seen.axes[0], channels, (*height, *width))))


def copies(writer: Writer, call: Call) -> Content:
    """A value several times, one behind the other along an axis: channels beside channels, or an axis of length 1 that stretches."""
    seen = writer.settled(call.seen(), call.place)
    times = list(call["repeats"])
    if len(times) > len(seen.axes):
        raise InexpressibleError("it makes more axes than it reads; unsqueeze first")
    for axis, count in enumerate(times):
        if count != 1:
            seen = copied(writer, seen, axis, count, call.place)
    return seen


def copied(writer: Writer, seen: Seen, axis: int, count: int, place: Place) -> Seen:
    """A value so many times along an axis. Raises InexpressibleError."""
    group, axes = seen.axes[axis], seen.axes
    if size_of(group) == 1 and not (axis == 1 and seen.axes[1:] == seen.own):
        return seen.laid(seen.layout.with_axes((*axes[:axis], atoms_for(count), *axes[axis + 1 :])))
    check_batch_first(seen)  # one channel is copied too: sums do not stretch it
    at = CHANNELS[len(seen.own)]
    if axis == 0 or seen.own[at] != group:
        raise InexpressibleError(f"it repeats axis {axis} of shape {seen.layout.shape}; only channels lie beside themselves")
    value = writer.once(Concat(), *[seen.value] * count, place=place)
    new = atoms_for(value.shape[at])
    own = (*seen.own[:at], new, *seen.own[at + 1 :])
    return Seen(value, Layout(own, (*axes[:axis], new, *axes[axis + 1 :])))
