"""Pareto words against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.pareto import crowding, dominates, front, hypervolume, preference, ranks


def point_sets(columns: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    return st.lists(st.tuples(*[st.integers(0, 6)] * columns), min_size=1, max_size=9)


@given(st.integers(1, 4).flatmap(point_sets))
@settings(max_examples=300, deadline=None)
def test_front_and_ranks_are_what_brute_force_finds(points: list[tuple[int, ...]]) -> None:
    left, level, expected = set(range(len(points))), 0, [0] * len(points)
    while left:
        best = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in best:
            expected[i] = level
        left, level = left - best, level + 1
    assert list(ranks(points)) == expected
    assert front(points) == [i for i, rank in enumerate(expected) if rank == 0]


@given(st.integers(1, 3).flatmap(point_sets))
@settings(max_examples=200, deadline=None)
def test_hypervolume_counts_the_dominated_cells(points: list[tuple[int, ...]]) -> None:
    reference = [6] * len(points[0])
    cells = itertools.product(range(6), repeat=len(reference))
    expected = sum(any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points) for cell in cells)
    assert hypervolume(points, reference) == pytest.approx(expected)


def test_hypervolume_of_nothing_is_zero() -> None:
    assert hypervolume([], [1, 1]) == 0
    assert hypervolume([[2, 2]], [1, 1]) == 0


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
