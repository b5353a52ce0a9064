"""A run that is followed is known as one that is read whole, whatever was read between; and who follows is in nobody's way."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from archsearch.fidelity import Fidelity
from archsearch.live.standing import MOST_GOING, MOST_NUMBERS, going
from archsearch.runs.following import FRESH_NS, Follower, Going, Growth, some_trials
from archsearch.runs.search import resume
from archsearch.runs.standing import Standing
from archsearch.runs.store import Run, Store, StoreError, connect, open_run
from archsearch.strategies import Evolution, GraphGP
from archsearch.trial import Failure, Trial
from tests.evaluators import Failing, Formula
from tests.runs import small_search, small_space


def settle(folder: Path) -> None:
    """Make the files older than they are, as if nothing had been written for a while."""
    past = time.time() - 10 * FRESH_NS / 1e9
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, (past, past))


def assert_knows(follower: Follower, run: Run) -> None:
    assert follower.seconds == run.seconds
    assert follower.front() == [trial.number for trial in run.front()]
    assert follower.failed == {trial.number for trial in run.trials if trial.failure}
    assert follower.values == {trial.number: trial.values for trial in run.trials if trial.values and trial.rung == run.record.top}
    assert follower.refusals == run.refusals
    assert {number: json.loads(text) for number, text in follower.tests.items()} == run.tests
    assert {number: json.loads(text) for number, text in follower.notes.items()} == run.notes


KINDS = {
    "plain": {},
    "strategy that says something": {"strategy": GraphGP(breadth=8), "trials": 24},
    "rungs": {"fidelity": Fidelity("seconds", (0.0001, 0.0002, 0.0004)), "evaluator": Formula(seconds=0.0004), "trials": 20},
    "failures": {"evaluator": Failing(), "trials": 12, "workers": 2, "timeout_s": 3.0},
}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "failures")) for kind in KINDS])
def test_who_looks_all_along_knows_what_a_reader_of_the_whole_does(kind: str, tmp_path: Path) -> None:
    follower, told = Follower(tmp_path / "run"), dict[int, int]()

    def look(at: Standing) -> None:
        growth = follower.look()
        for number in growth.trials if growth else ():
            told[number] = told.get(number, 0) + 1
        assert follower.held
        assert follower.state == "running"

    run = small_search(tmp_path / "run", progress=look, **{"trials": 30, **KINDS[kind]})
    last = follower.look()
    assert_knows(follower, run)
    assert told.keys() | set(last.trials if last else ()) == run.seconds.keys()
    assert some_trials(run, run.seconds) == list(run.trials)
    assert some_trials(run, [3, 1, 999]) == [run.trial(1), run.trial(3)]
    assert follower.state == "done"
    assert not (run.folder / "run.db-wal").exists(), "the writer could not close as it wants to"
    if kind == "plain":
        assert all(count == 1 + (number in run.tests and count > 1) for number, count in told.items())


def test_what_is_tried_again_is_new_again(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=6)
    follower = Follower(run.folder)
    assert follower.look() == Growth(tuple(range(6)))
    first = run.trial(2)
    store = Store(run.folder)
    store.renew(Trial(2, first.choices, first.fingerprint, {}, None, Failure("crashed", "x")), run.genotype(2), {}, 0.25)
    store.close()
    assert follower.look() == Growth((2,))
    assert_knows(follower, open_run(run.folder))
    resume(run.folder, small_space(), Evolution(population=10, tournament=4), Formula(), retry_failed=True)
    assert 2 in (follower.look() or Growth()).trials
    assert_knows(follower, open_run(run.folder))


def test_what_is_being_trained_is_known_until_it_is_recorded(tmp_path: Path) -> None:
    run, steps = small_search(tmp_path / "run", trials=4), ({"error": 0.5}, {"error": 0.25, "loss": 1.0})
    follower, store = Follower(run.folder), Store(run.folder)
    for place, step in enumerate(steps):
        store.report(5, place, step)
    follower.look()
    assert follower.under_way == {5: Going(0, steps)}
    first = run.trial(0)
    store.add(Trial(5, first.choices, "0" * 32, first.metrics, first.values, curve=steps), run.genotype(0), {}, 1.0)
    store.report(4, 0, steps[0])
    follower.look()
    assert follower.under_way == {4: Going(0, steps[:1])}
    assert going(follower) == {"4": {"first": 0, "curves": {"error": [0.5]}}}
    store.close()
    follower.look()
    assert follower.under_way == going(follower) == {}, "nobody trains it"


def test_what_trains_on_for_a_further_rung_is_known_by_what_came_since(tmp_path: Path) -> None:
    fidelity = Fidelity("seconds", (0.0001, 0.0002))
    run = small_search(tmp_path / "run", trials=8, fidelity=fidelity, evaluator=Formula(seconds=0.0002))
    trial = next(trial for trial in run.trials if trial.rung == 0)
    follower, store, before = Follower(run.folder), Store(run.folder), len(trial.curve)
    store.report(trial.number, before, {"error": 0.125})
    follower.look()
    assert follower.under_way == {trial.number: Going(before, ({"error": 0.125},))}
    assert some_trials(run, [trial.number]) == [trial], "it is no result"
    store.close()


def test_long_curves_of_many_are_cut_to_what_came_last(tmp_path: Path) -> None:
    follower = Follower(tmp_path, held=True)
    follower.under_way = {number: Going(0, tuple({"error": epoch / 300, "loss": 1.0} for epoch in range(300))) for number in range(20)}
    told = going(follower)
    assert list(told) == [str(number) for number in range(MOST_GOING)]
    assert sum(len(curve) for each in told.values() for curve in each["curves"].values()) <= MOST_NUMBERS
    assert told["3"]["first"] + len(told["3"]["curves"]["error"]) == 300


def test_nothing_is_read_where_nothing_was_written(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=4)
    settle(run.folder)
    follower = Follower(run.folder)
    assert follower.look() is not None
    (run.folder / "run.db").chmod(0)
    assert follower.look() is None
    assert follower.look() is None


def test_what_is_written_within_a_tick_of_the_clock_is_found(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=3)
    follower, db = Follower(run.folder), connect(run.folder / "run.db")
    now = time.time_ns()
    for seconds in (1.0, 2.0, 3.0):
        with db:
            db.execute("UPDATE timings SET seconds = ? WHERE trial = 1", (seconds,))
        for path in run.folder.glob("run.db*"):
            os.utime(path, ns=(now, now))  # a clock that stands still
        growth = follower.look()
        assert growth is not None
        assert 1 in growth.trials
    db.close()


def test_another_run_is_told_from_the_one_before(tmp_path: Path) -> None:
    first, second = small_search(tmp_path / "a", trials=5), small_search(tmp_path / "b", trials=7, seed=1)
    follower = Follower(first.folder)
    follower.look()
    shutil.rmtree(first.folder)
    with pytest.raises(StoreError, match="no run, or not yet one"):
        follower.look()
    second.folder.rename(first.folder)
    growth = follower.look()
    assert growth == Growth(tuple(range(7)), another=True)
    assert_knows(follower, open_run(first.folder))


def test_a_run_of_an_earlier_version_is_followed(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=4)
    db = sqlite3.connect(run.folder / "run.db")
    for table in ("notes", "rungs"):
        db.execute(f"DROP TABLE {table}")
    db.commit()
    db.close()
    follower = Follower(run.folder)
    assert follower.look() == Growth(tuple(range(4)))
    assert_knows(follower, open_run(run.folder))


@pytest.mark.parametrize("change", ["trial = -1", "seconds = 'x'", "seconds = 1e999", "seconds = x'00'"])
def test_damage_gets_one_line(tmp_path: Path, change: str) -> None:
    run = small_search(tmp_path / "run", trials=3)
    db = sqlite3.connect(run.folder / "run.db")
    db.execute(f"UPDATE timings SET {change} WHERE trial = 1")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match=r"run\.db is damaged") as caught:
        Follower(run.folder).look()
    assert len(str(caught.value).splitlines()) == 1
