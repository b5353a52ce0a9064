"""Calls that cut parts out of a tensor: slices, splits, single positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.content import Content, Seen
from archsearch.design.importer.layout import Group, Groups, InexpressibleError, Layout, atoms_for, flat, size_of, without
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value
from archsearch.ops import Crop2d, MaxPool2d, TakeToken
from archsearch.ops.base import Op, pair

CHANNELS = {1: 0, 2: 1, 3: 0, 4: 1}
"""Where the channels are among the axes of a value of that many."""


def sliced(writer: Writer, call: Call) -> Content:
    """`x[start:stop:step]` along one axis."""
    seen = call.seen()
    axis = call.get("dim", 0) % len(seen.axes)
    size = seen.layout.shape[axis]
    start, stop, step = slice(call["start"], call["end"], call["step"]).indices(size)
    run = cut(writer, seen, axis, start, max(stop - start, 1), call.place)
    return run if step == 1 else subsampled(writer, run, axis, step, call.place)


def narrowed(writer: Writer, call: Call) -> Content:
    """`x.narrow(axis, start, length)`."""
    seen = call.seen()
    axis = call["dim"] % len(seen.axes)
    return cut(writer, seen, axis, call["start"] % seen.layout.shape[axis], call["length"], call.place)


def selected(writer: Writer, call: Call) -> Content:
    """One position of an axis, which goes away."""
    seen = call.seen()
    axis = call["dim"] % len(seen.axes)
    return taken(writer, seen, axis, call["index"] % seen.layout.shape[axis], call.place)


def parts(writer: Writer, call: Call) -> Content:
    """An axis in runs, of the lengths that the results have."""
    seen = call.seen()
    axis = call.get("dim", 0) % len(seen.axes)
    lengths = [shape[axis] for shape in call.shapes]
    return tuple(cut(writer, seen, axis, sum(lengths[:i]), length, call.place) for i, length in enumerate(lengths))


def unbound(writer: Writer, call: Call) -> Content:
    """Every position of an axis for itself."""
    seen = call.seen()
    axis = call.get("dim", 0) % len(seen.axes)
    return tuple(taken(writer, seen, axis, index, call.place) for index in range(seen.layout.shape[axis]))


def taken(writer: Writer, seen: Seen, axis: int, index: int, place: Place) -> Seen:
    """One position of an axis, without the axis."""
    one = cut(writer, seen, axis, index, 1, place)
    axes = one.axes
    return one.laid(one.layout.with_axes((*axes[:axis], *axes[axis + 1 :])))


def cut(writer: Writer, seen: Seen, axis: int, start: int, length: int, place: Place) -> Seen:
    """A run of positions of an axis. Raises InexpressibleError."""
    if length == size_of(seen.axes[axis]):
        return seen
    seen, own_axis = owner(writer, seen, axis, length, place)
    group, own = seen.axes[axis], seen.own
    rest, new = own[own_axis][len(group) :], atoms_for(length)
    axes = (*seen.axes[:axis], new, *seen.axes[axis + 1 :])
    inner = size_of(rest)
    if own_axis == CHANNELS[len(own)]:
        value = writer.sliced(seen.value, start * inner, (start + length) * inner, size_of(own[own_axis]), place)
    elif len(own) == 2:
        return Seen(writer.once(TakeToken(start), seen.value, place=place), Layout((own[1],), axes), seen.moved)
    else:
        value = cropped(writer, seen.value, own_axis, start * inner, length * inner, place)
    return Seen(value, Layout((*own[:own_axis], (*new, *rest), *own[own_axis + 1 :]), axes), seen.moved)


def owner(writer: Writer, seen: Seen, axis: int, length: int, place: Place) -> tuple[Seen, int]:
    """The tensor over a value of which an own axis, or its outer part, is what is cut, and which one. Raises InexpressibleError."""
    group = seen.axes[axis]
    if any(atom.batch for atom in group):
        raise InexpressibleError("it takes samples out of the batch; a genotype works on each by itself")
    for target in forms(seen, group):
        own_axis = next((i for i, own in enumerate(target) if own[: len(group)] == group), None)
        if own_axis is None or not can_cut(target, own_axis, group, length):
            continue
        try:
            return writer.rearranged(seen, target, place), own_axis
        except InexpressibleError:
            continue
    raise InexpressibleError("no op takes this part out of a value; slice channels, or rows and columns of an image")


def can_cut(own: Groups, axis: int, group: Group, length: int) -> bool:
    """Whether some op cuts along an axis of such a value: channels, sides of images, one of all tokens."""
    return axis == CHANNELS[len(own)] or len(own) == 3 or (len(own) == 2 and length == 1 and own[0] == group)


def forms(seen: Seen, group: Group) -> Iterator[Groups]:
    """Arrangements of a value's axes in which a part of it may be a run."""
    yield seen.own
    if len(seen.axes) > 2 and not any(atom.batch for atom in seen.axes[-1]):
        features = seen.axes[-1]
        tokens = tuple(atom for atom in flat(seen.axes[:-1]) if not atom.batch)
        yield tokens, features
        if group and group[0] in tokens:
            at = tokens.index(group[0])
            yield (features, tokens[:at], tokens[at:]) if at else (features, group, without(tokens, group))
    if 1 < len(seen.axes) <= 4:
        yield seen.axes[1:]


def cropped(writer: Writer, value: Value, axis: int, start: int, length: int, place: Place) -> Value:
    """Rows or columns of an image, in one op with what was cropped before."""
    source, window, draft = value, [[0, 0], list(value.shape[1:])], writer.draft_of(value)
    if draft is not None and is_subsampling(draft.op):  # what is taken in steps is cropped before, so that both are found together
        image, step = writer.read_by(draft), pair(draft.op.stride or 1)[axis - 1]
        run = min(length * step, image.shape[axis] - start * step)
        return writer.once(draft.op, cropped(writer, image, axis, start * step, run, place), place=place)
    if draft is not None and isinstance(draft.op, Crop2d):
        source, window[0] = writer.read_by(draft), [draft.op.top, draft.op.left]
    window[0][axis - 1] += start
    window[1][axis - 1] = length
    (top, left), sizes = window
    if (top, left) == (0, 0) and tuple(sizes) == source.shape[1:]:
        return source
    height, width = (None if at + size == side else size for at, size, side in zip((top, left), sizes, source.shape[1:], strict=True))
    return writer.once(Crop2d(top, left, height, width), source, place=place)


def is_subsampling(op: Op) -> TypeGuard[MaxPool2d]:
    """Whether it is pooling with windows of one pixel."""
    return isinstance(op, MaxPool2d) and op.kernel == 1 and op.padding == 0


def subsampled(writer: Writer, seen: Seen, axis: int, step: int, place: Place) -> Seen:
    """Every so manieth row or column of an image: pooling with windows of one pixel."""
    seen, own_axis = owner(writer, seen, axis, 2, place)
    if len(seen.own) != 3 or own_axis == 0 or seen.own[own_axis] != seen.axes[axis]:
        raise InexpressibleError(f"only rows and columns of images can be taken in steps, here of {step}")
    source, stride = seen.value, [1, 1]
    draft = writer.draft_of(source)
    if draft is not None and is_subsampling(draft.op):
        source, stride = writer.read_by(draft), list(pair(draft.op.stride or 1))
    stride[own_axis - 1] *= step
    value = writer.once(MaxPool2d(1, (stride[0], stride[1])), source, place=place)
    new = atoms_for(value.shape[own_axis])
    own = (*seen.own[:own_axis], new, *seen.own[own_axis + 1 :])
    return Seen(value, Layout(own, (*seen.axes[:axis], new, *seen.axes[axis + 1 :])), seen.moved)
