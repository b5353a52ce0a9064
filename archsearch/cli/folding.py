"""Rows of an analysis folded: scopes deeper than asked for become one row with their sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from archsearch.analysis import Row


class Fold(NamedTuple):
    """One line of the table: a node, or a scope with what is inside it."""

    name: str
    op: str
    shape: tuple[int, ...]
    params: int
    macs: int
    output_bytes: int
    live_bytes: int
    seconds: float


SORTS = ("params", "macs", "output_bytes", "live_bytes", "seconds")


def fold(rows: Sequence[Row], depth: int | None, seconds: Sequence[float]) -> list[Fold]:
    """Rows in order; nodes more than `depth` scopes deep are summed up scope by scope, with the shape that comes out last.

    Bytes of a scope are the largest inside it, because values go when they are used.
    """
    taken = [*seconds] or [0.0] * len(rows)
    timed = zip(rows, taken, strict=True)
    return [folded(name, list(group)) for name, group in groupby(timed, key=lambda pair: place(pair[0].name, depth))]


def place(name: str, depth: int | None) -> str:
    """The name, or the scope that it is folded into."""
    parts = name.split("/")
    return name if depth is None or len(parts) <= max(depth, 1) else "/".join(parts[: max(depth, 1)])


def folded(name: str, group: list[tuple[Row, float]]) -> Fold:
    """One line for a group of rows."""
    rows = [row for row, _ in group]
    op = rows[0].op if len(rows) == 1 and rows[0].name == name else f"{len(rows)} node{'s' if len(rows) > 1 else ''}"
    largest = max(row.output_bytes for row in rows)
    return Fold(name, op, rows[-1].shape, sum(row.params for row in rows), sum(row.macs for row in rows), largest,
                max(row.live_bytes for row in rows), sum(spent for _, spent in group))  # fmt: skip
