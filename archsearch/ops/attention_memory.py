"""What kinds of attention share: features that come packed, and what is kept and made on the way, kernel by kernel."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.ops.base import Op
from archsearch.ops.saved import LET_GO, NOTHING, Amount, Inner, Saved, moments
from archsearch.ops.tensor import ShapeError, TensorSpec


def features_of(op: Op, x: TensorSpec, parts: int, heads: int) -> int:
    """Features of each of the packed parts. Raises ShapeError when parts or heads do not divide them."""
    features = x.expect(rank=2, by=op.kind)[1]
    if features % (parts * heads):
        packed = f"{parts} packed parts of " if parts > 1 else ""
        raise ShapeError(
            f"{op.kind}: {features} features are not {packed}{heads} heads; give a multiple of {parts * heads}, from a linear before it"
        )
    return features // parts


class Parts(NamedTuple):
    """Elements of what attention by separate matrix products makes: `packed` copies, queries, keys (as many as values), scores.

    `copied`: those of queries that are copied apart from the others; `joined`: heads are brought together by a copy.
    """

    packed: int
    queries: int
    keys: int
    scores: int
    copied: int = 0
    joined: bool = True


def unfused(parts: Parts) -> Saved:
    """What attention by separate matrix products keeps: packed copies, scaled queries and keys, and the softmax.

    torch does the arithmetic in float32 where the dtype is narrower.
    """
    packed, queries, keys, scores, copied, _ = parts
    scaled = Amount(wide=queries) + Amount(wide=keys)
    copies = Amount(packed + copied, casts=queries + 2 * keys)
    # In a narrow dtype the values are kept as they are cast, not as they came.
    kept = Amount(packed, narrow=-packed, casts=keys, wide=queries + keys + scores)
    probabilities = Amount(wide=queries + scores, narrow=queries + scores)
    whole = kept + (2 if parts.joined else 1) * Amount(queries)
    return Saved(
        more=kept, parts=1, backward=way_back(parts),
        training=(copies + scaled + Amount(wide=2 * scores), copies + scaled + probabilities, whole),
        inference=(
            copies + scaled + Amount(wide=scores), copies + Amount(wide=queries + 2 * scores),
            copies + Amount(wide=queries) + probabilities,
        ),
    )  # fmt: skip


def way_back(parts: Parts) -> tuple[Amount, ...]:
    """The backward pass: gradients of values and scores, then of keys and queries, then packed."""
    packed, queries, keys, scores, copied, joined = parts
    cast, q, k, s = Amount(casts=queries), Amount(wide=queries), Amount(wide=keys), Amount(wide=scores)
    steps = [cast, q, LET_GO + -cast, k, s, -q] if joined else [cast, k, s, LET_GO + -cast]
    values = Amount(packed, narrow=-packed, casts=keys)
    steps += [-values, s, -2 * s, k + q, -s + -k + -q, k, -k, q, -q]
    steps += [Amount(2 * keys + queries) + -2 * k + -q]
    if packed == queries + 2 * keys:
        return moments(*steps, Amount(packed), Amount(-packed), Amount(packed))
    apart = Amount(queries)
    return moments(*steps, Amount(packed), Amount(-2 * keys), apart, -apart, Amount(packed), Amount(-packed), apart if copied else NOTHING)


def windowed(packed: int, scores: int, heads: int, places: int, windows: int, table: int) -> Saved:
    """Attention in windows: one copy of queries, keys and values, and the softmax; elements of each.

    `windows`: so many need a mask, because a shift has brought opposite borders together; `table`: params of the biases.
    """
    x, s, out = Amount(packed), Amount(scores), Amount(packed // 3)
    bias, mask = Amount(weights=heads * places**2), Amount(weights=windows * places**2)
    regions, differ = Amount(weights=windows * places), Amount(marks=windows * places**2)
    joined = heads > 1 and places > 1
    forward = (bias, 2 * regions, -regions, differ + mask, -regions + -differ, x, 2 * s)
    learned, join = Amount(weights=table), (out, LET_GO) if joined else ()
    gone = () if joined else (LET_GO,)
    of_input = (*join, out, s, -out if joined else NOTHING, *gone, s, -2 * s, bias, s, -s, 2 * out, -s + -x, x, -3 * out, x, -x)
    alone = (*join, s, -out if joined else NOTHING, *gone, -x, s, -2 * s, bias, -s)
    ending = (2 * learned,)
    return Saved(
        inner=(Inner(scores, 0), Inner(packed, 0)),
        training=moments(*forward, -s, out, *([out] if joined else [])), inference=moments(*forward, -s, out),
        backward=moments(*of_input, *ending), front=moments(*alone, *ending),
    )  # fmt: skip
