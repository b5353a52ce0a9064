"""Attention within windows: rolled images, learned biases for distances, masks of shifted windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.content import Constant, Content, Rolled, Scores
from archsearch.design.importer.layout import InexpressibleError, Layout, flat
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.layers.attention import relative_bias, relative_index, shifted_mask
from archsearch.network.builder import Value
from archsearch.ops import RelativeAttention, Scale, WindowAttention, Windows
from archsearch.ops.attention import filled
from archsearch.ops.base import Op, pair

CLOSE = 1e-4
"""How far a scale may be from what attention has, relatively."""


def rolled(writer: Writer, call: Call) -> Content:
    """An image whose rows and columns are moved in a circle, as before and after windows that are shifted."""
    seen = call.seen()
    if len(call["dims"]) != len(call["shifts"]):
        raise InexpressibleError("a roll of all elements has no op; name the axes")
    shifts = dict(zip((dim % len(seen.axes) for dim in call["dims"]), call["shifts"], strict=True))
    free = [axis for axis in range(1, len(seen.axes)) if axis not in shifts]
    if len(seen.axes) != 4 or len(free) > 2 or (len(free) == 2 and 3 not in free) or any(atom.batch for atom in flat(seen.axes[1:])):
        raise InexpressibleError("only rows and columns of images can be rolled, before windows and after")
    if not any(shifts.values()):
        return seen
    features = 1 if 1 in free and 3 not in free else 3
    down, across = (axis for axis in (1, 2, 3) if axis != features)
    own = (seen.axes[down], seen.axes[across], seen.axes[features])
    return Rolled(seen, (shifts.get(down, 0), shifts.get(across, 0)), (down, across), features, Layout(own, seen.axes))


def windowed(writer: Writer, scores: Scores, parts: list[Value], heads: int, tokens: int, place: Place) -> Value:
    """Attention among every so many tokens of queries, keys and values. Raises InexpressibleError."""
    learned = [term for term in scores.terms if term[0].learned]
    if len(learned) != 1:
        raise InexpressibleError("attention with a mask, or within windows, has an op with one learned bias for each distance alone")
    table, window = bias_table(writer, learned[0][0], heads, tokens)
    fixed = [term for term in scores.terms if not term[0].learned]
    packed, scale_by_all = scaled_and_packed(writer, scores, parts, heads, place)
    tiling = writer.tiling_of(packed)
    masked = mask_of(fixed, scores)
    bare = masked is None or not bool(masked.any())
    fits = tiling is not None and not (scale_by_all or tiling.strided) and pair(tiling.size) == window
    if tiling is not None and fits and not (bare and tiling.shift != 0):
        check_mask(masked, tiling, heads)
        op: Op = WindowAttention(heads, tiling.height, tiling.width, tiling.size, tiling.shift)
    elif bare:
        op = RelativeAttention(heads, window, scale_by_all)
    else:
        raise InexpressibleError("attention with a mask has no op, but for shifted windows of an image")
    return writer.emit(op, packed, place=place, weights={"bias_table": table})


def bias_table(writer: Writer, bias: Constant, heads: int, tokens: int) -> tuple[Constant, tuple[int, int]]:
    """The parameter that a learned bias is looked up in, and the sides of the window. Raises InexpressibleError."""
    learned = {name: tensor for name, tensor in writer.module.named_parameters() if name in bias.names}
    if len(learned) != 1 or bias.computed:
        raise InexpressibleError("a learned bias of attention must be looked up in one parameter as it is")
    name, table = next(iter(learned.items()))
    for high in range(1, tokens + 1):
        wide = tokens // high
        if high * wide == tokens and tuple(table.shape) == ((2 * high - 1) * (2 * wide - 1), heads):
            ours = relative_bias(table.detach().cpu(), relative_index(high, wide), tokens)
            if bias.tensor.numel() == ours.numel() and torch.equal(bias.tensor.reshape(ours.shape), ours):
                return writer.ledger.parameter(name, table), (high, wide)
    raise InexpressibleError(f"{name} is not a table with a row for each distance in a window and a column for each of {heads} heads")


def scaled_and_packed(writer: Writer, scores: Scores, parts: list[Value], heads: int, place: Place) -> tuple[Value, bool]:
    """Queries, keys and values side by side, and whether products are divided by the root of all features."""
    features = parts[0].shape[1]
    each, whole = (features // heads) ** -0.5, features**-0.5
    scale_by_all = heads > 1 and abs(scores.scale / whole - 1) < CLOSE
    if not scale_by_all and abs(scores.scale / each - 1) > CLOSE:
        parts = [writer.emit(Scale(scores.scale / each), parts[0], place=place), *parts[1:]]
    return writer.joined(parts, place), scale_by_all


def mask_of(terms: Sequence[tuple[Constant, tuple[int, ...]]], scores: Scores) -> Tensor | None:
    """The sum of fixed terms in the shape of the scores (N * windows, heads, T, T)."""
    shape = (*scores.queries.layout.shape[:-1], scores.keys.layout.shape[-2])
    added = [constant.tensor.expand(at).reshape(shape) for constant, at in terms]
    return sum(added[1:], added[0]) if added else None


def check_mask(mask: Tensor | None, tiling: Windows, heads: int) -> None:
    """Raise InexpressibleError where a mask is not that of windows shifted as these are."""
    window, shift = pair(tiling.size), pair(tiling.shift)
    wanted = shifted_mask(torch.zeros(1), filled(tiling), window, shift) if shift != (0, 0) else torch.zeros(1)
    given = torch.zeros(1) if mask is None else mask.reshape(-1, *wanted.shape[:1], heads, *mask.shape[-2:])
    if not bool(torch.eq(given, wanted).all()):
        raise InexpressibleError("the mask of attention is not that of windows shifted as the image is rolled; no op has another")


def tiled_alike(writer: Writer, op: WindowAttention, value: Value) -> WindowAttention:
    """The op with the sides of the image that its windows come from, where its module knows them filled up alone."""
    tiling = writer.tiling_of(value)
    if tiling is None or filled(tiling) != (op.height, op.width) or (tiling.size, tiling.shift) != (op.size, op.shift):
        return op
    return WindowAttention(op.heads, tiling.height, tiling.width, op.size, op.shift)
