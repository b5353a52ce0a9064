"""What two networks differ in, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from archsearch.ops.tensor import TensorSpec

Amount = int | tuple[int, int]
PARTS = ("removed", "added", "changed", "renamed", "rewired", "reshaped")
"""What may differ, in the order in which it is told."""


class Cost(NamedTuple):
    """One cost before and after; the receptive field has a height and a width, or is all of the input, or not known."""

    name: str
    before: Amount
    after: Amount

    @property
    def difference(self) -> Amount:
        """After less before."""
        if isinstance(self.before, tuple) and isinstance(self.after, tuple):
            return self.after[0] - self.before[0], self.after[1] - self.before[1]
        assert isinstance(self.before, int)
        assert isinstance(self.after, int)
        return self.after - self.before


class Change(NamedTuple):
    """One node, or input or list of outputs, in words before and after; `name` is the new one where there is one."""

    name: str
    before: str
    after: str


class Row(NamedTuple):
    """A line of a table: what has happened, to which node, and what it was and is."""

    what: str
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """From one network to another.

    `removed` and `added`: nodes without partners, with their ops. `changed`: nodes with another op. `renamed`: with another name.
    `rewired`: nodes, and the outputs, that read other values than the partners of those before, where removed and added nodes in
    between do not explain it. `reshaped`: nodes of the same op, and inputs, with other shapes. `costs` are for one sample, memory for
    `batch` samples in `dtype`, trained with `optimizer`.
    """

    removed: tuple[Change, ...]
    added: tuple[Change, ...]
    changed: tuple[Change, ...]
    renamed: tuple[Change, ...]
    rewired: tuple[Change, ...]
    reshaped: tuple[Change, ...]
    costs: tuple[Cost, ...]
    batch: int
    dtype: str
    optimizer: str

    @property
    def is_empty(self) -> bool:
        """Whether the networks are the same but for the order of their nodes."""
        return not self.rows()

    def rows(self) -> list[Row]:
        """All that differs as lines of a table."""
        return [Row(part, *change) for part in PARTS for change in getattr(self, part)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        parts = {part: [change._asdict() for change in getattr(self, part)] for part in PARTS}
        costs = {c.name: {"before": c.before, "after": c.after, "difference": c.difference} for c in self.costs}
        return {**parts, "costs": costs, "batch": self.batch, "dtype": self.dtype, "optimizer": self.optimizer}

    def __str__(self) -> str:
        lines = [f"{row.what} {row.name}: {' -> '.join(filter(None, (row.before, row.after)))}" for row in self.rows()]
        return "\n".join([*(lines or ["no node differs"]), *map(cost_text, self.costs)])


def cost_text(cost: Cost) -> str:
    """One cost as a line."""
    if isinstance(cost.before, int):
        return f"{cost.name} {cost.before:,} -> {cost.after:,} ({cost.difference:+,})"
    (high, wide), (tall, broad) = (amount if isinstance(amount, tuple) else (0, 0) for amount in (cost.after, cost.difference))
    return f"{cost.name} {TensorSpec(cost.before)} -> {TensorSpec((high, wide))} ({tall:+,}, {broad:+,})"
