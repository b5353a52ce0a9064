"""Pareto words in numpy: points are rows, every column is minimised."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Point = tuple[float, ...]
FEW = 256
"""So many points may be compared each with each at once."""


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
    """Indices of the points that none dominates, in order; of equal points all stay. Needs memory in proportion to the points."""
    p = as_points(points)
    if not p.size:
        return list(range(len(p)))
    left = np.lexsort(p.T[::-1])  # what dominates a point comes before it
    if p.shape[1] == 2:
        return sorted(left[on_staircase(p[left])].tolist())
    found: list[int] = []
    while len(left):
        best = p[left[0]]
        found += left[(p[left] == best).all(axis=1)].tolist()
        left = left[(p[left] < best).any(axis=1)]
    return sorted(found)


def on_staircase(p: Points) -> NDArray[np.bool_]:
    """Which points in two objectives, sorted by both, are on the front: those under all before them, and their equals."""
    lowest = np.minimum.accumulate(p[:, 1])
    better = np.r_[True, p[1:, 1] < lowest[:-1]]
    new = np.r_[True, (p[1:] != p[:-1]).any(axis=1)]
    return np.asarray(better[new][np.cumsum(new) - 1])


def ranks(points: ArrayLike) -> NDArray[np.int64]:
    """Number of the front that each point lies on, 0 for the best (Deb et al. 2002, doi:10.1109/4235.996017)."""
    p = as_points(points)
    rank = np.zeros(len(p), dtype=np.int64)
    left = np.arange(len(p))
    beats = domination(p) if 0 < len(p) <= FEW else None
    level = 0
    while len(left):
        best = np.zeros(len(left), dtype=bool)
        if beats is None:
            best[front(p[left])] = True
        else:
            best = np.asarray(~beats[np.ix_(left, left)].any(axis=0))
        rank[left[best]] = level
        left = left[~best]
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


def knee(points: ArrayLike) -> int:
    """Index of the point of a front that is nearest to the best of all objectives, each scaled to its range; of equal ones the first."""
    p = as_points(points)
    low, span = p.min(axis=0), np.ptp(p, axis=0)
    return int(np.argmin(np.linalg.norm((p - low) / np.where(span > 0, span, 1), axis=1)))


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume that the points dominate below the reference point, exact in any number of objectives.

    A sweep in two and three objectives, slices along the last one in more (While et al. 2006, doi:10.1109/TEVC.2005.851275):
    some hundred points take milliseconds in two or three objectives, and a fraction of a second in four.
    """
    ref = np.asarray(reference, dtype=np.float64)
    p = as_points(points) if len(np.asarray(points)) else np.empty((0, len(ref)))
    p = p[np.all(p < ref, axis=1)]
    return _volume(p[front(p)], ref)


def _volume(p: Points, ref: NDArray[np.float64]) -> float:
    """Hypervolume of a front, all of it below the reference point."""
    if len(p) == 0:
        return 0.0
    if len(ref) == 1:
        return float(ref[0] - p.min())
    if len(ref) == 2:
        p = p[np.lexsort((p[:, 1], p[:, 0]))]
        above = np.r_[ref[1], p[:-1, 1]]
        return float(((ref[0] - p[:, 0]) * (above - p[:, 1])).sum())
    rows = sorted(map(tuple, p.tolist()), key=lambda row: row[-1])
    return _swept(rows, tuple(ref.tolist())) if len(ref) == 3 else _sliced(rows, tuple(ref.tolist()))


def _swept(rows: Sequence[Point], ref: Point) -> float:
    """Hypervolume in three objectives, rows sorted by the last: the area under a staircase grows from level to level."""
    xs, ys = [-np.inf, ref[0]], [ref[1], -np.inf]  # the staircase, x up and y down, between two posts
    area = volume = 0.0
    level = rows[0][2]
    for x, y, z in rows:
        volume += area * (z - level)
        level = z
        first = bisect_left(xs, x)
        if ys[first - 1] <= y or (xs[first] == x and ys[first] <= y):
            continue
        last, height = first, ys[first - 1]
        left = x
        while ys[last] >= y:
            area += (xs[last] - left) * (height - y)
            left, height = xs[last], ys[last]
            last += 1
        area += (xs[last] - left) * (height - y)
        xs[first:last], ys[first:last] = [x], [y]
    return volume + area * (ref[2] - level)


def _sliced(rows: Sequence[Point], ref: Point) -> float:
    """Hypervolume in four objectives or more, rows sorted by the last: slices of one objective less."""
    volume, below = 0.0, np.empty((0, len(ref) - 1))
    for row, above in zip(rows, [*(row[-1] for row in rows[1:]), ref[-1]], strict=True):
        point = np.array(row[:-1])
        if not (below <= point).all(axis=1).any():
            below = np.vstack([below[~(point <= below).all(axis=1)], point])
        if above > row[-1]:
            volume += (above - row[-1]) * _volume(below, np.array(ref[:-1]))
    return volume


def contributions(points: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Hypervolume that would be lost without each of the points: none for dominated points and for equal ones."""
    ref, p = np.asarray(reference, dtype=np.float64), as_points(points)
    lost = np.zeros(len(p))
    for i in (i for i in front(p) if (p[i] < ref).all()):
        others = np.maximum(np.delete(p, i, axis=0), p[i])  # what of them lies within the box of this one
        lost[i] = np.prod(ref - p[i]) - hypervolume(others, ref)
    return lost


def igd_plus(points: ArrayLike, target: ArrayLike) -> float:
    """Mean over the target front of how much its nearest point is worse, 0 when all is reached; infinite for no points.

    Ishibuchi et al. 2015, doi:10.1007/978-3-319-15892-1_8.
    """
    p, goal = as_points(points), as_points(target)
    if not len(p):
        return float("inf")
    worse = np.maximum(p[None] - goal[:, None], 0)
    return float(np.sqrt((worse**2).sum(axis=2)).min(axis=1).mean())


def attainment(runs: Sequence[ArrayLike], shares: Sequence[float] = (0.25, 0.5, 0.75)) -> tuple[NDArray[np.float64], Points]:
    """Surfaces in two objectives that these shares of the runs reach (Fonseca & Fleming 1996, doi:10.1007/3-540-61723-X_1022).

    Returns x (n,), ascending, and for every share the least y (shares, n) that so many runs reach up to that x; infinite
    where they do not.
    """
    fronts = [as_points(run) for run in runs]
    if any(len(points) and points.shape[1] != 2 for points in fronts):
        raise ValueError("an attainment surface is drawn in two objectives; give points with two columns")
    x = np.unique(np.concatenate([points[:, 0] for points in fronts if len(points)] or [np.empty(0)]))
    reached = np.full((len(fronts), len(x)), np.inf)
    for row, points in zip(reached, fronts, strict=True):
        if len(points):
            np.minimum.at(row, np.searchsorted(x, points[:, 0]), points[:, 1])
    reached = np.sort(np.minimum.accumulate(reached, axis=1), axis=0)
    return x, reached[[max(ceil(share * len(fronts)), 1) - 1 for share in shares]]
