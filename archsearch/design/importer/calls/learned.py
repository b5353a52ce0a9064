"""Bare parameters beside values: scales of channels, vectors added to tokens, tokens put before others."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from archsearch.design.importer.calls.aligning import axis_along, laid_out, sample_of
from archsearch.design.importer.calls.beside import beside
from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.cutting import CHANNELS
from archsearch.design.importer.calls.form import as_image, as_rows
from archsearch.design.importer.content import Constant, Content, Seen
from archsearch.design.importer.layout import Group, Groups, InexpressibleError, Layout, atoms_for, flat
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value
from archsearch.ops import (
    ClassToken,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    Factor,
    LayerScale,
    Linear,
    Offset,
    PositionEmbedding,
    RMSNorm,
    RMSNorm2d,
    ScalarGate,
)

WITH_BIAS = (Conv2d, ConvTranspose2d, DepthwiseConv2d, Linear)
"""Ops that may have a bias for each channel that they make."""


def learned_scale(writer: Writer, call: Call, seen: Content, given: Constant) -> Seen:
    """A value times one learned number, or one for each channel. Raises InexpressibleError."""
    if not isinstance(seen, Seen):
        raise InexpressibleError("attention with a learned temperature has no op; use a fixed scale")
    x = writer.settled(seen, call.place)
    constant = sample_of(given, x)
    start = first_value(constant.tensor)
    if constant.tensor.numel() == 1:
        op = ScalarGate() if start is None else ScalarGate(start)
        weight = constant.moved(lambda tensor: tensor.reshape(1))
        return x.holding(writer.emit(op, x.value, place=call.place, weights={"weight": weight}))
    axis = axis_along(constant, x)
    if axis is None:
        return beside(writer, Factor, x, given, call.place)
    if len(x.own) > 3 or x.own[CHANNELS[len(x.own)]] != x.axes[axis]:
        if axis != 1 and axis != len(x.axes) - 1:
            return beside(writer, Factor, x, given, call.place)
        x = as_rows(writer, x, call.place) if axis == len(x.axes) - 1 else as_image(writer, x, call.place)
        if x.own[CHANNELS[len(x.own)]] != x.axes[axis]:
            return beside(writer, Factor, x, given, call.place)
    shape = (-1, 1, 1) if len(x.own) == 3 else (-1,)
    norm = writer.draft_of(x.value)
    if norm is not None and isinstance(norm.op, RMSNorm | RMSNorm2d) and not norm.op.affine:
        weight = constant.moved(lambda tensor: tensor.reshape(shape))
        return x.holding(writer.emit(replace(norm.op, affine=True), writer.read_by(norm), place=norm.place, weights={"weight": weight}))
    scale = LayerScale() if start is None else LayerScale(start)
    weight = constant.moved(lambda tensor: tensor.reshape(shape))
    return x.holding(writer.emit(scale, x.value, place=call.place, weights={"weight": weight}))


def first_value(tensor: Tensor) -> float | None:
    """What all elements are, if they are all equal and it can be a field of an op."""
    if tensor.is_meta:
        return None
    first = tensor.flatten()[0]
    return round(float(first), 9) if bool((tensor == first).all()) and abs(float(first)) < 1000 else None


def embedded(writer: Writer, call: Call, seen: Content, given: Constant) -> Seen:
    """Tokens, or the pixels of an image, with a learned vector added to each. Raises InexpressibleError."""
    if not isinstance(seen, Seen):
        raise InexpressibleError("learned numbers added to scores have an op as relative biases of windows alone")
    x = writer.settled(seen, call.place)
    constant = sample_of(given, x)
    with_bias = biased(writer, call, x, constant)
    if with_bias is not None:
        return with_bias
    if constant.tensor.numel() < x.value.spec.elements:
        return beside(writer, Offset, x, given, call.place)
    target = token_axes(x.own)
    laid = laid_out(constant, x, target)
    tokens = writer.rearranged(x, target, call.place)
    return tokens.holding(writer.emit(PositionEmbedding(), tokens.value, place=call.place, weights={"weight": laid}))


def biased(writer: Writer, call: Call, x: Seen, constant: Constant) -> Seen | None:
    """What a convolution or linear map without a bias makes, with the bias that is added to it; None where it is none."""
    draft, axis = writer.draft_of(x.value), axis_along(constant, x)
    if draft is None or not isinstance(draft.op, WITH_BIAS) or draft.op.bias or axis is None:
        return None
    if len(x.own) > 3 or x.own[CHANNELS[len(x.own)]] != x.axes[axis]:
        return None
    bias = writer.ledger.take(constant.moved(lambda tensor: tensor.flatten()), call.place)
    op, values = replace(draft.op, bias=True), [writer.read_by(draft)]
    return x.holding(writer.add(writer.draft(op, values, draft.place, draft.hint, {**draft.weights, "bias": bias})))


def token_axes(own: Groups) -> Groups:
    """A value's own axes as tokens. Raises InexpressibleError for boxes."""
    if len(own) == 4:
        raise InexpressibleError("learned vectors cannot be added to boxes")
    return {1: ((), own[0]), 2: own, 3: (flat(own[1:]), own[0])}[len(own)]


def with_tokens(writer: Writer, seen: Seen, axis: int, given: list[Constant], place: Place) -> Seen:
    """Tokens with learned ones put before them, the last of which comes next to them. Raises InexpressibleError."""
    x = writer.rearranged(seen, (seen.axes[axis], seen.axes[-1]), place)
    value: Value = x.value
    rows = [row for constant in given for row in rows_of(sample_of(constant, seen), value.shape[1])]
    for row in reversed(rows):
        value = writer.emit(ClassToken(), value, place=place, weights={"weight": row})
    tokens: Group = atoms_for(value.shape[0])
    return Seen(value, Layout((tokens, x.own[1]), (*x.axes[:axis], tokens, *x.axes[axis + 1 :])))


def rows_of(constant: Constant, features: int) -> list[Constant]:
    """Learned tokens one by one, (1, features) each. Raises InexpressibleError."""
    if constant.tensor.numel() % features or constant.shape[-1] != features:
        raise InexpressibleError(f"learned tokens of shape {constant.shape} do not have the {features} features of the others")
    count = constant.tensor.numel() // features

    def row(index: int) -> Constant:
        return constant.moved(lambda tensor: tensor.reshape(count, features)[index : index + 1])

    return [row(index) for index in range(count)]
