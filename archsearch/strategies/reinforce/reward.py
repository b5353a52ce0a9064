"""One number for what a trial came to, the larger the better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsearch.pareto import front, hypervolume, preference
from archsearch.strategies.base import Problem

Numbers = NDArray[np.float64]
REWARDS = ("product", "hypervolume")
MARGIN = 0.1
"""How far behind the worst the reference point lies, as a share of the range."""


@dataclass
class Rewards:
    """Rewards of all trials with a result: of one objective its negative value, of several by `kind`.

    `product` is accuracy x (cost / target) ^ exponent for every cost (Tan et al. 2019, arXiv:1807.11626); a cost's target is its limit
    in the budget, else the median so far. `hypervolume` is what a trial added to the hypervolume when it came, in units of the ranges.
    """

    problem: Problem
    kind: str = "product"
    exponent: float = -0.07

    def __post_init__(self) -> None:
        self._values: list[tuple[float, ...]] = []
        self._added: list[float] = []

    def add(self, values: Sequence[float]) -> None:
        """Take in a trial."""
        if self.kind == "hypervolume" and len(values) > 1:
            self._added.append(self._improvement(values))
        self._values.append(tuple(values))

    def all(self) -> Numbers:
        """(trials,): the rewards, by what is known now."""
        if not self._values:
            return np.empty(0)
        values = np.array(self._values)
        if values.shape[1] == 1:
            return np.asarray(-values[:, 0])
        return np.array(self._added) if self.kind == "hypervolume" else self._products(values)

    def best(self, count: int) -> list[int]:
        """Numbers of the best trials; of several objectives by `hypervolume` those on the first fronts, the less crowded before others."""
        if self.kind == "hypervolume" and len(self._values[0]) > 1:
            return [int(i) for i in preference(self._values)[:count]]
        return [int(i) for i in np.argsort(-self.all(), kind="stable")[:count]]

    def _products(self, values: Numbers) -> Numbers:
        limits, reward = self.problem.budget.limits(), np.ones(len(values))
        for objective, column in zip(self.problem.objectives, values.T, strict=True):
            if objective.maximise or objective.metric == "error":
                reward *= -column if objective.maximise else 1 - column
                continue
            target = limits.get(objective.metric, float(np.median(column)))
            reward *= (np.maximum(column, 1e-12) / max(target, 1e-12)) ** self.exponent
        return reward

    def _improvement(self, values: Sequence[float]) -> float:
        points = np.array([*self._values, values])
        low, span = points.min(0), np.maximum(np.ptp(points, axis=0), 1e-12)
        points = (points - low) / span
        reference = np.full(points.shape[1], 1 + MARGIN)
        before = points[:-1][front(points[:-1])]
        return hypervolume([*before, points[-1]], reference) - hypervolume(before, reference)
