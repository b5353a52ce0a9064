"""Calls that work element by element, or along the channels, and keep the shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from archsearch.design.importer.calls.call import Call, Handler
from archsearch.design.importer.calls.cutting import CHANNELS
from archsearch.design.importer.content import Content, Scores, Seen, number_of
from archsearch.design.importer.layout import InexpressibleError, Layout, atoms_for, flat, size_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.ops import Dropout, Hardtanh, Mul, RadixSoftmax, ReLU, ReLU6, RowSoftmax, Softmax, Softplus
from archsearch.ops.base import Op


def applied(writer: Writer, op: Op, seen: Seen, place: Place) -> Seen:
    """An op that works element by element, over the value in whatever order it is."""
    x = writer.settled(seen, place)
    return x.holding(writer.emit(op, x.value, place=place))


def activation(make: Callable[[Call], Op]) -> Handler:
    """A call that works element by element."""

    def handle(writer: Writer, call: Call) -> Content:
        return applied(writer, make(call), call.seen(), call.place)

    return handle


def softplus(call: Call) -> Op:
    """Softplus as it is by default. Raises InexpressibleError for another."""
    if (call["beta"], call["threshold"]) != (1, 20):
        raise InexpressibleError("only softplus with beta=1 and threshold=20 has an op; use those")
    return Softplus()


def dropout(writer: Writer, call: Call) -> Content:
    """Dropout, which inference does not do."""
    if call["train"]:
        raise InexpressibleError("dropout that is on in inference too has no op; use nn.Dropout")
    if isinstance(call.first, Scores):
        if call["p"]:
            writer.remark(f"dropout({call['p']}) of attention's scores has no op; it is left out, which changes training alone", call.place)
        return call.first
    if call.name != "dropout":
        writer.remark(f"{call.name}({call['p']}) has no op; it is left out, which changes training alone", call.place)
        return call.first
    if not isinstance(writer.part(call.place.path), nn.Dropout):  # training=False looks as training=self.training does
        writer.remark(f"dropout({call['p']}) is a function here; it is taken to be on in training", call.place)
    return applied(writer, Dropout(call["p"]), call.seen(), call.place)


def clamped(writer: Writer, call: Call) -> Content:
    """Bounds on both sides, or at zero from below."""
    low, high = (call.get(name) for name in (("min_val", "max_val") if call.name == "hardtanh" else ("min", "max")))
    if low == 0 and high in (None, 6):
        return applied(writer, ReLU() if high is None else ReLU6(), call.seen(), call.place)
    if not all(isinstance(bound, int | float) for bound in (low, high)):
        raise InexpressibleError("only two numbers as bounds have an op, or zero from below; give both")
    return applied(writer, Hardtanh(low, high), call.seen(), call.place)


def along_channels(make: Callable[[], Op]) -> Handler:
    """A call over one axis, which must be the channels of an image, the features of tokens, or a vector."""

    def handle(writer: Writer, call: Call) -> Content:
        content = call.first
        if isinstance(content, Scores) and make is Softmax:
            return softened(content, call)
        if make is Softmax and (splits := among_splits(writer, call.seen(), call["dim"], call.place)) is not None:
            return splits
        seen = writer.settled(call.seen(), call.place)
        if make is Softmax and len(seen.own) == 3 and seen.own[2] == seen.axes[call["dim"]] != seen.own[0]:
            return seen.holding(writer.emit(RowSoftmax(), seen.value, place=call.place))
        try:
            seen = over_channels(writer, seen, call["dim"], call.place)
        except InexpressibleError:
            seen = over_rows(writer, seen, call["dim"], call.place)
        value = writer.emit(make(), seen.value, place=call.place)
        if value.spec == seen.value.spec:
            return seen.holding(value)
        at, axis = CHANNELS[len(seen.own)], call["dim"] % len(seen.axes)
        new = atoms_for(value.shape[at])
        own, axes = ((*groups[:i], new, *groups[i + 1 :]) for groups, i in ((seen.own, at), (seen.axes, axis)))
        return Seen(value, Layout(own, axes))

    return handle


def among_splits(writer: Writer, seen: Seen, dim: int, place: Place) -> Seen | None:
    """Softmax among splits of the channels of one position, which are ordered by group, split, channel; None where it is no such."""
    group, channels = seen.axes[dim % len(seen.axes)], seen.own[CHANNELS[len(seen.own)]]
    if not group or group[0] not in channels or group == channels or flat(seen.own) != channels:
        return None
    at = channels.index(group[0])
    before, after = channels[:at], channels[at + len(group) :]
    if channels[at : at + len(group)] != group:
        return None
    x = writer.rearranged(seen, (channels, (), ()), place)
    value = writer.emit(RadixSoftmax(size_of(group), size_of(before)), x.value, place=place)
    return Seen(value, Layout(((*group, *before, *after), (), ()), seen.axes))


def over_channels(writer: Writer, seen: Seen, dim: int, place: Place) -> Seen:
    """The tensor over a value whose channels are that axis. Raises InexpressibleError."""
    group = seen.axes[dim % len(seen.axes)]
    if seen.own[CHANNELS[len(seen.own)]] == group:
        return seen
    x = writer.plain(seen, place)
    if x.own[CHANNELS[len(x.own)]] != group:
        raise InexpressibleError(f"it works along axis {dim} of shape {seen.layout.shape}, not the channels; ops know no other")
    return x


def over_rows(writer: Writer, seen: Seen, dim: int, place: Place) -> Seen:
    """The tensor over tokens whose features are that axis, one for each place along the others. Raises InexpressibleError."""
    group = seen.axes[dim % len(seen.axes)]
    rest = tuple(atom for atom in flat(seen.own) if atom not in group)
    if any(atom.batch for atom in group):
        raise InexpressibleError("it works along the batch; a genotype works on each sample by itself")
    return writer.rearranged(seen, (rest, group), place)


def softened(scores: Scores, call: Call) -> Scores:
    """Softmax over the keys."""
    if call["dim"] % len(scores.shape) != len(scores.shape) - 1 or scores.mixed:
        raise InexpressibleError("a product of two values is known in attention alone, with one softmax over its last axis")
    return replace(scores, mixed=True)


def squared(writer: Writer, call: Call) -> Content:
    """The second power, as a product."""
    if number_of(call.get("exponent", 2)) != 2:
        raise InexpressibleError("only the second power has an op; write the module without others")
    x = writer.settled(call.seen(), call.place)
    return x.holding(writer.emit(Mul(), x.value, x.value, place=call.place))
