"""Networks worth predicting: near the best so far, and some from anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archsearch.spaces.encoding import CLOSED, Encoding, Places, write
from archsearch.spaces.space import Choices, Scalar, Space

STEP = 0.7
"""Share of the children that differ from their parent in one choice; the others differ in two."""


def mutated(encoding: Encoding, parents: Places, count: int, rng: np.random.Generator) -> Places:
    """(count, columns): children of random parents with one or two choices made anew; for spaces in which no choice depends on another."""
    rows = parents[rng.integers(len(parents), size=count)].copy()
    twice = rng.random(count) >= STEP
    for again in (np.ones(count, dtype=bool), twice):
        column = rng.integers(len(encoding.names), size=count)
        here, at = np.flatnonzero(again), column[again]
        others = np.maximum(encoding.counts[at] - 1, 1)
        step = 1 + (rng.random(len(at)) * others).astype(np.int64)
        rows[here, at] = (rows[here, at] + step) % encoding.counts[at]
    return rows


def drawn(encoding: Encoding, count: int, rng: np.random.Generator) -> Places:
    """(count, columns): random networks."""
    return (rng.random((count, len(encoding.names))) * encoding.counts).astype(np.int64)


def written(space: Space, parents: Sequence[Choices], count: int, rng: np.random.Generator) -> list[Choices]:
    """Children as `mutated` makes them, in a space in which choices depend on others: what opens up is drawn."""
    return [_child(space, parents[int(rng.integers(len(parents)))], rng) for _ in range(count)]


def _child(space: Space, parent: Choices, rng: np.random.Generator) -> Choices:
    anew = set(rng.choice(list(parent), min(len(parent), 1 if rng.random() < STEP else 2), replace=False)) if parent else set()

    def decide(name: str, offered: tuple[Scalar, ...]) -> int:
        at = offered.index(parent[name]) if name in parent and parent[name] in offered else CLOSED
        if at == CLOSED or (name in anew and len(offered) == 1):
            return int(rng.integers(len(offered)))
        return (at + int(rng.integers(1, len(offered)))) % len(offered) if name in anew else at

    return write(space, decide)
