"""Choices and paths as numbers for models that learn from them, and networks written choice by choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsearch.network.genotype import Genotype
from archsearch.network.isomorphism import op_colour
from archsearch.ops.base import POINT
from archsearch.spaces.space import Choices, Pick, Scalar, Space

Places = NDArray[np.int64]
Paths = tuple[dict[bytes, int], ...]
"""Sequences of ops that end at a value, with how often each occurs: those of one op, of two, .."""
CLOSED = -1
"""Place of a choice that a network does not ask for."""
MOST_PATHS = 256
"""Sequences of one length that are followed on from one value; of more those with the smallest colours."""


@dataclass(frozen=True)
class Encoding:
    """Each choice that a space is known to offer, in order, as a column; each of its options as a number from 0."""

    options: Mapping[str, tuple[Scalar, ...]]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self.options)

    @cached_property
    def counts(self) -> Places:
        """(columns,): how many options each has."""
        return np.array([len(offered) for offered in self.options.values()], dtype=np.int64)

    def places(self, choices: Mapping[str, Scalar]) -> Places:
        """(columns,): number of the option taken, CLOSED where there is none; what is not known is left out."""
        return np.array([place(offered, choices[name]) if name in choices else CLOSED for name, offered in self.options.items()], np.int64)

    def table(self, rows: Sequence[Mapping[str, Scalar]]) -> Places:
        """(rows, columns): the places of several networks."""
        return np.stack([self.places(choices) for choices in rows]) if rows else np.empty((0, len(self.names)), dtype=np.int64)

    def choices(self, places: Sequence[int] | Places) -> Choices:
        """The choices of a row."""
        return {name: self.options[name][int(at)] for name, at in zip(self.names, places, strict=True) if at != CLOSED}

    def one_hot(self, table: Places) -> NDArray[np.float64]:
        """(rows, columns) -> (rows, all options): 1 for each option taken; a closed choice is all zeros."""
        starts = np.cumsum(self.counts) - self.counts
        hot = np.zeros((len(table), int(self.counts.sum())))
        rows, columns = np.nonzero(table != CLOSED)
        hot[rows, starts[columns] + table[rows, columns]] = 1.0
        return hot


def place(offered: Sequence[Scalar], value: Scalar) -> int:
    """Number of an option, CLOSED when it is not on offer; 1, 1.0 and true differ."""
    return next((i for i, option in enumerate(offered) if option == value and type(option) is type(value)), CLOSED)


def path_counts(genotype: Genotype, length: int = 4) -> Counter[bytes]:
    """How often each sequence of 1 to `length` ops lies on a path through the network, by the colours of the ops.

    The path encoding of White et al. 2021 (arXiv:1910.11858), cut to a length, so that deep networks that differ in one place still have
    most in common. Ops that only bend, norm or join values are passed over.
    """
    found: Counter[bytes] = Counter()
    ending: list[Paths] = [tuple({} for _ in range(length)) for _ in genotype.inputs]
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        before = _joined([ending[i] for i in node.inputs], length)
        if fact.window is POINT and fact.cost.macs == 0:
            ending.append(before)
            continue
        own = op_colour(node.op)
        here = ({own: 1}, *({path + own: count for path, count in paths.items()} for paths in before[:-1]))
        for paths in here:
            found.update(paths)
        ending.append(here)
    return found


def _joined(parts: Sequence[Paths], length: int) -> Paths:
    if len(parts) == 1:
        return parts[0]
    total: list[dict[bytes, int]] = []
    for ops in range(length):
        counts: dict[bytes, int] = {}
        for part in parts:
            for path, count in part[ops].items():
                counts[path] = counts.get(path, 0) + count
        total.append(counts if len(counts) <= MOST_PATHS else {path: counts[path] for path in sorted(counts)[:MOST_PATHS]})
    return tuple(total)


class Decided(Pick):
    """Makes decisions by a function of the name and the options; it gives the number of one."""

    def __init__(self, decide: Callable[[str, tuple[Scalar, ...]], int]) -> None:
        super().__init__({}, np.random.default_rng(0))
        self._by = decide

    def _decide(self, name: str, offered: tuple[Scalar, ...]) -> Scalar:
        super()._decide(name, offered)  # refuses what is no decision
        return offered[self._by(name, offered)]


def write(space: Space, decide: Callable[[str, tuple[Scalar, ...]], int]) -> Choices:
    """The choices that a policy makes one after another, in the order in which the space asks; of an invalid network those until then."""
    pick = Decided(decide)
    with suppress(Exception):  # what is invalid, or fails, is refused where the network is built
        space.function(pick, **space.settings)
    return pick.made
