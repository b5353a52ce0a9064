"""A run on disk: whole records, one writer, damaged and full disks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from archsearch.analysis import Budget
from archsearch.runs.record import Record
from archsearch.runs.search import resume
from archsearch.runs.store import Store, StoreError, open_run
from archsearch.spaces.space import SpaceError
from archsearch.strategies import Evolution
from archsearch.trial import Failure, Objective, Trial, to_json
from tests.evaluators import Formula
from tests.runs import small_search, small_space, table


def test_a_run_whose_database_is_damaged_is_not_written(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=2).folder
    data = (folder / "run.db").read_bytes()
    (folder / "run.db").write_bytes(data.replace(b"CREATE TABLE trials", b"CREATE \xe7ABLE trials"))
    with pytest.raises(StoreError, match=r"^[^\n]*/run: [^\n]*; what was recorded stays readable"):
        Store(folder)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    record = small_search(tmp_path / "run", trials=2, budget=Budget(params=9_000, latency_ms=1000.5)).record
    assert Record.from_json(record.to_json()) == record
    assert open_run(tmp_path / "run").record == record


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "not valid JSON at line"),
        (lambda text: text.replace("archsearch.run/3", "archsearch.run/9"), 'expected an object of format "archsearch.run/3"'),
        (lambda text: text.replace('"seed": 0', '"seed": "0"'), '"seed" of the run must be a whole number of at least 0'),
        (lambda text: text.replace('"seed"', '"sed"'), 'the run has no "seed"'),
        (lambda text: text.replace('"params"', '"parms"'), "the budget has an unknown field 'parms'; did you mean params"),
        (lambda text: text.replace('"lookahead": 1', '"lookahead": 0'), '"lookahead" of the run must be a whole number of at least 1'),
        (lambda text: text.replace('"evolution"', '["evolution"]'), '"strategy" of the run must be a text'),
        (lambda text: text.replace('"timeout_s": null', '"timeout_s": -3'), '"timeout_s" of the run must be null or a number over 0'),
        (lambda text: "[]", 'expected an object of format "archsearch.run/3"'),
        (lambda text: text.replace('"error"', "3"), '"objectives" of the run must be a list of entries'),
    ],
)
def test_a_damaged_record_gets_one_clear_line(damage, message: str, tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=1)
    file = tmp_path / "run" / "run.json"
    file.write_text(damage(file.read_text()))
    with pytest.raises(StoreError, match=message) as caught:
        open_run(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_trial_that_is_renewed_keeps_nothing_of_before(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=2).folder
    before = open_run(folder)
    trial, seconds = before.trial(0), before.seconds[0]
    with contextlib.closing(Store(folder)) as store:
        store.add_test(0, {"error": 0.5})
        store.renew(replace(trial, curve=({"error": 0.3}, {"error": 0.2})), before.genotype(0), {}, 1.0, before=2)
        store.renew(replace(trial, curve=({"error": 0.1},)), before.genotype(0), {}, 1.0, before=2)
    after = open_run(folder)
    assert after.trial(0).curve == ({"error": 0.1},)
    assert 0 not in after.tests
    assert after.seconds[0] == pytest.approx(seconds + 2)


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no run: it has no readable run.json"):
        open_run(tmp_path)


def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=1)
    for file in (tmp_path / "run").glob("run.db-*"):
        file.unlink()
    (tmp_path / "run" / "run.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"run.db cannot be read: file is not a database"):
        _ = open_run(tmp_path / "run").trials


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE trials SET choices = '{'", "run.db is damaged: trial 0: not valid JSON"),
        ("UPDATE trials SET metrics = '[1]'", "trial 0: metrics must be numbers by name"),
        ('UPDATE trials SET metrics = \'{"error": "<b>"}\'', "trial 0: metrics must be numbers by name"),
        ("UPDATE trials SET objectives = '{\"a\": 1}'", "trial 0: objectives must be a list of finite numbers"),
        ("UPDATE trials SET objectives = NULL", "trial 0: neither result nor failure"),
        ("UPDATE trials SET objectives = NULL, failure = 'odd', message = 'x'", "trial 0: failure kind 'odd' is unknown"),
        ("UPDATE curves SET metrics = 'NaN'", "trial 0: NaN is not allowed"),
    ],
)
def test_damaged_rows_get_one_clear_line(change: str, message: str, tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=1)
    with sqlite3.connect(tmp_path / "run" / "run.db") as db:
        db.execute(change)
    db.close()
    with pytest.raises(StoreError, match=message) as caught:
        _ = open_run(tmp_path / "run").trials
    assert "\n" not in str(caught.value)


def test_only_one_process_writes_and_readers_do_not_wait(tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=3)
    holder = Store(tmp_path / "run")
    try:
        with pytest.raises(StoreError, match="is being written by process"):
            resume(tmp_path / "run", small_space(), Evolution(population=10, tournament=4), Formula(), trials=5)
        assert len(open_run(tmp_path / "run").trials) == 3
    finally:
        holder.close()
    resume(tmp_path / "run", small_space(), Evolution(population=10, tournament=4), Formula(), trials=5)
    assert len(open_run(tmp_path / "run").trials) == 5


def test_a_trial_is_recorded_whole_or_not_at_all(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=3)
    store = Store(run.folder)
    trial = replace(run.trials[0], number=3, curve=({"error": float("nan")},))
    with pytest.raises(ValueError, match="Out of range float values"):
        store.add(trial, run.genotype(0), {}, 1.0)
    with pytest.raises(StoreError, match=r"UNIQUE constraint failed: trials.number; what was recorded stays readable"):
        store.add(run.trials[0], run.genotype(0), {}, 1.0)
    store.close()
    assert open_run(run.folder).trials == run.trials


@pytest.mark.skipif(sys.platform != "linux", reason="fills a file system of Linux")
def test_a_full_disk_stops_with_a_clear_line_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from tests.runs import small_search; from archsearch.runs.store import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
        "try: small_search(Path(sys.argv[1]), trials=400)\n"
        "except StoreError as error: print(error); sys.exit(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "what was recorded stays readable" in done.stdout
    recorded = open_run(tmp_path / "run").trials
    assert len(recorded) >= 5
    resume(tmp_path / "run", small_space(), Evolution(population=10, tournament=4), Formula(), workers=0, trials=400)
    assert open_run(tmp_path / "run").trials[: len(recorded)] == recorded


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").is_dir(), reason="root writes everywhere")
def test_an_unwritable_place_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        small_search(tmp_path / "file" / "run")


def test_unknown_objective_words_and_failures_are_refused() -> None:
    with pytest.raises(ValueError, match="objective 'big:error' must be a metric's name"):
        Objective.parse("big:error")
    with pytest.raises(ValueError, match="failure kind 'odd' is unknown; known: out_of_memory"):
        Failure("odd", "x")  # type: ignore[arg-type]
    assert str(Objective.parse("max:accuracy")) == "max:accuracy"
    assert Objective.parse("memory").metric == "memory_bytes"


def test_metrics_that_are_not_finite_never_reach_the_disk() -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        to_json({"error": float("inf")})


def test_a_run_reads_as_a_table(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=6)
    frame = run.frame()
    assert list(frame["number"]) == list(range(6))
    assert list(frame["params"]) == [trial.metrics["params"] for trial in run.trials]
    assert set(frame.loc[frame["on_front"], "number"]) == {trial.number for trial in run.front()}


def test_a_space_that_changed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    source = (Path(__file__).parents[1] / "search_spaces" / "cell.py").read_text()
    file.write_text(source)
    from archsearch.spaces.space import load_space

    space = load_space(str(file), cells=1, channels=4, input=(1, 8, 8))
    small_search(tmp_path / "run", space=space, trials=2)
    file.write_text(source + "\n# changed\n")
    with pytest.raises(Exception, match="has changed since the run began"):
        resume(tmp_path / "run", space, Evolution(population=10, tournament=4), Formula())
    file.unlink()
    with pytest.raises(SpaceError, match="no file"):
        load_space(str(file))


def test_the_database_is_plain_sqlite_with_json(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=2)
    row = table(run.folder, "trials")[0]
    assert json.loads(row[1]) == run.trials[0].choices
    assert isinstance(run.trials[0], Trial)
    assert {path.name for path in run.folder.iterdir()} == {"run.json", "run.db", "run.lock", "weights"}
    store = Store(run.folder)
    with sqlite3.connect(run.folder / "run.db") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    store.close()


def test_a_run_is_read_whose_writer_was_killed_in_a_transaction(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=2)
    db = sqlite3.connect(run.folder / "run.db")
    db.execute("PRAGMA cache_size=1")  # what does not fit is written to the file before the end
    db.executemany("INSERT INTO timings VALUES (?, ?)", [(number, 1.0) for number in range(100, 2_000)])
    killed = shutil.copytree(run.folder, tmp_path / "killed")
    db.close()
    assert (killed / "run.db-journal").stat().st_size
    assert open_run(killed).seconds.keys() == {0, 1}
