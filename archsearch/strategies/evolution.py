"""Ageing evolution, for one objective or several."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from archsearch.pareto import preference
from archsearch.space import Choices
from archsearch.trial import Trial


@dataclass
class Evolution:
    """Mutate the best of a random tournament; the oldest dies, never the worst (Real et al. 2019, arXiv:1802.01548).

    With several objectives the best is the one on the lowest front, and of those the least crowded (Deb et al. 2002,
    doi:10.1109/4235.996017).
    """

    population: int = 20
    tournament: int = 7
    _alive: deque[tuple[tuple[float, ...], Choices]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.tournament <= self.population:
            raise ValueError(f"tournament={self.tournament} must lie in 1..population={self.population}")
        self._alive = deque(maxlen=self.population)  # ageing: a full deque drops its oldest

    def ask(self, rng: np.random.Generator) -> Choices:
        if len(self._alive) < self.population:
            return {}  # nothing chosen: the space draws everything
        rivals = set(rng.choice(len(self._alive), self.tournament, replace=False))
        best = next(i for i in preference([values for values, _ in self._alive]) if i in rivals)
        parent = self._alive[best][1]
        if not parent:
            return {}
        forgotten = rng.choice(list(parent))  # the space draws this one again
        return {name: value for name, value in parent.items() if name != forgotten}

    def tell(self, trial: Trial) -> None:
        if trial.values is not None:
            self._alive.append((trial.values, trial.choices))
