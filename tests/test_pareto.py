"""Pareto words against brute force, and against another library's hypervolume."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.pareto import (
    attainment,
    contributions,
    crowding,
    dominates,
    domination,
    front,
    hypervolume,
    igd_plus,
    knee,
    preference,
    ranks,
)

Points = list[tuple[int, ...]]


def point_sets(columns: int) -> st.SearchStrategy[Points]:
    return st.lists(st.tuples(*[st.integers(0, 6)] * columns), min_size=1, max_size=9)


def sphere(count: int, columns: int, seed: int = 0) -> np.ndarray:
    """Points that none dominates, in [0, 1]."""
    points = np.random.default_rng(seed).random((count, columns))
    return 1 - points / np.linalg.norm(points, axis=1, keepdims=True)


@given(st.integers(1, 4).flatmap(point_sets))
@settings(max_examples=300, deadline=None)
def test_front_and_ranks_are_what_brute_force_finds(points: Points) -> None:
    left, level, expected = set(range(len(points))), 0, [0] * len(points)
    while left:
        best = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in best:
            expected[i] = level
        left, level = left - best, level + 1
    assert list(ranks(points)) == expected
    assert front(points) == [i for i, rank in enumerate(expected) if rank == 0]
    assert [[dominates(a, b) for b in points] for a in points] == domination(points).tolist()


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_many_points_are_ranked_as_few_are(columns: int) -> None:
    points = np.random.default_rng(columns).integers(0, 40, (600, columns))
    rank = ranks(points)
    for level in range(int(rank.max()) + 1):
        chosen = set(front(points[rank >= level]))
        assert [i in chosen for i in range(int((rank >= level).sum()))] == list(rank[rank >= level] == level)


def test_a_front_of_many_points_needs_little_memory() -> None:
    points = np.random.default_rng(0).random((50_000, 2))  # each with each would be 5 GB
    assert len(front(points)) == len(np.unique(np.minimum.accumulate(points[np.argsort(points[:, 0]), 1])))


@given(st.integers(1, 5).flatmap(point_sets))
@settings(max_examples=200, deadline=None)
def test_hypervolume_and_contributions_count_the_dominated_cells(points: Points) -> None:
    reference = [4, 3, 5, 2, 4][: len(points[0])]
    cells = np.array(list(itertools.product(*map(range, reference))))
    covered = (np.array(points)[:, None] <= cells).all(axis=2)
    assert hypervolume(points, reference) == pytest.approx(covered.any(axis=0).sum())
    alone = covered & (covered.sum(axis=0) == 1)
    assert contributions(points, reference) == pytest.approx(alone.sum(axis=1))


@pytest.mark.parametrize(("count", "columns"), [(200, 2), (200, 3), (60, 4), (20, 5)])
def test_hypervolume_is_what_optuna_finds(count: int, columns: int) -> None:
    optuna = pytest.importorskip("optuna._hypervolume")
    for points in (sphere(count, columns), np.random.default_rng(1).random((count, columns))):
        reference = np.full(columns, 1.1)
        assert hypervolume(points, reference) == pytest.approx(optuna.compute_hypervolume(points, reference), rel=1e-9)


def test_hypervolume_of_nothing_is_zero() -> None:
    assert hypervolume([], [1, 1]) == 0
    assert hypervolume([[2, 2]], [1, 1]) == 0
    assert list(contributions([[2, 2], [0, 0], [0, 0]], [1, 1])) == [0, 0, 0]


def test_crowding_prefers_the_ends_and_the_lonely() -> None:
    line = [[0, 10], [1, 8], [5, 5], [6, 1], [10, 0]]
    distance = crowding(line)
    assert np.isinf(distance[[0, 4]]).all()
    assert distance[1:4] == pytest.approx([5 / 10 + 5 / 10, 5 / 10 + 7 / 10, 5 / 10 + 5 / 10])


def test_preference_goes_by_rank_then_by_room() -> None:
    assert list(preference([[3.0], [1.0], [2.0]])) == [1, 2, 0]
    order = list(preference([[0, 10], [1, 9], [2, 8], [9, 0], [9, 9]]))
    assert set(order[:2]) == {0, 3}
    assert order[-1] == 4


@given(st.integers(1, 3).flatmap(lambda columns: st.tuples(point_sets(columns), point_sets(columns))))
@settings(max_examples=100, deadline=None)
def test_igd_plus_is_the_mean_of_what_is_lacking(both: tuple[Points, Points]) -> None:
    points, target = both
    lacking = [min(sum(max(a - z, 0) ** 2 for a, z in zip(point, goal, strict=True)) ** 0.5 for point in points) for goal in target]
    assert igd_plus(points, target) == pytest.approx(sum(lacking) / len(target))
    assert igd_plus([*points, [0] * len(points[0])], target) == 0
    assert igd_plus([], target) == np.inf


@given(st.lists(st.one_of(st.just([]), point_sets(2)), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_attainment_surfaces_bound_what_so_many_runs_reach(runs: list[Points]) -> None:
    shares = (0.25, 0.5, 1.0)
    x, surfaces = attainment(runs, shares)
    assert list(x) == sorted({point[0] for run in runs for point in run})
    for share, surface in zip(shares, surfaces, strict=True):
        for at, level in zip(x, surface, strict=True):
            reached = [sum(any(a <= at and b <= height for a, b in run) for run in runs) >= share * len(runs) for height in range(7)]
            assert level == (reached.index(True) if any(reached) else np.inf)


def test_attainment_is_for_two_objectives() -> None:
    with pytest.raises(ValueError, match="two objectives; give points with two columns"):
        attainment([[[1, 2, 3]]])


def test_the_knee_is_nearest_to_the_best_of_all_objectives() -> None:
    assert knee([[0.0, 10.0], [1.0, 2.0], [5.0, 0.0]]) == 1
    assert knee([[3.0]]) == 0
    assert knee([[1.0, 7.0], [1.0, 7.0]]) == 0
    rng = np.random.default_rng(0)
    for objectives in (1, 2, 3):
        points = rng.random((20, objectives))
        points = points[front(points)]
        low, high = points.min(axis=0), points.max(axis=0)
        away = [sum(((x - a) / (b - a or 1)) ** 2 for x, a, b in zip(point, low, high, strict=True)) for point in points]
        assert knee(points) == min(range(len(points)), key=away.__getitem__)
