"""Every network of a small space."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from archsearch.space import Choices, SpaceError
from archsearch.strategies.base import Problem
from archsearch.trial import Trial

MOST_CHOICES, MOST_CONDITIONAL = 100_000, 10_000
"""Largest spaces; where choices depend on others, all paths are walked before the first trial."""


@dataclass
class Exhaustive:
    """Propose every network once, in random order: for spaces of up to 100,000 choices, 10,000 where some depend on others.

    Raises:
        SpaceError: a larger space (at the beginning).
    """

    _problem: Problem = field(init=False, repr=False)
    _paths: list[Choices] | None = field(init=False, repr=False, default=None)
    _closed: set[int] = field(init=False, repr=False, default_factory=set)

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

    def ask(self, rng: np.random.Generator) -> Choices:
        size = self._size()
        if len(self._closed) == size:
            return {}  # all done: the loop finds out
        for number in rng.permutation(size).tolist():
            if number in self._closed:
                continue
            try:
                entry = self._problem.catalogue.look_up(self._choices(number), rng)
            except ValueError:
                self._closed.add(number)  # no network
                continue
            if self._problem.is_open(entry):
                return entry.choices
            self._closed.add(number)  # for good: what was seen stays so
        return {}

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
