"""Several models that each saw a part of the trials: what they agree on, and how far they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from archsearch.encoding import Places

Vector = NDArray[np.float64]
LEAST_DEVIATION = 0.05
HELD_OUT = 0.25
"""Share of the trials that a member does not see."""


class Model(Protocol):
    """Predicts a value from the places of the choices (networks, columns)."""

    def fit(self, table: Places, values: Vector) -> None:
        """Learn from networks and their values."""

    def predict(self, table: Places) -> Vector:
        """(networks,): their values."""


class Fit(NamedTuple):
    """How well an ensemble ranked trials that its members had not seen: Kendall's tau (1 right, 0 by chance, -1 reversed)."""

    trials: int
    objective: int
    tau: float


class Ensemble:
    """Models of several makes, fitted to the same values; `makes` gets a seed of its own for each."""

    def __init__(self, makes: Sequence[Callable[[int], Model]]) -> None:
        self._makes = makes
        self._members: list[Model] = []

    def fit(self, table: Places, values: Vector) -> float:
        """Learn, and return Kendall's tau of what members predicted of trials that they had not seen."""
        rng = np.random.default_rng([len(values), len(self._makes)])
        self._members = []
        total, count = np.zeros(len(values)), np.zeros(len(values))
        for number, make in enumerate(self._makes):
            held = np.zeros(len(values), dtype=bool)
            held[rng.choice(len(values), int(HELD_OUT * len(values)), replace=False)] = True
            member = make(number)
            member.fit(table[~held], values[~held])
            total[held] += member.predict(table[held])
            count[held] += 1
            self._members.append(member)
        judged = count > 0
        tau = float(kendalltau(total[judged] / count[judged], values[judged]).statistic)
        return tau if np.isfinite(tau) else 0.0

    def believe(self, table: Places) -> tuple[Vector, Vector]:
        """(networks,): mean and standard deviation of what the members predict."""
        said = np.stack([member.predict(table) for member in self._members])
        return said.mean(0), np.maximum(said.std(0, ddof=1), LEAST_DEVIATION)
