"""A Gaussian process over networks, its kernel's form averaged over by how well each explains what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.stats import norm, rankdata

from archsearch.strategies.graph_gp.kernel import Matrix, Shape

Vector = NDArray[np.float64]
JITTER = 1e-8
LEAST_WEIGHT = 0.01
TAIL = 3.0
REACH = 0.1
ROUNDS = 10
APART = 0.1
"""How fast the kernel falls from rung to rung."""


class Belief(NamedTuple):
    """Mean and standard deviation of unseen values, by one form of the kernel, and the form's weight."""

    mean: Vector
    deviation: Vector
    weight: float


@dataclass(frozen=True)
class Fit:
    """A Gaussian process with a constant mean, fitted: `scale` and mean by maximum likelihood."""

    shape: Shape
    likelihood: float
    scale: float
    mean: float
    solved: Vector
    factor: Matrix
    gaps: Vector

    @classmethod
    def to(cls, shape: Shape, similarities: Matrix, values: Vector, gaps: Vector) -> Fit | None:
        """Fit one form; None where the numbers give out."""
        kernel = shape.of(similarities) * likeness(gaps, gaps)
        kernel[np.diag_indices_from(kernel)] += shape.noise + JITTER
        try:
            factor: Matrix = np.asarray(np.linalg.cholesky(kernel), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
        ones = cho_solve((factor, True), np.ones(len(values)))
        mean = float(ones @ values / ones.sum())
        solved = cho_solve((factor, True), values - mean)
        scale = max(float((values - mean) @ solved) / len(values), 1e-6)
        likelihood = -0.5 * len(values) * np.log(scale) - float(np.log(np.diag(factor)).sum())
        return cls(shape, likelihood, scale, mean, solved, factor, gaps)

    def predict(self, similarities: Matrix) -> tuple[Vector, Vector]:
        """Mean and deviation of networks, on the top rung, by their similarities (PARTS, networks, seen)."""
        kernel = self.shape.of(similarities) * likeness(np.zeros(1), self.gaps)
        mean = self.mean + kernel @ self.solved
        spread = solve_triangular(self.factor, kernel.T, lower=True, check_finite=False)
        return mean, np.sqrt(np.maximum(self.scale * (1 - (spread**2).sum(axis=0)), 1e-12))


def likeness(gaps: Vector, others: Vector) -> Matrix:
    """(gaps, others): how far values on two rungs belong together, by how far each lies below the top; 1 on one rung."""
    return np.asarray(np.exp(-APART * np.abs(gaps[:, None] - others[None, :])))


def best_fits(shapes: Sequence[Shape], similarities: Matrix, values: Vector, most: int, gaps: Vector) -> list[Fit]:
    """The forms that explain the values best, best first; `gaps` says how far below the top rung each value was measured."""
    fits = [fit for shape in shapes if (fit := Fit.to(shape, similarities, values, gaps)) is not None]
    return sorted(fits, key=lambda fit: -fit.likelihood)[:most]


def beliefs(fits: Sequence[Fit], similarities: Matrix) -> list[Belief]:
    """What each form that counts makes of unseen networks; weights add up to one."""
    weights = np.exp([fit.likelihood - fits[0].likelihood for fit in fits])
    weights = weights / weights.sum()
    counting = [(fit, float(weight)) for fit, weight in zip(fits, weights, strict=True) if weight >= LEAST_WEIGHT]
    return [Belief(*fit.predict(similarities), weight) for fit, weight in counting]


def normal_scores(values: Vector) -> Vector:
    """Values by their ranks as quantiles of a normal distribution: the long tail of bad networks goes."""
    return np.asarray(norm.ppf((rankdata(values) - 0.5) / len(values)))


def cut_scores(values: Vector) -> tuple[Vector, float]:
    """Values with mean 0 and deviation 1, cut off at their limit, and the limit: distances stay true where they matter."""
    highest = limit(values)
    cut = np.minimum(values, highest)
    middle, spread = float(cut.mean()), max(float(cut.std()), 1e-12)
    return np.asarray((cut - middle) / spread), (highest - middle) / spread


def limit(values: Vector) -> float:
    """Where values become too bad to matter: `TAIL` times as far above the middle as the best lies below it.

    Otherwise a broken network that is cheap would count as an end of the front. The middle is the median of what lies within the limit,
    found from the better third on: however many broken networks are seen, they do not move it. At most a little beyond the worst value.
    """
    best, worst = float(values.min()), float(values.max())
    found = beyond = worst + REACH * (worst - best)
    middle = float(np.quantile(values, 1 / 3))
    for _ in range(ROUNDS):
        if middle <= best:
            break
        found = min(beyond, middle + TAIL * (middle - best))
        middle = float(np.median(values[values <= found]))
    return found
