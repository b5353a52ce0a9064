"""Whatever happens to a run, it goes on or stops with one line; its database stays whole, and nothing that was recorded is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from archsearch.exporters import export
from archsearch.runs.store import StoreError, open_run
from archsearch.trial import Trial
from tests.faults.kills import assert_sound, begun, belonging, ended, ended_run, planned, play, recorded, workers_of
from tests.runs import assert_same_run, small_search, table

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="plays with processes and disks as Linux has them"),
]
TRIALS = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert ended_run(folder, trials=TRIALS, workers=1) == (0, "")
    return folder


SLOWLY = {"trials": TRIALS, "seconds": 0.03}


def half(folder: Path, **options: Any) -> Path:
    """The same run, killed in its midst."""
    driver = begun(folder, **SLOWLY, workers=0, **options)
    wait_for(lambda: len(recorded(folder)) >= TRIALS // 3)
    driver.kill()
    driver.communicate()
    return folder


def assert_one_line(said: tuple[int, str], words: str) -> None:
    code, text = said
    assert (code, text.count("\n")) == (1, 1), text
    assert words in text


def assert_goes_on(folder: Path, whole: Path, **options: Any) -> None:
    assert ended_run(folder, **{"trials": TRIALS, **options}) == (0, "")
    assert_sound(folder)
    assert_same_run(folder, whole)


def test_kills_of_driver_and_worker_change_nothing(whole: Path, tmp_path: Path) -> None:
    assert play(tmp_path / "run", planned(0, 8, TRIALS), trials=TRIALS, workers=1, seconds=0.0) > 1
    assert_same_run(tmp_path / "run", whole)


def test_a_driver_of_ray_that_is_killed_leaves_nobody_at_work_and_its_run_goes_on_without(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason='needs Ray: pip install "archsearch[ray]"')
    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARK", mark)
    driver = begun(tmp_path / "run", **SLOWLY, workers=1, ray=True)
    wait_for(partial(has, tmp_path / "run", 5))
    driver.kill()
    driver.communicate()
    wait_for(lambda: all("Agent" in name for name in belonging(mark)))  # which Ray itself ends a minute later
    assert len(recorded(tmp_path / "run")) < TRIALS
    assert_goes_on(tmp_path / "run", whole, **SLOWLY)


def test_kills_with_two_workers_lose_no_trial_and_double_none(tmp_path: Path) -> None:
    play(tmp_path / "run", planned(2, 5, TRIALS), trials=TRIALS, workers=2, seconds=0.02)
    assert [trial.number for trial in open_run(tmp_path / "run").trials] == list(range(TRIALS))


def test_processes_that_are_stopped_for_a_while_go_on(whole: Path, tmp_path: Path) -> None:
    driver = begun(tmp_path / "run", trials=TRIALS, workers=1)
    for count, of_driver in ((2, False), (5, True)):
        wait_for(partial(has, tmp_path / "run", count))
        for pid in [driver.pid] if of_driver else workers_of(driver)[:1]:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.7)
            os.kill(pid, signal.SIGCONT)
    assert ended(driver) == (0, "")
    assert_same_run(tmp_path / "run", whole)


def has(folder: Path, count: int) -> bool:
    return len(recorded(folder)) >= count


def wait_for(is_so: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"not so after {seconds} s"
        time.sleep(0.02)


def test_a_clock_that_jumps_changes_nothing(whole: Path, tmp_path: Path) -> None:
    folder = half(tmp_path / "run", jumping=True)
    for path, when in zip(sorted(folder.iterdir()), (0, 4_000_000_000, 1_000, 2_000_000_000), strict=False):
        os.utime(path, (when, when))
    assert_goes_on(folder, whole, **SLOWLY, jumping=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here; tests/test_store.py fills one by a limit on files")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_stops_the_run_and_room_lets_it_go_on(whole: Path, disk: Path) -> None:
    assert_one_line(ended_run(disk / "run", trials=TRIALS, workers=0), "what was recorded stays readable: free space or rights")
    assert_sound(disk / "run")
    known = recorded(disk / "run")
    assert known == table(whole, "trials")[: len(known)]
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    assert_goes_on(disk / "run", whole)


def test_a_folder_that_cannot_be_written_is_read_and_resume_says_why(whole: Path, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    shutil.copytree(whole, disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert open_run(disk / "run").trials == tuple(replace(trial, run=disk / "run") for trial in open_run(whole).trials)
    assert_one_line(ended_run(disk / "run", trials=TRIALS + 5), "Read-only file system")
    assert_one_line(ended_run(disk / "new", trials=3), "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert ended_run(disk / "run", trials=TRIALS + 1) == (0, "")


def last_page(data: bytes) -> bytes:
    return data[:-4096] + bytes(range(256)) * 16


@pytest.mark.parametrize(
    "damage",
    [
        last_page,
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1000],
        lambda data: data[:100],
        lambda data: b"",
        lambda data: data[::-1],
    ],
    ids=["last page", "half", "cut", "head", "empty", "reversed"],
)
def test_a_damaged_database_is_refused_in_one_line_and_stays_as_it_is(
    damage: Callable[[bytes], bytes], whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    harmed = damage((folder / "run.db").read_bytes())
    (folder / "run.db").write_bytes(harmed)
    assert_one_line(ended_run(folder, trials=TRIALS + 5), "run.db")
    assert (folder / "run.db").read_bytes() == harmed
    with contextlib.suppress(StoreError):
        run = open_run(folder)
        assert all(isinstance(trial, Trial) for trial in run.trials)


@pytest.mark.parametrize("cut", [1, 5000])
def test_a_journal_of_a_killed_writer_that_is_cut_off_loses_nothing_that_was_whole(cut: int, whole: Path, tmp_path: Path) -> None:
    folder = half(tmp_path / "run")
    known, journal = recorded(Path(shutil.copytree(folder, tmp_path / "copy"))), folder / "run.db-wal"  # to read it clears the journal
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) - cut])
    (folder / "run.db-shm").unlink(missing_ok=True)
    rows = recorded(folder)
    assert rows == known[: len(rows)]
    assert len(rows) >= len(known) - 2
    assert_goes_on(folder, whole, **SLOWLY)


def test_evaluators_that_misbehave_fail_alone(tmp_path: Path) -> None:
    code, said = ended_run(tmp_path / "run", trials=8, workers=1, unruly=True, timeout_s=10.0)
    assert code == 0
    assert len(said) >= 10_000_000  # what an evaluator prints is passed on, to stderr
    assert_sound(tmp_path / "run")
    trials = open_run(tmp_path / "run").trials
    failures = {trial.number: trial.failure for trial in trials if trial.failure}
    assert {number: failure.kind for number, failure in failures.items()} == {1: "crashed", 2: "timeout", 5: "out_of_memory"}
    assert failures[1].message == "OddError: it cannot say what is wrong (RuntimeError)"
    assert len(trials[4].curve) == 1003
    assert len(trials) == 8


def test_an_export_that_was_killed_stands_in_nobodys_way(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=4)
    best = run.front()[0].number
    left = run.folder / "export" / f".trial-{best:04d}.0123abcd"
    left.mkdir(parents=True)
    (left / "model.py").write_text("half a fi")
    folder = export(run.genotype(best), run.folder / "export" / f"trial-{best:04d}")
    assert (folder / "model.py").read_text() != "half a fi"
    assert (folder / "genotype.json").is_file()
    with contextlib.closing(sqlite3.connect(run.folder / "run.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_limit_on_open_files_gets_one_line(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    driver = begun(tmp_path / "run", trials=30, workers=1, seconds=0.05)
    try:
        wait_for(lambda: len(recorded(tmp_path / "run")) > 2)
        resource.prlimit(driver.pid, resource.RLIMIT_NOFILE, (5, before[1]))
        for pid in workers_of(driver):
            os.kill(pid, signal.SIGKILL)
        said = ended(driver)
    finally:
        driver.kill()
    assert_one_line(said, "Too many open files")
    assert_sound(tmp_path / "run")
    assert ended_run(tmp_path / "run", trials=30, seconds=0.05) == (0, "")
