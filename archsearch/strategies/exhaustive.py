"""Every network of a small space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from archsearch.spaces.space import Choices, SpaceError
from archsearch.strategies.base import Problem
from archsearch.trial import Trial

MOST_CHOICES, MOST_CONDITIONAL = 100_000, 10_000
"""Largest spaces; where choices depend on others, all paths are walked before the first trial."""
GUESSES = 256
"""Numbers drawn for one trial before all that are open are put in order, which takes time in proportion to the space."""


@dataclass
class Exhaustive:
    """Propose every network once, in random order: for spaces of up to 100,000 choices, 10,000 where some depend on others.

    Raises:
        SpaceError: a larger space (at the beginning).
    """

    _problem: Problem = field(init=False, repr=False)
    _paths: list[Choices] | None = field(init=False, repr=False, default=None)
    _closed: NDArray[np.bool_] = field(init=False, repr=False)
    _left: int = field(init=False, repr=False)

    def begin(self, problem: Problem) -> None:
        space = problem.catalogue.space
        size, most = space.size(), MOST_CONDITIONAL if space.is_conditional() else MOST_CHOICES
        if size > most:
            raise SpaceError(
                f"space {space.source!r} holds {size:,.0f} choices, too many to try all (at most {most:,}); use another strategy"
            )
        self._problem = problem
        if space.is_conditional():
            self._paths = [entry.choices for entry in problem.catalogue.walk()]
        self._left = self._size()
        self._closed = np.zeros(self._left, dtype=bool)

    def ask(self, rng: np.random.Generator) -> Choices:
        if self._left == 0:
            return {}  # all done: the loop finds out
        for number in self._order(rng):
            if self._closed[number]:
                continue
            choices = self._choices(number)
            entry = self._problem.catalogue.find(choices)
            if entry is not None and self._problem.is_open(entry):
                return choices
            if entry is None or entry.fingerprint in self._problem.seen or not self._problem.fits(entry):
                self._closed[number] = True  # for good: what is no network, or was seen, stays so
                self._left -= 1
        return {}

    def _order(self, rng: np.random.Generator) -> Iterator[int]:
        """Numbers in random order: some at random, which mostly do; when few are left open, each of those once."""
        size = len(self._closed)
        yield from rng.integers(size, size=GUESSES).tolist()
        order = rng.permutation(size)
        yield from order[~self._closed[order]].tolist()

    def tell(self, trial: Trial) -> None:
        pass

    def _size(self) -> int:
        return prod(map(len, self._problem.catalogue.options.values())) if self._paths is None else len(self._paths)

    def _choices(self, number: int) -> Choices:
        """Choices by number: those of a space without conditions are numbered as digits."""
        if self._paths is not None:
            return self._paths[number]
        choices: Choices = {}
        for name, options in self._problem.catalogue.options.items():
            number, place = divmod(number, len(options))
            choices[name] = options[place]
        return choices
