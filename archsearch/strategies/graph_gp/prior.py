"""What is believed of networks before any is evaluated: what zero-cost proxies made of some of them, as a Gaussian process on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsearch.strategies.base import Foretold
from archsearch.strategies.graph_gp.kernel import shapes
from archsearch.strategies.graph_gp.model import Fit, Vector, beliefs, best_fits, normal_scores
from archsearch.strategies.graph_gp.pool import Pool

FORMS = 5
"""Forms of the kernel that are averaged over."""
SLOPE, TRUST = 0.7, 10.0
"""How far scores of trials follow those of proxies before any trial, and how many trials that counts as."""


@dataclass(frozen=True)
class Prior:
    """Scores by proxies, the smallest the best, with mean 0 and deviation 1 over the networks that proxies judged."""

    pool: Pool
    fits: Sequence[Fit]

    @classmethod
    def of(cls, pool: Pool, said: Sequence[Foretold]) -> Prior:
        """Put these networks into the pool, and fit what proxies said of them."""
        pool.foretold = [pool.number(entry) for entry, _ in said]
        scores = normal_scores(-np.array([worth for _, worth in said]))
        similarities, gaps = pool.similarities(pool.foretold, pool.foretold), np.zeros(len(said))
        return cls(pool, best_fits(list(shapes()), similarities, scores, FORMS, gaps))

    def believe(self, numbers: Sequence[int]) -> tuple[Vector, Vector]:
        """Mean and deviation of networks of the pool."""
        found = beliefs(self.fits, self.pool.similarities(numbers, self.pool.foretold))
        mean = sum((each.weight * each.mean for each in found), np.zeros(len(numbers)))
        square = sum((each.weight * (each.deviation**2 + each.mean**2) for each in found), np.zeros(len(numbers)))
        return mean, np.sqrt(np.maximum(square - mean**2, 1e-12))

    def leaning(self, numbers: Sequence[int], scores: Vector) -> float:
        """How far the scores of these trials follow those of the proxies: from 0, not at all, to 1; by few trials as was supposed."""
        supposed, centred = self.believe(numbers)[0], scores - scores.mean()
        slope = (TRUST * SLOPE + float(supposed @ centred)) / (TRUST + float(supposed @ supposed))
        return min(1.0, max(0.0, slope))
