"""Runs beside each other: fronts and hypervolume against one reference, as brute force has them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from archsearch.figures.frame import MARGIN
from archsearch.pareto import dominates, hypervolume
from archsearch.report.side_by_side import Side, beside, data
from archsearch.trial import Objective

ERROR, MACS, ACCURACY = Objective("error"), Objective("macs"), Objective("accuracy", maximise=True)


def drawn(name: str, count: int, goals: tuple[Objective, ...] = (ERROR, MACS), seed: int = 0) -> Side:
    """A run of so many trials, every fifth of which failed."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(0.1, 1, (count, len(goals))) * 10.0 ** np.arange(len(goals))
    values = {number: tuple(map(float, row)) for number, row in enumerate(rows) if number % 5 != 4}
    return Side(name, goals, values, {number: float(rng.uniform(1, 100)) for number in range(count)})


@pytest.mark.parametrize("goals", [(ERROR,), (ERROR, MACS), (ERROR, MACS, ACCURACY)])
def test_fronts_and_shares_are_those_of_brute_force(goals: tuple[Objective, ...]) -> None:
    sides = [drawn("a", 40, goals), drawn("b", 25, goals, seed=1)]
    found = beside(sides)
    every = np.array([value for side in sides for value in side.values.values()])
    low, high = every.min(axis=0), every.max(axis=0)
    point = low + MARGIN * (high - low)
    np.testing.assert_allclose(found.reference, point)
    for side, course in zip(sides, found.courses, strict=True):
        best = [one for one in side.values if not any(dominates(other, side.values[one]) for other in side.values.values())]
        assert sorted(course.numbers[row] for row in course.front) == best
        for row in np.flatnonzero(np.isfinite(course.share)):
            until = [value for number, value in side.values.items() if number <= course.numbers[row]]
            whole = float(np.prod(point - low))
            assert course.share[row] == pytest.approx(hypervolume(np.array(until), point) / whole if until else 0.0)
        np.testing.assert_allclose(course.hours, np.cumsum(list(side.seconds.values())) / 3600)
        assert np.isfinite(course.share[-1])


def test_only_what_all_search_for_is_compared() -> None:
    found = beside([drawn("a", 10, (ERROR, MACS, ACCURACY)), drawn("b", 10, (ACCURACY, ERROR))])
    assert found.objectives == (ERROR, ACCURACY)
    told = data(found)
    assert told["heads"] == ["Run", "Trials", "Best Error", "Best Accuracy", "On the front", "Hypervolume", "Time"]
    assert all(value <= 0 for value in told["courses"][0]["front"]["values"][1]), "a metric to be maximised is shown as it was measured"
    nothing = data(beside([drawn("a", 5, (ERROR,)), drawn("b", 5, (MACS,))]))
    assert "no objective in common" in nothing["notes"]["line"]
    assert [len(course["front"]["number"]) for course in nothing["courses"]] == [0, 0]


def test_runs_without_trials_or_results_are_beside_each_other_too() -> None:
    failed = Side("failed", (ERROR, MACS), {}, {0: 1.0, 1: 2.0})
    empty = Side("empty", (ERROR, MACS), {}, {})
    told = data(beside([failed, empty]))
    assert "None of them has a result yet" in told["notes"]["line"]
    assert [row[1] for row in told["rows"]] == ["2", "0"]
    mixed = data(beside([failed, drawn("good", 6), empty]))
    assert [len(course["front"]["number"]) > 0 for course in mixed["courses"]] == [False, True, False]
    json.dumps(mixed, allow_nan=False)


def test_a_single_result_has_a_box() -> None:
    told = data(beside([Side("one", (ERROR, MACS), {3: (0.5, 100.0)}, {3: 7.0})]))
    assert told["courses"][0]["growth"] == {"trials": [1], "hours": [7 / 3600], "share": [1.0]}
    assert "reference point 10% beyond the worst" in told["notes"]["hypervolume"]
