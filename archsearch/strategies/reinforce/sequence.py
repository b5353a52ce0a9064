"""A network as the sequence of its choices, in numbers: what a controller reads and writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.spaces.encoding import CLOSED, Encoding, place
from archsearch.spaces.space import Scalar

LINK = re.compile(r"(?P<set>.*?)(?P<source>\d*)->(?P<target>\d+)")
NOTHING, INPUT = -2, -1
"""Stand for a layer where an option reads none, or one at which no choice was made, such as the input."""
Numbers = NDArray[np.int64]


class Link(NamedTuple):
    """A choice that links the layer `target` to earlier ones: for each option the layer that it reads, None for none."""

    set: str
    target: int
    sources: tuple[int | None, ...]


def link_of(name: str, options: Sequence[Scalar]) -> Link | None:
    """The link that a choice stands for, None when it is no link.

    Two forms are known: a boolean named `SOURCE->TARGET` says whether the target reads the source; a choice named `->TARGET` whose
    options are whole numbers below the target says which layer it reads. A text before either names a set of layers: `encoder/0->2`.
    """
    found = LINK.fullmatch(name)
    if found is None:
        return None
    target, source = int(found["target"]), found["source"]
    if source:
        if int(source) >= target or sorted(map(repr, options)) != ["False", "True"]:
            return None
        return Link(found["set"], target, tuple(int(source) if option else None for option in options))
    if not all(type(option) is int and 0 <= option < target for option in options):
        return None
    return Link(found["set"], target, tuple(option for option in options if type(option) is int))


class Steps(NamedTuple):
    """Choices in the order in which they are made: (steps,) which one and the option taken; (steps, options) what each option reads.

    `reads` holds the step at which the layer was reached that the option reads, INPUT or NOTHING. Several networks have one axis more in
    front, and CLOSED for the choice behind their end.
    """

    columns: Numbers
    taken: Numbers
    reads: Numbers


@dataclass
class Script:
    """Turns choices into steps."""

    encoding: Encoding
    links: dict[int, Link] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = ((column, link_of(name, options)) for column, (name, options) in enumerate(self.encoding.options.items()))
        self.links = {column: link for column, link in found if link is not None}
        self.columns = {name: column for column, name in enumerate(self.encoding.names)}
        self.width = int(self.encoding.counts.max(initial=1))

    def steps(self, choices: Mapping[str, Scalar]) -> Steps:
        """The steps of a network; choices that the space is not known to offer are left out."""
        reached: dict[tuple[str, int], int] = {}
        columns: list[int] = []
        taken: list[int] = []
        reads: list[Numbers] = []
        for name, value in choices.items():
            at = place(self.encoding.options.get(name, ()), value)
            if at == CLOSED:
                continue
            reads.append(self.read(self.columns[name], len(columns), reached))
            columns.append(self.columns[name])
            taken.append(at)
        return Steps(np.array(columns, np.int64), np.array(taken, np.int64), np.array(reads, np.int64).reshape(-1, self.width))

    def read(self, column: int, step: int, reached: dict[tuple[str, int], int]) -> Numbers:
        """(options,): what each option reads; the layer that is linked counts as reached from its first link on."""
        found = np.full(self.width, NOTHING, dtype=np.int64)
        link = self.links.get(column)
        if link is not None:
            reached.setdefault((link.set, link.target), step)
            for option, source in enumerate(link.sources):
                if source is not None:
                    found[option] = reached.get((link.set, source), INPUT)
        return found


def pad(rows: Sequence[Steps]) -> Steps:
    """Several networks as one, as long as the longest."""
    length, width = max(len(row.columns) for row in rows), rows[0].reads.shape[1]
    columns = np.full((len(rows), length), CLOSED, dtype=np.int64)
    taken = np.zeros((len(rows), length), dtype=np.int64)
    reads = np.full((len(rows), length, width), NOTHING, dtype=np.int64)
    for i, row in enumerate(rows):
        end = len(row.columns)
        columns[i, :end], taken[i, :end], reads[i, :end] = row
    return Steps(columns, taken, reads)
