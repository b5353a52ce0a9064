"""Several models that each saw a part of the trials: what they agree on, and how far they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn import config_context
from sklearn.ensemble import GradientBoostingRegressor

from archsearch.spaces.encoding import Places

Vector = NDArray[np.float64]
LEAST_DEVIATION = 0.05
HELD_OUT = 0.25
"""Share of the trials that a member does not see."""


class Sample(NamedTuple):
    """Networks for models: (networks, columns) the places of their choices, (networks, features) what `Features` makes of them."""

    places: Places
    features: Vector

    def part(self, rows: NDArray[np.bool_]) -> Sample:
        """Some of the networks."""
        return Sample(self.places[rows], self.features[rows])


class Model(Protocol):
    """Predicts a value of networks."""

    def fit(self, sample: Sample, values: Vector) -> None:
        """Learn from networks and their values."""

    def predict(self, sample: Sample) -> Vector:
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

    def fit(self, sample: Sample, values: Vector) -> float:
        """Learn, and return Kendall's tau of what members predicted of trials that they had not seen."""
        count = len(values)
        rng = np.random.default_rng([count, len(self._makes)])
        self._members = []
        total, judges = np.zeros(count), np.zeros(count)
        for number, make in enumerate(self._makes):
            held = np.zeros(count, dtype=bool)
            held[rng.choice(count, int(HELD_OUT * count), replace=False)] = True
            member = make(number)
            member.fit(sample.part(~held), values[~held])
            total[held] += member.predict(sample.part(held))
            judges[held] += 1
            self._members.append(member)
        judged = judges > 0
        tau = float(kendalltau(total[judged] / judges[judged], values[judged]).statistic)
        return tau if np.isfinite(tau) else 0.0

    def believe(self, sample: Sample) -> tuple[Vector, Vector]:
        """(networks,): mean and standard deviation of what the members predict."""
        said = np.stack([member.predict(sample) for member in self._members])
        return said.mean(0), np.maximum(said.std(0, ddof=1), LEAST_DEVIATION)


class Trees:
    """Gradient boosting (Friedman 2001, doi:10.1214/aos/1013203451); every split looks at a part of the features."""

    def __init__(self, seed: int, trees: int = 50, depth: int = 4) -> None:
        self._trees = GradientBoostingRegressor(n_estimators=trees, max_depth=depth, subsample=0.7, max_features=0.1, random_state=seed)

    def fit(self, sample: Sample, values: Vector) -> None:
        with config_context(skip_parameter_validation=True, assume_finite=True):  # checks of every tree take a third of the time
            self._trees.fit(sample.features, values)

    def predict(self, sample: Sample) -> Vector:
        return np.asarray(self._trees.predict(sample.features))
