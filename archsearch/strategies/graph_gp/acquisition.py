"""What a network promises, by what is believed of it; every objective is minimised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

from archsearch.pareto import front
from archsearch.strategies.graph_gp.model import Belief, Vector

ROOT = float(np.sqrt(2 * np.pi))
NEAR, FAR = -1.0, -100.0
"""Where one form of the log of the expected improvement follows the other."""


def log_expected_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """Log of the expected improvement over `best`, of which small values stay apart (Ament et al. 2023, arXiv:2310.20708, eq. 9)."""
    u = (best - mean) / deviation
    return np.asarray(np.log(deviation) + np.piecewise(u, [u > NEAR, u < FAR], [_near, _far, _between]))


def _near(u: Vector) -> Vector:
    return np.asarray(np.log(np.exp(-(u**2) / 2) / ROOT + u * ndtr(u)))


def _between(u: Vector) -> Vector:
    """Without the difference of two numbers that are nearly equal and nearly nothing."""
    return np.asarray(-(u**2) / 2 - np.log(ROOT) + np.log1p(np.sqrt(np.pi / 2) * u * erfcx(-u / np.sqrt(2))))


def _far(u: Vector) -> Vector:
    """By the series of erfcx, of which nothing is left between 1 and its first term so far out."""
    return np.asarray(-(u**2) / 2 - np.log(ROOT) - 2 * np.log(-u) + np.log1p(-3 / u**2 + 15 / u**4))


def improvement(beliefs: Sequence[Belief], best: float) -> Vector:
    """Log of the expected improvement, averaged over what the forms of the model believe."""
    parts = [log_expected_improvement(b.mean, b.deviation, best) + np.log(b.weight) for b in beliefs]
    return np.asarray(np.logaddexp.reduce(parts, axis=0))


def shortfall(limits: Vector, mean: Vector, deviation: Vector) -> NDArray[np.float64]:
    """(networks, limits): how far below each limit a value is expected to lie, nothing where it is above."""
    gap = limits[None] - mean[:, None]
    u = gap / deviation[:, None]
    return np.asarray(gap * ndtr(u) + deviation[:, None] * np.exp(-(u**2) / 2) / ROOT)


def hypervolume_improvement(seen: NDArray[np.float64], first: Belief, second: Belief, reference: Vector) -> Vector:
    """Expected growth of the area that two objectives dominate, exact for independent normal beliefs.

    As in Yang et al. 2019 (arXiv:1812.10289), strip by strip under the front.
    """
    points = seen[front(seen)]
    points = np.unique(points[np.all(points < reference, axis=1)], axis=0)
    edges, heights = np.append(points[:, 0], reference[0]), np.concatenate([[reference[1]], points[:, 1]])
    widths = np.diff(shortfall(edges, first.mean, first.deviation), axis=1, prepend=0.0)
    return np.asarray((widths * shortfall(heights, second.mean, second.deviation)).sum(axis=1))
