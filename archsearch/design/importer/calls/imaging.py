"""Calls over images without weights: pooling, means, up-sampling, borders, pixels and channels in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any

from archsearch.design.importer.calls.call import Call, Handler
from archsearch.design.importer.calls.cutting import CHANNELS, cut, taken
from archsearch.design.importer.calls.elementwise import applied
from archsearch.design.importer.calls.form import as_image, image_seen, pixels
from archsearch.design.importer.calls.rolling import resolved
from archsearch.design.importer.content import Content, Failed, Seen
from archsearch.design.importer.layout import Group, Groups, InexpressibleError, Layout, atoms_for, flat, size_of
from archsearch.design.importer.place import refusal
from archsearch.design.importer.writer import Writer
from archsearch.ops import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
    MaxPoolIndices2d,
    MaxUnpool2d,
    MeanTokens,
    Pad2d,
    PadChannels,
    Scale,
    Upsample,
)
from archsearch.ops.base import Op
from archsearch.ops.resampling import LARGEST


def imaging(make: Callable[[Call], Op]) -> Handler:
    """A call of one op over images."""

    def handle(writer: Writer, call: Call) -> Content:
        seen = call.seen()
        check_rank(call.name, seen)
        x = as_image(writer, seen, call.place)
        return image_seen(seen, writer.emit(make(call), x.value, place=call.place))

    return handle


def check_rank(name: str, seen: Seen) -> None:
    """Raise InexpressibleError where a call reads a tensor without a batch, as some may."""
    rank = 3 if "1d" in name else 4
    if len(seen.axes) != rank:
        raise InexpressibleError(f"it needs {rank} axes, the batch first, got shape {seen.layout.shape}")


def window_of(call: Call) -> dict[str, Any]:
    """Sizes of a pooling window, for tensors (N, C, H, W) or (N, C, W)."""
    rank = len(call.shape)
    kernel = pixels(call["kernel_size"], rank, 1)
    stride = pixels(call["stride"], rank, 1) if call["stride"] else kernel
    return {"kernel": kernel, "stride": stride, "padding": pixels(call["padding"], rank, 0), "ceil": call["ceil_mode"]}


def max_pool(call: Call) -> Op:
    """Max pooling."""
    return MaxPool2d(**window_of(call), dilation=pixels(call["dilation"], len(call.shape), 1))


def avg_pool(call: Call) -> Op:
    """Average pooling."""
    if call.get("divisor_override") is not None:
        raise InexpressibleError("average pooling with a divisor of its own has no op; scale the result")
    return AvgPool2d(**window_of(call), count_padding=call["count_include_pad"])


def adaptive(whole: Callable[[], Op], parts: Callable[[Any], Op]) -> Handler:
    """Pooling to a size; results of several are the pooled values, and places that no op reads."""

    def make(call: Call) -> Op:
        size = pixels(call["output_size"], len(call.shape), 1)
        return whole() if size == (1, 1) else parts(size)

    one = imaging(make)

    def handle(writer: Writer, call: Call) -> Content:
        content = one(writer, call)
        places = Failed(refusal("where maxima of adaptive pooling lie has no op,", call.place, "read the maxima alone"))
        return (content, places) if len(call.shapes) > 1 else content

    return handle


def pooled_with_places(writer: Writer, call: Call) -> Content:
    """Max pooling, and where the maxima lie."""
    window = {**window_of(call), "dilation": pixels(call["dilation"], len(call.shape), 1)}
    seen = call.seen()
    check_rank(call.name, seen)
    x = as_image(writer, seen, call.place)
    return tuple(image_seen(seen, writer.emit(op(**window), x.value, place=call.place)) for op in (MaxPool2d, MaxPoolIndices2d))


def unpooled(writer: Writer, call: Call) -> Content:
    """Values put back where maxima were, by the window of the pooling that found them."""
    seen = call.seen()
    places = call["indices"]
    draft = writer.draft_of(places.value) if isinstance(places, Seen) else None
    if draft is None or not isinstance(draft.op, MaxPoolIndices2d):
        raise InexpressibleError("its indices do not come from max pooling as they are")
    op = MaxUnpool2d(draft.op.kernel, draft.op.stride, draft.op.padding, pixels(call["output_size"], len(seen.axes), 1))
    x, indices = (as_image(writer, read, call.place) for read in (seen, places))
    return image_seen(seen, writer.emit(op, x.value, indices.value, place=call.place))


def averaged(writer: Writer, call: Call) -> Seen:
    """Mean over all positions of images, over their rows or columns, or over all tokens."""
    return reduced(writer, call, GlobalAvgPool2d(), AdaptiveAvgPool2d, MeanTokens())


def maximal(writer: Writer, call: Call) -> Content:
    """Largest value over all positions of images, or over their rows or columns."""
    return reduced(writer, call, GlobalMaxPool2d(), AdaptiveMaxPool2d, None)


def reduced(writer: Writer, call: Call, whole: Op, parts: Callable[[Any], Op], of_tokens: Op | None) -> Seen:
    """One number in place of each position along some axes. Raises InexpressibleError."""
    seen = writer.settled(call.seen(), call.place)
    dims = call.get("dim")
    listed = [dims] if isinstance(dims, int) else dims or range(1, len(seen.axes))
    axes = sorted(dim % len(seen.axes) for dim in listed)
    gone = {atom for axis in axes for atom in seen.axes[axis]}
    left: Groups = tuple(() if axis in axes else group for axis, group in enumerate(seen.axes))
    kept = left if call.get("keepdim") else tuple(group for axis, group in enumerate(left) if axis not in axes)
    own = seen.own
    if len(own) == 2 and of_tokens is not None and gone == {*own[0]}:
        return Seen(writer.emit(of_tokens, seen.value, place=call.place), Layout((own[1],), kept))
    if len(own) == 3 and gone <= {*flat(own[1:])} and all(not gone & {*side} or {*side} <= gone for side in own[1:]):
        sides: list[Group] = [() if gone & {*side} else side for side in own[1:]]
        op = whole if not flat(sides) else parts(tuple(size_of(side) for side in sides))
        return Seen(writer.emit(op, seen.value, place=call.place), Layout((own[0], sides[0], sides[1]), kept))
    raise InexpressibleError(f"it reduces axes {axes} of shape {seen.layout.shape}; ops reduce all positions of images, or all tokens")


MOST_TERMS = 32


def summed(writer: Writer, call: Call) -> Content:
    """Sum over an axis of few positions, as an addition of its parts; over all positions, as a mean times their number."""
    seen = call.seen()
    dims = call.get("dim")
    listed = [dims] if isinstance(dims, int) else dims or []
    if len(listed) != 1 or seen.layout.shape[listed[0]] > MOST_TERMS:
        mean = averaged(writer, call)
        return applied(writer, Scale(prod(seen.layout.shape) // prod(mean.layout.shape)), mean, call.place)
    axis = listed[0] % len(seen.axes)
    parts = [taken(writer, seen, axis, index, call.place) for index in range(seen.layout.shape[axis])]
    total = parts[0].holding(writer.emit(Add(), *(part.value for part in parts), place=call.place))
    axes = total.axes
    return total.laid(total.layout.with_axes((*axes[:axis], (), *axes[axis:]))) if call.get("keepdim") else total


def upsampled(mode: str) -> Handler:
    """Sampling between pixels, by the sizes of what is read and made."""

    def make(call: Call) -> Op:
        old, new = call.seen().layout.shape[-2:], call.shape[-2:]
        factors = call.get("scale_factors") or [call.get("scales_h"), call.get("scales_w")]
        if any(f is not None and abs(side * f - made) > 1e-6 for f, side, made in zip(factors, old, new, strict=True)):
            raise InexpressibleError(f"scale factors {factors} do not make whole sides of {old}; give size= instead")
        corners = bool(call.get("align_corners"))
        whole = all(made % side == 0 for side, made in zip(old, new, strict=True))
        if whole:
            return Upsample(scale=(new[0] // old[0], new[1] // old[1]), mode=mode, align_corners=corners)
        return Upsample(size=(new[0], new[1]), mode=mode, align_corners=corners)

    return imaging(make)


MODES = {
    "constant": "zeros",
    "reflect": "reflect",
    "replicate": "replicate",
    "reflection_pad2d": "reflect",
    "replication_pad2d": "replicate",
}


def padded_if_need_be(writer: Writer, call: Call) -> Content:
    """What it reads where the border is none, as many write before windows that fit; else as `padded`."""
    if not any(call["pad"]):
        return call.first
    return padded(writer, replace(call, arguments={**call.arguments, "self": resolved(writer, call.first, call.place)}))


def padded(writer: Writer, call: Call) -> Content:
    """A border around images, channels of zeros beside the others, or, where it is negative, less of an axis."""
    seen = writer.settled(call.seen(), call.place)
    pad = call.get("pad") or call["padding"]
    ends = {len(seen.axes) - 1 - i: (pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)}
    for axis, (before, after) in ends.items():
        size = seen.layout.shape[axis]
        seen = cut(writer, seen, axis, max(-before, 0), size + min(before, 0) + min(after, 0), call.place)
    if ends.get(0, (0, 0)) != (0, 0):
        raise InexpressibleError("it adds samples to the batch, or takes some away; a genotype works on each by itself")
    grown = {axis: (max(before, 0), max(after, 0)) for axis, (before, after) in ends.items() if max(before, after) > 0}
    mode = call.get("mode", "constant") if "mode" in call.arguments else MODES.get(call.name, "constant")
    if mode not in MODES and mode not in MODES.values():
        raise InexpressibleError(f"mode {mode} has no op; zeros, reflect and replicate are known")
    return bordered(writer, call, seen, grown, MODES.get(mode, mode)) if grown else seen


def bordered(writer: Writer, call: Call, seen: Seen, grown: dict[int, tuple[int, int]], mode: str) -> Seen:
    """More positions before and after those of some axes. Raises InexpressibleError."""
    value = max(float(call.get("value") or 0.0), -LARGEST)  # before max pooling -infinity is as good as this
    channels = CHANNELS[len(seen.own)]
    op: Op
    if [side_of(seen, axis) for axis in grown] == [channels] and mode == "zeros" and value == 0:
        sides = dict.fromkeys(grown, channels)
        op = PadChannels(*next(iter(grown.values())))
    else:
        seen, sides = over_sides(writer, seen, grown, call)
        ends = {side: grown[axis] for axis, side in sides.items()}
        op = Pad2d(*ends.get(1, (0, 0)), *ends.get(2, (0, 0)), mode=mode, value=value)
    made = writer.emit(op, seen.value, place=call.place)
    new = {axis: atoms_for(size_of(seen.axes[axis]) + sum(ends)) for axis, ends in grown.items()}
    longer = {side: new[axis] for axis, side in sides.items()}
    own = tuple(longer.get(side, group) for side, group in enumerate(seen.own))
    return Seen(made, Layout(own, tuple(new.get(axis, group) for axis, group in enumerate(seen.axes))), seen.moved)


def side_of(seen: Seen, axis: int) -> int | None:
    """Which axis of the value an axis of the tensor is; None where it is none."""
    if seen.axes[1:] == seen.own:  # tells axes of length 1 apart too
        return axis - 1
    group = seen.axes[axis]
    return seen.own.index(group) if group and group in seen.own else None


def over_sides(writer: Writer, seen: Seen, grown: Iterable[int], call: Call) -> tuple[Seen, dict[int, int]]:
    """The tensor over an image of which those axes are height or width, and which of the two each is. Raises InexpressibleError."""
    found = {axis: side_of(seen, axis) for axis in grown}
    sides = {axis: side for axis, side in found.items() if side in (1, 2)}
    if len(seen.own) == 3 and len(sides) == len(found):
        return seen, sides
    if len(seen.axes) == 4 and 3 not in found:
        return writer.rearranged(seen, (seen.axes[3], seen.axes[1], seen.axes[2]), call.place), {axis: axis for axis in found}
    if 1 in found or len(seen.axes) < 3:
        raise InexpressibleError("only images take a border, and channels take zeros beside them")
    last = len(seen.axes) - 1
    return as_image(writer, seen, call.place), {axis: 2 if axis == last else 1 for axis in found}
