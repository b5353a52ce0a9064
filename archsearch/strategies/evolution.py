"""Ageing evolution, for one objective or several."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from archsearch.pareto import preference
from archsearch.spaces.space import Choices
from archsearch.strategies.base import Problem
from archsearch.trial import Trial

TRIES = 5
"""Mutations in one ask until a child is new and within the budget; the loop sees the last, and asks again."""


@dataclass
class Evolution:
    """Mutate the best of a random tournament; the oldest dies, never the worst (Real et al. 2019, arXiv:1802.01548).

    A child that is known already, or over the budget, is mutated again. With several objectives the best is the one on the lowest
    front, and of those the least crowded (Deb et al. 2002, doi:10.1109/4235.996017).

    Args:
        population: Networks that live at a time; the paper has 100, for thousands of trials.
        tournament: Of these, how many a parent is the best of; about a third, where the paper has a quarter.
    """

    population: int = 20
    tournament: int = 7
    _problem: Problem = field(init=False, repr=False)
    _alive: deque[tuple[tuple[float, ...], Choices]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.tournament <= self.population:
            raise ValueError(f"tournament={self.tournament} must lie in 1..population={self.population}")
        self._alive = deque(maxlen=self.population)  # ageing: a full deque drops its oldest

    def begin(self, problem: Problem) -> None:
        self._problem = problem

    def ask(self, rng: np.random.Generator) -> Choices:
        if len(self._alive) < self.population:
            return {}  # nothing chosen: the space draws everything
        rivals = set(rng.choice(len(self._alive), self.tournament, replace=False))
        best = next(i for i in preference([values for values, _ in self._alive]) if i in rivals)
        child = parent = self._alive[best][1]
        for _ in range(TRIES):
            neighbours = self._problem.catalogue.neighbours(parent)
            if not neighbours:
                break
            child = neighbours[rng.integers(len(neighbours))]
            entry = self._problem.find_open(child, rng)
            if entry is not None:
                return entry.choices
        return child

    def tell(self, trial: Trial) -> None:
        if trial.values is not None:
            self._alive.append((trial.values, trial.choices))
