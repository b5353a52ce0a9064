"""Attention, in one call or spelled out as products, a scale, a softmax and a product again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch

from archsearch.design.importer.calls.aligning import in_common_atoms
from archsearch.design.importer.calls.axes import fresh_copy
from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.products import is_nothing, multiplied, written
from archsearch.design.importer.calls.weighted import mapped
from archsearch.design.importer.calls.windows import CLOSE, windowed
from archsearch.design.importer.content import Constant, Content, Scores, Seen
from archsearch.design.importer.layout import Group, Groups, InexpressibleError, Layout, flat, size_of, without
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value
from archsearch.ops import Attention, CrossAttention, Scale


@dataclass(frozen=True)
class Heads:
    """Which axes of queries (N..., heads, T, d) are what: `groups` attend among themselves, as windows do."""

    groups: Group
    heads: Group
    tokens: Group
    features: Group

    @property
    def count(self) -> int:
        """Number of heads."""
        return size_of(self.heads)


def fused(writer: Writer, call: Call) -> Content:
    """scaled_dot_product_attention."""
    if call["dropout_p"] or call.get("enable_gqa"):
        raise InexpressibleError("attention that drops out in inference, or has fewer keys than heads, has no op")
    queries, keys, values = (call.seen(name) for name in ("query", "key", "value"))
    scale = call["scale"] if call["scale"] is not None else queries.layout.shape[-1] ** -0.5
    scores, bias = Scores(queries, keys, (), scale), call.constant("attn_mask")
    if call["is_causal"]:
        bias = Constant(torch.ones(scores_shape(scores)[-2:], dtype=torch.bool).tril())
    terms = () if bias is None or is_nothing(bias) else ((bias, scores_shape(scores)),)
    scores, takes = replace(scores, terms=terms, shape=scores_shape(scores)), writer.ledger.takes
    try:
        return attended(writer, scores, values, call.place, fused=True)
    except ValueError:  # node by node, then
        writer.ledger.give_back(takes)
        turned = values.laid(values.layout.permuted([*range(len(values.axes) - 2), -1, -2]))
        return multiplied(writer, written(writer, replace(scores, mixed=True), call.place), turned, call.place)


def product(writer: Writer, call: Call) -> Content:
    """A matrix product: with learned weights a linear map, of two values the scores of attention, of scores and values the rest of it."""
    first, second = (call.get(a) if a in call.arguments else call[b] for a, b in (("self", "input"), ("other", "mat2")))
    if isinstance(first, Seen) and isinstance(second, Constant):
        if second.tensor.dim() != 2:
            raise InexpressibleError(f"products with constants of shape {second.shape} have no op; only (D, features) has")
        return mapped(writer, call, first, second.moved(lambda tensor: tensor.t()), None)
    if isinstance(first, Scores) and isinstance(second, Seen):
        if not first.mixed or prod(first.shape) != prod(scores_shape(first)):
            raise InexpressibleError("a product of two values is known in attention alone, with a softmax over its last axis")
        return attended(writer, first, second, call.place, fused=False)
    if isinstance(first, Seen) and isinstance(second, Seen):
        keys = second.laid(second.layout.permuted([*range(len(second.axes) - 2), -1, -2]))
        return Scores(first, keys, call.shape)
    raise InexpressibleError("this product has no op; known are linear maps, and attention")


def scores_shape(scores: Scores) -> tuple[int, ...]:
    """Shape of the scores as they were made."""
    return (*scores.queries.layout.shape[:-1], scores.keys.layout.shape[-2])


def einsum(writer: Writer, call: Call) -> Content:
    """A product of two tensors in Einstein's notation that is a matrix product for every sample and head."""
    reads, _, makes = call["equation"].replace(" ", "").partition("->")
    names = reads.split(",")
    if len(names) != 2 or not makes or "." in reads or any(len(set(part)) < len(part) for part in (*names, makes)):
        raise InexpressibleError(f"einsum {call['equation']!r} has no op; write it as products of matrices")
    tensors = list(call["tensors"])
    if makes[-1] in names[0]:  # the result's last axis comes from the second of a product
        names.reverse()
        tensors.reverse()
    first, second = names
    shared = [name for name in makes if name in first and name in second]
    inner = [name for name in first if name in second and name not in makes]
    outer = ([name for name in first if name not in second], [name for name in second if name not in first])
    order = [*shared, *outer[0], *outer[1]]
    matrices = len(outer[0]) == 1 or (outer[0] and not shared)
    if len(inner) != 1 or len(outer[1]) != 1 or not matrices or "".join(order) != makes:
        raise InexpressibleError(f"einsum {call['equation']!r} has no op; write it as products of matrices")
    arranged = [[*shared, *outer[0], *inner], [*shared, *inner, *outer[1]]]
    turned = [turn(tensor, name, wanted) for tensor, name, wanted in zip(tensors, names, arranged, strict=True)]
    return product(writer, replace(call, arguments={"self": turned[0], "other": turned[1]}))


def turn(content: Content, names: str, order: list[str]) -> Content:
    """A tensor with its axes, which have names, in another order. Raises InexpressibleError."""
    axes = [names.index(name) for name in order]
    if isinstance(content, Seen):
        return content.laid(content.layout.permuted(axes))
    if isinstance(content, Constant):
        return content.moved(lambda tensor: tensor.permute(axes))
    if axes != list(range(len(axes))):
        raise InexpressibleError("scores of attention cannot be turned")
    return content


def attended(writer: Writer, scores: Scores, values: Seen, place: Place, *, fused: bool) -> Seen:
    """Attention of queries, keys and values, from whichever nodes they come. Raises InexpressibleError."""
    scores = unscaled(writer, scores)
    queries, keys, values, heads = matched(writer, scores.queries, scores.keys, values)
    target: Groups = ((*heads.groups, *heads.tokens), (*heads.heads, *heads.features))
    source = keys.axes[-2]
    other: Groups = ((*heads.groups, *source), target[1])
    wanted = size_of(heads.features) ** -0.5
    if heads.groups or scores.terms:
        parts = [writer.arranged(seen, axes, place) for seen, axes in ((queries, target), (keys, other), (values, other))]
        value = windowed(writer, scores, parts, heads.count, size_of(heads.tokens), place)
    else:
        if abs(scores.scale / wanted - 1) > CLOSE:
            queries = queries.holding(writer.emit(Scale(scores.scale / wanted), queries.value, place=place))
        parts = [writer.arranged(seen, axes, place) for seen, axes in ((queries, target), (keys, other), (values, other))]
        value = whole_attention(writer, parts, heads.count, place, fused=fused)
    return Seen(value, Layout(target, queries.axes))


def whole_attention(writer: Writer, parts: list[Value], heads: int, place: Place, *, fused: bool) -> Value:
    """All tokens read all tokens: their own, or those of another value."""
    apart = writer.cut_from(parts) is None and writer.cut_from(parts[1:]) is not None
    if apart or parts[0].shape != parts[1].shape:
        return writer.emit(CrossAttention(heads, fused), parts[0], writer.joined(parts[1:], place), place=place)
    return writer.emit(Attention(heads, fused), writer.joined(parts, place), place=place)


def unscaled(writer: Writer, scores: Scores) -> Scores:
    """The scores with scales of queries and keys, which many write before the product, taken into their own."""
    scale, found = scores.scale, []
    for seen in (scores.queries, scores.keys):
        draft = writer.draft_of(seen.value)
        if draft is not None and isinstance(draft.op, Scale) and draft.op.factor > 0:
            scale *= draft.op.factor
            seen = seen.holding(writer.read_by(draft))
        found.append(seen)
    return replace(scores, queries=found[0], keys=found[1], scale=scale)


def matched(writer: Writer, queries: Seen, keys: Seen, values: Seen) -> tuple[Seen, Seen, Seen, Heads]:
    """Queries, keys and values in common atoms, and which of their axes are what. Raises InexpressibleError."""
    rank = len(queries.axes)
    if not rank == len(keys.axes) == len(values.axes) or rank < 3:
        raise InexpressibleError("queries, keys and values must be (N, heads, T, d) alike")
    if len({seen.layout.shape[-1] for seen in (queries, keys, values)}) > 1:
        raise InexpressibleError("values have more or fewer features than keys; attention has an op for equal ones alone")
    layout, others = queries.layout, []
    for seen in (values, keys, values):  # the last two in atoms that all have
        own = fresh_copy(seen, writer.batch)
        bare = own.with_axes((*own.axes[:-2], (), own.axes[-1]))
        layout, renamed = in_common_atoms(layout.with_axes((*layout.axes[:-2], (), layout.axes[-1])), bare, stretch=False)
        others.append(seen.laid(renamed.with_axes((*renamed.axes[:-2], own.axes[-2], renamed.axes[-1]))))
    lead = without(flat(layout.axes[:-2]), [writer.batch])
    layout = layout.with_axes((*layout.axes[:-2], queries.axes[-2], layout.axes[-1]))
    heads = tuple(atom for atom in lead if len(layout.own) > 2 or atom in layout.own[-1])
    found = Heads(without(lead, heads), heads, layout.axes[-2], layout.axes[-1])
    return queries.laid(layout), others[1], same_tokens(others[1], others[2]), found


def same_tokens(keys: Seen, values: Seen) -> Seen:
    """Values with their tokens in the atoms of the keys. Raises InexpressibleError."""
    wanted, given = keys.axes[-2], values.axes[-2]
    if [atom.size for atom in wanted] != [atom.size for atom in given]:
        raise InexpressibleError("keys and values have their tokens in different orders")
    return values.laid(values.layout.cut({old: (new,) for old, new in zip(given, wanted, strict=True)}))
