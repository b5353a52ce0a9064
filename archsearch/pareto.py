"""Pareto words in numpy: points are rows, every column is minimised."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


def as_points(points: ArrayLike) -> Points:
    """Points as an (n, objectives) array of floats."""
    found = np.asarray(points, dtype=np.float64)
    return found.reshape(len(found), -1) if len(found) else found.reshape(0, found.shape[-1] if found.ndim > 1 else 0)


def dominates(a: ArrayLike, b: ArrayLike) -> bool:
    """Whether `a` is nowhere worse than `b` and somewhere better."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return bool(np.all(first <= second) and np.any(first < second))


def domination(points: ArrayLike) -> NDArray[np.bool_]:
    """(n, n): whether row i dominates row j."""
    p = as_points(points)
    return np.asarray(np.all(p[:, None] <= p[None], axis=2) & np.any(p[:, None] < p[None], axis=2))


def front(points: ArrayLike) -> list[int]:
    """Indices of the points that none dominates, in order; of equal points all stay."""
    p = as_points(points)
    if len(p) == 0:
        return []
    return [int(i) for i in np.flatnonzero(~domination(p).any(axis=0))]


def ranks(points: ArrayLike) -> NDArray[np.int64]:
    """Number of the front that each point lies on, 0 for the best (Deb et al. 2002, doi:10.1109/4235.996017)."""
    p = as_points(points)
    rank = np.zeros(len(p), dtype=np.int64)
    if len(p) == 0:
        return rank
    beats = domination(p)
    left = np.ones(len(p), dtype=bool)
    level = 0
    while left.any():
        best = left & ~beats[left].any(axis=0)
        rank[best] = level
        left &= ~best
        level += 1
    return rank


def crowding(points: ArrayLike) -> NDArray[np.float64]:
    """Crowding distance of points of one front: the sides of the box between their neighbours; infinite at the ends."""
    p = as_points(points)
    distance = np.zeros(len(p))
    for column in p.T:
        order = np.argsort(column, kind="stable")
        distance[order[[0, -1]]] = np.inf
        span = column[order[-1]] - column[order[0]]
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def preference(points: ArrayLike) -> NDArray[np.int64]:
    """Indices from best to worst: by rank, then the less crowded first; a single objective by its value."""
    p = as_points(points)
    if p.shape[1:] == (1,):
        return np.argsort(p[:, 0], kind="stable")
    rank = ranks(p)
    spread = np.zeros(len(p))
    for level in np.unique(rank):
        spread[rank == level] = crowding(p[rank == level])
    return np.lexsort((-spread, rank))


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume that the points dominate below the reference point, exact in any number of objectives.

    By slices along the last objective (While et al. 2006, doi:10.1109/TEVC.2005.851275); meant for fronts of some hundred
    points in two or three objectives.
    """
    ref = np.asarray(reference, dtype=np.float64)
    p = as_points(points) if len(np.asarray(points)) else np.empty((0, len(ref)))
    p = p[np.all(p < ref, axis=1)]
    return _volume(p[front(p)], ref)


def _volume(p: Points, ref: NDArray[np.float64]) -> float:
    if len(p) == 0:
        return 0.0
    if p.shape[1] == 1:
        return float(ref[0] - p[:, 0].min())
    p = p[np.argsort(p[:, -1], kind="stable")]
    edges = np.append(p[:, -1], ref[-1])
    volume = 0.0
    for count in range(1, len(p) + 1):
        depth = edges[count] - edges[count - 1]
        if depth > 0:
            flat = p[:count, :-1]
            volume += float(depth) * _volume(flat[front(flat)], ref[:-1])
    return volume
