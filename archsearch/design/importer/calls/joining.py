"""Tensors side by side along an axis."""

from __future__ import annotations

from dataclasses import replace

from archsearch.design.importer.calls.aligning import in_common_atoms, sample_of
from archsearch.design.importer.calls.axes import fresh_copy
from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.cutting import CHANNELS
from archsearch.design.importer.calls.learned import with_tokens
from archsearch.design.importer.content import Constant, Content, Seen
from archsearch.design.importer.layout import Groups, InexpressibleError, Layout, atoms_for, flat, sizes_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value
from archsearch.ops import Concat, Crop2d, JoinTokens, MaxPool2d, Pad2d, PadChannels, PatchMerge, Pyramid, Tokens


def joined(writer: Writer, call: Call) -> Content:
    """`torch.cat`: channels beside channels, tokens behind tokens, learned tokens before others, zeros beside channels."""
    contents = [content for content in call["tensors"] if not (isinstance(content, Constant) and content.tensor.numel() == 0)]
    values = [writer.settled(content, call.place) for content in contents if isinstance(content, Seen)]
    if len(values) + sum(isinstance(content, Constant) for content in contents) < len(contents):
        raise InexpressibleError("a product of two values is known in attention alone")
    axis = call["dim"] % len(values[0].axes)
    if len(values) == len(contents):
        merged = patches(writer, values, axis, call.place)
        return merged or side_by_side(writer, values, axis, call.place)
    if len(values) > 1:
        raise InexpressibleError("several values are joined with constants between them; join them first")
    at = next(i for i, content in enumerate(contents) if isinstance(content, Seen))
    return beside_constants(writer, values[0], axis, contents[:at], contents[at + 1 :], call.place)


def stacked(writer: Writer, call: Call) -> Content:
    """`torch.stack`: side by side along the axis after the new one."""
    rank = len(call.shape) - 1
    axis = call["dim"] % (rank + 1)
    if axis == rank or not all(isinstance(content, Seen) for content in call["tensors"]):
        raise InexpressibleError("only values can be stacked, along an axis before their last")
    beside = joined(writer, replace(call, arguments={**call.arguments, "dim": axis}))
    return beside.laid(beside.layout.viewed(call.shape))


def beside_constants(writer: Writer, seen: Seen, axis: int, before: list[Constant], after: list[Constant], place: Place) -> Seen:
    """A value with learned tokens before it, or with channels of zeros on either side. Raises InexpressibleError."""
    given = [sample_of(constant, seen) for constant in (*before, *after)]
    if all(not constant.learned and not constant.tensor.any() for constant in given):
        if seen.own[CHANNELS[len(seen.own)]] != seen.axes[axis]:
            raise InexpressibleError("zeros can stand beside channels alone; use a padding for images")
        counts = [sum(c.shape[axis - 1] for c in part) for part in (given[: len(before)], given[len(before) :])]
        value = writer.emit(PadChannels(*counts), seen.value, place=place)
        return relaid(seen, value, axis, CHANNELS[len(seen.own)])
    if after or axis == len(seen.axes) - 1:
        raise InexpressibleError("learned numbers can be joined as tokens before the others alone")
    return with_tokens(writer, seen, axis, before, place)


def relaid(seen: Seen, value: Value, axis: int, own_axis: int) -> Seen:
    """The result of an op that makes one axis longer."""
    new = atoms_for(value.shape[own_axis])
    own, axes = ((*groups[:i], new, *groups[i + 1 :]) for groups, i in ((seen.own, own_axis), (seen.axes, axis)))
    return Seen(value, Layout(own, axes))


def side_by_side(writer: Writer, values: list[Seen], axis: int, place: Place) -> Seen:
    """Values with equal axes but one. Raises InexpressibleError."""
    first, *others = values
    if len(values) == 1:
        return first
    own_axis = next((i for i, group in enumerate(first.own) if group == first.axes[axis] and can_join(first.own, i)), None)
    if own_axis is None and pyramid_like(first, axis):
        return pyramid(writer, values, axis, place)
    if own_axis is None:
        first = writer.plain(first, place)
        own_axis = axis - 1
        if axis == 0 or not can_join(first.own, own_axis):
            raise InexpressibleError(f"nothing joins axis {axis} of shape {first.layout.shape}; channels and tokens can be joined")
    read = [first.value, *(like(writer, first, other, axis, own_axis, place) for other in others)]
    if own_axis == CHANNELS[len(first.own)]:
        value = writer.cut_from(read) or writer.emit(Concat(), *read, place=place)
    else:
        value = writer.emit(JoinTokens(), *read, place=place)
    return relaid(first, value, axis, own_axis)


def can_join(own: Groups, axis: int) -> bool:
    """Whether values of such axes can be joined along one: by their channels, or tokens by tokens."""
    return (axis == CHANNELS[len(own)] and len(own) < 4) or len(own) == 2


def like(writer: Writer, first: Seen, other: Seen, axis: int, own_axis: int, place: Place) -> Value:
    """The value of a tensor with own axes as those of the first, but for the length of the one that is joined."""
    fresh = fresh_copy(other, writer.batch)
    long = fresh.axes[axis]
    bare = [layout.with_axes((*layout.axes[:axis], (), *layout.axes[axis + 1 :])) for layout in (first.layout, fresh)]
    ours, theirs = in_common_atoms(bare[0], bare[1], stretch=False)
    target = (*ours.own[:own_axis], long, *ours.own[own_axis + 1 :])
    return writer.arranged(Seen(other.value, theirs, other.moved), target, place)


def pyramid_like(seen: Seen, axis: int) -> bool:
    """Whether the axis is all positions of an image."""
    return len(seen.own) == 3 and seen.axes[axis] == flat(seen.own[1:]) and seen.axes[1:] == (seen.own[0], seen.axes[axis])


def pyramid(writer: Writer, values: list[Seen], axis: int, place: Place) -> Seen:
    """Positions of images of several sizes in one row. Raises InexpressibleError."""
    if not all(pyramid_like(seen, axis) for seen in values):
        raise InexpressibleError("positions of images can be joined with those of images alone")
    value = writer.emit(Pyramid(), *(seen.value for seen in values), place=place)
    channels, row = (atoms_for(value.shape[i]) for i in (0, 2))
    return Seen(value, Layout((channels, (), row), (values[0].axes[0], channels, row)))


OFFSETS = [(0, 0), (1, 0), (0, 1), (1, 1)]
"""Rows and columns at which the four parts of 2x2 patches start, in the order of patch_merge."""


def patches(writer: Writer, values: list[Seen], axis: int, place: Place) -> Seen | None:
    """Tokens of 2x2 patches, where four values are every other row and column of one image, joined by channels; else None."""
    taken = [every_other(writer, seen.value) for seen in values]
    if len(values) != 4 or any(part is None or part[1] != offset for part, offset in zip(taken, OFFSETS, strict=True)):
        return None
    sources = {part[0].number: part[0] for part in taken if part is not None}
    first, image = values[0], next(iter(sources.values()))
    border = writer.draft_of(image)
    if border is not None and isinstance(border.op, Pad2d) and border.op == Pad2d(bottom=border.op.bottom, right=border.op.right):
        image = writer.read_by(border)
    sides = tuple(-(-side // 2) for side in image.shape[1:])
    if len(sources) > 1 or first.axes[axis] != first.own[0] or sides != sizes_of(first.own[1:]):
        return None
    value = writer.emit(PatchMerge(*image.shape[1:]), writer.once(Tokens(), image, place=place), place=place)
    channels, height, width = atoms_for(value.shape[1]), *first.own[1:]
    axes = (*first.axes[:axis], channels, *first.axes[axis + 1 :])
    return Seen(value, Layout(((*height, *width), channels), axes))


def every_other(writer: Writer, value: Value) -> tuple[Value, tuple[int, int]] | None:
    """The image of which a value is every other row and column, and where they start; else None."""
    draft = writer.draft_of(value)
    if draft is None or draft.op != MaxPool2d(1, 2):
        return None
    source = writer.read_by(draft)
    crop = writer.draft_of(source)
    if crop is None or not isinstance(crop.op, Crop2d):
        return source, (0, 0)
    return writer.read_by(crop), (crop.op.top, crop.op.left)
