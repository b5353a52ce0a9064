"""Products of two values as nodes, where no attention takes them up: scores, softmax and what stands between, node by node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from archsearch.design.importer.calls.aligning import in_common_atoms
from archsearch.design.importer.calls.axes import fresh_copy
from archsearch.design.importer.calls.beside import beside
from archsearch.design.importer.calls.elementwise import applied, over_rows
from archsearch.design.importer.content import Constant, Content, Scores, Seen
from archsearch.design.importer.layout import Group, Groups, InexpressibleError, Layout, flat, size_of, without
from archsearch.design.importer.place import Place
from archsearch.design.importer.rearrange import moves_to
from archsearch.design.importer.writer import Writer, lead_of
from archsearch.ops import Context, Lookup, Offset, RowSoftmax, Scale, Softmax, WeightedSum
from archsearch.ops import Scores as ScoresOp
from archsearch.ops.base import Op

LOWEST = -1e30
"""What stands for minus infinity, under which softmax is 0 too."""


@dataclass(frozen=True)
class Way:
    """An op that a product may be: what it reads first and second, along which axes, and the axes of what it makes."""

    op: Op
    first: Seen
    second: Seen
    targets: tuple[Groups, Groups]
    makes: Groups


def as_nodes(writer: Writer, content: Content, place: Place) -> Content:
    """A content without products that wait for attention, lists opened. Raises InexpressibleError."""
    if isinstance(content, list | tuple):
        return type(content)(as_nodes(writer, part, place) for part in content)
    return written(writer, content, place) if isinstance(content, Scores) else content


def written(writer: Writer, scores: Scores, place: Place) -> Seen:
    """Scores as nodes: the product, its scale, what is added, the softmax. Raises InexpressibleError."""
    seen = multiplied(writer, scores.queries, scores.keys, place)
    if scores.scale != 1:
        seen = applied(writer, Scale(scores.scale), seen, place)
    for constant, shape in scores.terms:
        seen = seen.laid(seen.layout.viewed(shape))
        if not is_nothing(constant):
            seen = beside(writer, Offset, seen, additive(constant), place)
    if scores.mixed:
        seen = seen.laid(seen.layout.viewed((*scores.queries.layout.shape[:-1], scores.keys.layout.shape[-2])))
        by_row = len(seen.own) == 3 and seen.own[2] == seen.axes[-1]
        seen = seen if by_row else over_rows(writer, seen, -1, place)
        seen = seen.holding(writer.once(RowSoftmax() if by_row else Softmax(), seen.value, place=place))
    return seen.laid(seen.layout.viewed(scores.shape))


def is_nothing(constant: Constant) -> bool:
    """Whether adding a fixed mask changes nothing."""
    fixed = not constant.learned
    return fixed and (bool(constant.tensor.all()) if constant.tensor.dtype == torch.bool else not bool(constant.tensor.any()))


def additive(constant: Constant) -> Constant:
    """A mask as numbers that are added: what is left out gets a very low one."""
    if constant.learned:
        return constant
    if constant.tensor.dtype == torch.bool:
        return Constant(torch.where(constant.tensor, 0.0, LOWEST), constant.names)
    return Constant(constant.tensor.clamp(min=LOWEST), constant.names)


def multiplied(writer: Writer, first: Seen, second: Seen, place: Place) -> Seen:
    """Products of (N..., A, K) and (N..., B, K), summed over K, by the op that reads both as they lie. Raises InexpressibleError."""
    first, second = in_common(writer, first, second)
    lead = without(flat(first.axes[:-2]), [writer.batch])
    if lead_of(first) or lead_of(second):
        raise InexpressibleError("a product of two values whose batch is merged with another axis has no op")
    best: tuple[int, Way] | None = None
    for way in ways(first, second, lead):
        cost = distance(way.first, way.targets[0]) + distance(way.second, way.targets[1])
        if best is None or cost < best[0]:
            best = (cost, way)
        if cost == 0:
            break
    if best is None or best[0] >= FAR:
        raise InexpressibleError("no few ops bring the two values of a product into the order that products read; permute them less")
    way = best[1]
    values = [
        writer.arranged(seen, target, place) for seen, target in zip((way.first, way.second), way.targets, strict=True)
    ]  # fmt: skip
    return Seen(writer.once(way.op, *values, place=place), Layout(way.makes, (*first.axes[:-1], second.axes[-2])))


def in_common(writer: Writer, first: Seen, second: Seen) -> tuple[Seen, Seen]:
    """Both with the same atoms where they stand against each other. Raises InexpressibleError."""
    rank = len(first.axes)
    if rank != len(second.axes) or rank < 3:
        raise InexpressibleError("the values of a product must have the same number of axes, the batch first")
    own = fresh_copy(second, writer.batch)
    bare, other = (layout.with_axes((*layout.axes[:-2], (), layout.axes[-1])) for layout in (first.layout, own))
    a, b = in_common_atoms(bare, other, stretch=False)
    left = first.laid(a.with_axes((*a.axes[:-2], first.axes[-2], a.axes[-1])))
    return left, second.laid(b.with_axes((*b.axes[:-2], own.axes[-2], b.axes[-1])))


def ways(first: Seen, second: Seen, lead: Group) -> Iterator[Way]:
    """The ops that a product may be: A and B are what stays of its two values, K what is summed over, `lead` are heads."""
    a, b, k, heads = first.axes[-2], second.axes[-2], first.axes[-1], size_of(lead)
    matrix: Groups = (lead, a, b)
    yield Way(ScoresOp(heads), first, second, ((a, (*lead, *k)), (b, (*lead, *k))), matrix)
    yield Way(WeightedSum(), first, second, ((lead, a, k), (k, (*lead, *b))), (a, (*lead, *b)))
    yield Way(Context(heads), first, second, ((k, (*lead, *a)), (k, (*lead, *b))), matrix)
    yield Way(Lookup(), second, first, ((lead, k, b), (a, (*lead, *k))), (a, (*lead, *b)))
    yield Way(WeightedSum(), second, first, ((lead, b, k), (k, (*lead, *a))), (b, (*lead, *a)))
    yield Way(Lookup(), first, second, ((lead, k, a), (b, (*lead, *k))), (b, (*lead, *a)))


FAR = 100
"""More ops than are worth it."""


def distance(seen: Seen, target: Groups) -> int:
    """How many ops bring a value into an order; `FAR` where no few do."""
    if seen.own == target:
        return 0
    if {*flat(seen.own)} != {*flat(target)}:
        return FAR
    moves = moves_to(seen.own, target)
    return FAR if moves is None else len(moves)
