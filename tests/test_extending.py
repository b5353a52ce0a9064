"""Runs that go on with more trials, other limits or more objectives, and what of that is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from archsearch.analysis import Budget
from archsearch.fidelity import Fidelity
from archsearch.pareto import dominates
from archsearch.runs.extension import Extension, extensions
from archsearch.runs.proposal import SearchError
from archsearch.runs.search import resume
from archsearch.runs.store import Run, open_run
from archsearch.strategies import Evolution, Nsga2, Strategy
from archsearch.trial import Objective
from tests.evaluators import Formula
from tests.runs import StoppedError, assert_same_run, small_search, small_space, stopping, table
from tests.test_record import told

MACS, ERROR, PARAMS = Objective("macs"), Objective("error"), Objective("params")


@dataclass(frozen=True)
class Timing(Formula):
    """Measures latency where somebody asks for it."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("error", "latency_ms")


def extended(folder: Path, evaluator: Formula | None = None, **options: Any) -> Run:
    return resume(folder, small_space(), Evolution(population=10, tournament=4), evaluator or Formula(), **options)


def test_more_objectives_value_all_trials_by_what_was_recorded(tmp_path: Path) -> None:
    before = small_search(tmp_path / "run", trials=12)
    run = extended(before.folder, objectives=("macs", "max:memory"))
    assert run.record.objectives == (ERROR, PARAMS, MACS, Objective("memory_bytes", maximise=True))
    for trial in run.trials:
        costs = trial.metrics
        assert trial.values == (costs["error"], costs["params"], costs["macs"], -costs["memory_bytes"])
    assert [json.loads(row[5]) for row in table(run.folder, "trials")] == [list(trial.values or ()) for trial in run.trials]
    good = {trial.number for trial in run.trials if not any(dominates(other.values or (), trial.values or ()) for other in run.trials)}
    assert {trial.number for trial in run.front()} == good > {trial.number for trial in before.front()}
    assert run.record.extended == (Extension(12, 12, before.record.objectives, before.record.budget),)


def test_a_cost_that_was_not_recorded_is_computed(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=6)
    wanted = [trial.metrics["macs"] for trial in run.trials]
    with closing(sqlite3.connect(run.folder / "run.db")) as db, db:
        db.execute("UPDATE trials SET metrics = json_remove(metrics, '$.macs') WHERE number < 4")
    run = extended(run.folder, objectives=["macs"])
    assert [trial.metrics["macs"] for trial in run.trials] == wanted == [(trial.values or ())[2] for trial in run.trials]


def test_limits_hold_from_now_on_and_the_front_keeps_them(tmp_path: Path) -> None:
    before = small_search(tmp_path / "run", trials=15, budget=Budget(params=20_000))
    limit = sorted(trial.metrics["params"] for trial in before.trials)[5]
    run = extended(before.folder, trials=25, budget=Budget(params=int(limit)))
    assert run.trials[:15] == before.trials
    assert max(trial.metrics["params"] for trial in run.trials[15:]) <= limit < max(trial.metrics["params"] for trial in run.trials)
    assert max(trial.metrics["params"] for trial in run.front()) <= limit
    wide = extended(before.folder, trials=40, budget=Budget())
    assert {trial.number for trial in before.front()} & {trial.number for trial in wide.front()}
    assert [step.trial for step in wide.record.extended] == [15, 25]
    assert [step.budget for step in wide.record.extended] == [Budget(params=20_000), Budget(params=int(limit))]


@pytest.mark.parametrize(("strategy", "workers"), [(partial(Evolution, 5, 3), 0), (partial(Nsga2, 5), 2)])
def test_an_extended_run_that_is_stopped_goes_on_exactly(strategy: Callable[[], Strategy], workers: int, tmp_path: Path) -> None:
    small_search(tmp_path / "whole", strategy(), trials=12, workers=workers)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    wish = {"trials": 24, "budget": Budget(params=8_000), "objectives": ["macs"]}
    resume(tmp_path / "whole", small_space(), strategy(), Formula(), **wish)
    with pytest.raises(StoppedError, match="stopped by the test"):
        resume(tmp_path / "parts", small_space(), strategy(), Formula(), **wish, progress=stopping(20))
    assert 12 <= len(open_run(tmp_path / "parts").trials) < 24
    resume(tmp_path / "parts", small_space(), strategy(), Formula(), **wish)  # the same command again
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert open_run(tmp_path / "parts").record.extended == open_run(tmp_path / "whole").record.extended
    assert len(open_run(tmp_path / "whole").record.extended) == 1


def test_what_is_over_a_narrower_budget_climbs_no_further(tmp_path: Path) -> None:
    options: dict[str, Any] = {"fidelity": Fidelity("batch", (2.0, 4.0, 8.0)), "budget": Budget(params=20_000)}
    before = small_search(tmp_path / "run", trials=12, **options)
    limit = sorted(trial.metrics["params"] for trial in before.trials)[3]
    run = extended(before.folder, trials=30, budget=Budget(params=int(limit)), objectives=["macs"])
    new = run.steps[len(before.steps) :]
    assert {placed.trial.rung for placed in new} == {0, 1, 2}
    assert all(placed.trial.metrics["params"] <= limit for placed in new)
    assert all(len(placed.trial.values or ()) == 3 for placed in run.steps)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"objectives": ["latency"]}, "latency_ms cannot be had: it was not measured of trials 0, 1, 2, 3, 4 and 1 more; begin a new run"),
        ({"objectives": ["accuracy"]}, r"objective 'accuracy' is not measured; give error"),
        ({"objectives": ["max:params"]}, "the run began with objective params, now given max:params"),
        ({"budget": Budget(latency_ms=3.0)}, "latency_ms cannot be had: it was not measured"),
        ({"trials": 5}, "the run is to have 6 trials, now given 5; give as many or more"),
    ],
)
def test_what_cannot_be_had_is_named_and_nothing_changes(wish: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", evaluator=Timing(), trials=6).folder
    before = [(folder / "run.json").read_bytes(), table(folder, "trials")]
    with pytest.raises(SearchError, match=words) as caught:
        extended(folder, Timing(), **{"trials": 9, **wish})
    assert "\n" not in str(caught.value)
    assert [(folder / "run.json").read_bytes(), table(folder, "trials")] == before
    assert extended(folder, Timing(), trials=8).trials[:6] == open_run(folder).trials[:6]  # nobody holds it


def test_a_limit_that_was_there_asks_nothing_of_the_trials_before(tmp_path: Path) -> None:
    before = small_search(tmp_path / "run", trials=4, budget=Budget(params=20_000, latency_ms=5.0))
    assert "latency_ms" not in before.trials[0].metrics
    assert len(extended(before.folder, trials=6, budget=Budget(params=19_000, latency_ms=5.0)).trials) == 6


def test_the_command_line_extends_and_lifts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = ["search", "small_cell", "--evaluator", "table", "--strategy", "nsga2", "--objective", "error", "--max-params", "3k"]
    told([*begin, "--trials", "6", "--workers", "0", "-q", "--out", str(tmp_path / "r")], capsys)
    told(
        ["resume", str(tmp_path / "r"), "--objective", "params,macs", "--max-params", "none", "--max-macs", "50k", "--trials", "9", "-q"],
        capsys,
    )
    for setting in ("--seed", "--set", "--strategy-set", "--timeout"):
        assert f"No such option: {setting}" in told(["resume", str(tmp_path / "r"), setting, "3"], capsys, 2)
    record = open_run(tmp_path / "r").record
    assert (record.trials, record.budget, record.objectives) == (9, Budget(macs=50_000), (ERROR, PARAMS, MACS))
    assert record.extended == (Extension(6, 6, (ERROR,), Budget(params=3_000)),)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([{"trial": 3}], 'an extension has no "'),
        (
            [{"trial": 0, "trials": 3, "objectives": ["error"], "budget": {}}],
            '"trial" of an extension must be a whole number',
        ),
        ([{"trial": 3, "trials": 3, "objectives": ["error"], "budget": {}}] * 2, '"extended" must rise from trial to trial'),
        ([{"trial": 3, "trials": 3, "objectives": ["a b"], "budget": {}}], "objective 'a b' must be"),
    ],
)
def test_damaged_extensions_get_one_line(data: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        extensions(data)
