"""What is seen and believed of one objective: modelled, or computed where it is a known cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from archsearch.strategies.graph_gp.acquisition import hypervolume_improvement, improvement
from archsearch.strategies.graph_gp.kernel import Shape, shapes
from archsearch.strategies.graph_gp.model import Belief, Fit, Vector, beliefs, best_fits, limit
from archsearch.strategies.graph_gp.pool import Pool
from archsearch.strategies.graph_gp.prior import Prior

MOST_SEEN = 400
"""Trials that the model is fitted to: the best half of them, and the latest."""
SURE = 1e-9


class View(Protocol):
    """One objective, in units of its own, to be minimised."""

    @property
    def seen(self) -> Vector:
        """Values of all networks seen, in the order of the trials: row i of every view is the same network."""

    @property
    def reference(self) -> float:
        """The value from which on a network is too bad to count."""

    def believe(self, numbers: Sequence[int], forms: int) -> list[Belief]:
        """What is believed of networks of the pool."""

    def imagined(self, number: int) -> View:
        """The view as if a network had been seen, with the value that is expected."""


@dataclass(frozen=True)
class Computed:
    """A known cost: nothing to model. `costs` of all networks of the pool; numbers of those seen."""

    costs: Vector
    numbers: Sequence[int]

    @property
    def seen(self) -> Vector:
        """Costs of the networks seen."""
        return np.asarray(self.costs[np.asarray(self.numbers)])

    @property
    def reference(self) -> float:
        return limit(self.seen)

    def believe(self, numbers: Sequence[int], forms: int) -> list[Belief]:
        costs = self.costs[np.asarray(numbers)]
        return [Belief(costs, np.full(len(costs), SURE * max(1.0, float(np.abs(costs).max(initial=0)))), 1.0)]

    def imagined(self, number: int) -> Computed:
        return replace(self, numbers=[*self.numbers, number])


@dataclass(frozen=True)
class Modelled:
    """A measured objective: scores of the networks seen, the smallest the best, and the fits to those that the model remembers."""

    pool: Pool
    numbers: Sequence[int]
    seen: Vector
    reference: float
    remembered: Sequence[int]
    fits: Sequence[Fit]
    gaps: Vector
    prior: Prior | None = None
    leaning: float = 0.0

    @classmethod
    def fitted(
        cls, pool: Pool, numbers: Sequence[int], scores: Vector, reference: float, forms: Sequence[Shape], gaps: Vector,
        prior: Prior | None = None,
    ) -> Modelled:  # fmt: skip
        """The model of these scores, or where there is a prior of what they are beyond that."""
        chosen = remembered(scores)
        kept = [numbers[i] for i in chosen]
        leaning = 0.0 if prior is None else prior.leaning(kept, scores[chosen])
        left = scores[chosen] if prior is None else scores[chosen] - leaning * prior.believe(kept)[0]
        fits = best_fits(forms, pool.similarities(kept, kept), left, len(forms), gaps[chosen])
        return cls(pool, numbers, scores, reference, kept, fits, gaps, prior, leaning)

    def believe(self, numbers: Sequence[int], forms: int) -> list[Belief]:
        found = beliefs(self.fits[:forms], self.pool.similarities(numbers, self.remembered))
        if self.prior is None or not self.leaning:
            return found
        lifted = self.leaning * self.prior.believe(numbers)[0]
        return [each._replace(mean=each.mean + lifted) for each in found]

    def imagined(self, number: int) -> Modelled:
        expected = self.believe([number], 1)[0].mean
        shapes = [fit.shape for fit in self.fits]
        gaps = np.append(self.gaps, 0.0)
        scores = np.append(self.seen, expected)
        return self.fitted(self.pool, [*self.numbers, number], scores, self.reference, shapes, gaps, self.prior)


def weigh(pool: Pool, numbers: Sequence[int], scores: Vector, most: int, gaps: Vector) -> list[Shape]:
    """The forms of the kernel that explain these scores best."""
    chosen = remembered(scores)
    numbers = [numbers[i] for i in chosen]
    return [fit.shape for fit in best_fits(list(shapes()), pool.similarities(numbers, numbers), scores[chosen], most, gaps[chosen])]


def remembered(scores: Vector) -> NDArray[np.int64]:
    """Places of the values that a model is fitted to, in order: all, or the best half and the latest."""
    if len(scores) <= MOST_SEEN:
        return np.arange(len(scores))
    order = np.argsort(scores, kind="stable")
    best, others = order[: MOST_SEEN // 2], np.sort(order[MOST_SEEN // 2 :])
    return np.sort(np.concatenate([best, others[-MOST_SEEN // 2 :]]))


def promise(views: Sequence[View], numbers: Sequence[int], forms: int) -> Vector:
    """How much better the front is expected to become by each of these networks."""
    believed = [view.believe(numbers, forms) for view in views]
    if len(views) == 1:
        return improvement(believed[0], float(views[0].seen.min()))
    seen = np.column_stack([view.seen for view in views])
    reference = np.array([view.reference for view in views])
    total = np.zeros(len(numbers))
    for first, second in product(*believed):
        total += first.weight * second.weight * hypervolume_improvement(seen, first, second, reference)
    return total
