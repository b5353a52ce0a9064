"""Local search, for one objective or several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from archsearch.pareto import dominates
from archsearch.spaces.space import Choices
from archsearch.strategies.base import Problem
from archsearch.trial import Trial


class Peak(NamedTuple):
    """A network that the climb has reached."""

    values: tuple[float, ...]
    choices: Choices


@dataclass
class Local:
    """Try networks that differ in one choice, in random order, and move to the first that is better; at the top begin anew.

    The climb stands on all of its networks that none of it dominates, and goes on from any of them whose neighbours are not yet
    all known (White et al. 2021, arXiv:2005.02960); with several objectives that is Pareto local search (Paquete et al. 2004,
    doi:10.1007/978-3-642-17144-4_7). Equal networks stand side by side, so that a plateau is crossed.
    """

    _problem: Problem = field(init=False, repr=False)
    _climb: list[Peak] = field(init=False, repr=False, default_factory=list)

    def begin(self, problem: Problem) -> None:
        self._problem = problem

    def ask(self, rng: np.random.Generator) -> Choices:
        for place in rng.permutation(len(self._climb)):
            step = self._step(self._climb[place].choices, rng)
            if step is not None:
                return step
        return {}  # at the top: the space draws where to begin anew

    def tell(self, trial: Trial) -> None:
        if trial.values is None:
            return
        told = Peak(trial.values, trial.choices)
        if not any(dominates(peak.values, told.values) for peak in self._climb):
            self._climb = [peak for peak in self._climb if not dominates(told.values, peak.values)] + [told]
        elif not self._is_step(told.choices) and self._at_top():
            self._climb = [told]

    def _step(self, choices: Choices, rng: np.random.Generator) -> Choices | None:
        """A random neighbour that is new and within the budget, if there is one."""
        neighbours = self._problem.catalogue.neighbours(choices)
        for place in rng.permutation(len(neighbours)):
            entry = self._problem.find_open(neighbours[place], rng)
            if entry is not None:
                return entry.choices
        return None

    def _at_top(self) -> bool:
        """Whether no network is left to try from here."""
        return all(self._step(peak.choices, np.random.default_rng(0)) is None for peak in self._climb)

    def _is_step(self, choices: Choices) -> bool:
        """Whether these choices differ from those of the climb in no more than one that both have."""
        return any(sum(peak.choices[name] != value for name, value in choices.items() if name in peak.choices) <= 1 for peak in self._climb)
