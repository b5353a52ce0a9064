"""One writer of a run: who comes second is told whom to wait for; nobody waits for readers, nor they for anybody."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from archsearch.runs.owner import FORMAT, Lock, Owner, owner_file, owner_of
from archsearch.runs.search import resume
from archsearch.runs.store import LockedError, Run, Store, open_run
from archsearch.strategies import Evolution
from archsearch.support.writing import write_text
from archsearch.trial import to_json
from tests.evaluators import Formula
from tests.runs import small_search, small_space, table
from tests.test_record import told

TREE = Path(__file__).parents[1]


def go_on(folder: Path, trials: int, seconds: float = 0.0) -> Run:
    return resume(folder, small_space(), Evolution(population=10, tournament=4), Formula(seconds), trials=trials)


def leave(folder: Path, owner: Owner) -> None:
    write_text(owner_file(folder), to_json({"format": FORMAT, **asdict(owner)}))


def test_who_comes_second_is_told_of_the_first(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=3).folder
    with closing(Store(folder)), pytest.raises(LockedError) as caught:
        go_on(folder, 5)
    words = str(caught.value)
    assert words.startswith(f"{folder} is being written by process {os.getpid()} on host {platform.node()} (since 2")
    assert words.endswith("wait for it, or end it")
    assert owner_of(folder) is None
    go_on(folder, 5)


def test_a_second_process_is_refused_while_the_first_is_stopped_and_goes_on_when_it_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killable", str(tmp_path / "run"), "400", "0.02", "0"]
    with subprocess.Popen(command, cwd=TREE) as first:
        try:
            until = time.monotonic() + 60
            while not (tmp_path / "run" / "run.json").is_file() or len(open_run(tmp_path / "run").trials) < 3:
                assert first.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            first.send_signal(signal.SIGSTOP)
            with pytest.raises(LockedError, match=rf"is being written by process {first.pid} on host {platform.node()} \(since"):
                go_on(tmp_path / "run", 500, seconds=0.02)
            seen = open_run(tmp_path / "run").trials  # a stopped writer stops no reader
            assert len(seen) >= 3
        finally:
            first.kill()
    note = owner_of(tmp_path / "run")
    assert note is not None
    assert (note.pid, note.is_here) == (first.pid, True)
    with closing(Store(tmp_path / "run")):
        assert open_run(tmp_path / "run").trials[: len(seen)] == seen


@pytest.mark.parametrize("note", ["", "{", "[]", '{"format": "archsearch.owner/1", "host": 3}', "x" * 5000, '{"format":"other"}'])
def test_a_note_that_is_none_stands_in_nobodys_way(note: str, tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=3).folder
    owner_file(folder).write_text(note)
    assert owner_of(folder) is None
    go_on(folder, 4)
    assert not owner_file(folder).exists()


def test_a_note_of_another_machine_holds_until_it_is_deleted(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=3).folder
    leave(folder, Owner("elsewhere", "of-another-kernel", 77, "2026-01-01 00:00:00 +0000"))
    words = rf"by process 77 on host elsewhere .*, which has not said that it ended; when it is no more, delete {folder}/run.owner$"
    with pytest.raises(LockedError, match=words):
        go_on(folder, 5)
    assert len(open_run(folder).trials) == 3
    owner_file(folder).unlink()
    go_on(folder, 5)
    assert len(open_run(folder).trials) == 5


def test_a_machine_that_was_started_again_or_a_container_on_it_goes_on(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=3).folder
    mine = Owner.here()
    leave(folder, replace(mine, boot="before the restart", pid=1))  # a number that some other process has now
    assert len(go_on(folder, 4).trials) == 4
    if mine.boot:
        leave(folder, replace(mine, host="another-container"))
        assert len(go_on(folder, 5).trials) == 5
    assert owner_of(folder) is None


def test_resume_says_who_was_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = ["search", "small_cell", "--evaluator", "table", "--strategy", "random", "--objective", "error", "--workers", "0", "-q"]
    told([*begin, "--trials", "3", "--out", str(tmp_path / "r")], capsys)
    leave(tmp_path / "r", replace(Owner.here(), pid=4321))
    assert f"process 4321 on host {platform.node()} (since 2" in told(["resume", str(tmp_path / "r"), "--trials", "4"], capsys)
    assert "did not end by itself" not in told(["resume", str(tmp_path / "r"), "--trials", "5"], capsys)


def test_only_its_own_note_is_removed(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    other = replace(Owner.here(), pid=os.getpid() + 1)
    leave(tmp_path, other)
    lock.close()
    assert owner_of(tmp_path) == other


def test_a_run_that_was_killed_goes_on_in_another_folder(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=6).folder
    whole = small_search(tmp_path / "whole", trials=10).folder
    leave(folder, replace(Owner.here(), pid=1))
    (tmp_path / "deeper").mkdir()
    moved = Path(shutil.move(folder, tmp_path / "deeper" / "moved"))
    go_on(moved, 10)
    assert table(moved, "trials") == table(whole, "trials")


def test_a_reader_in_the_middle_of_reading_delays_no_writer(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=4)
    store = Store(run.folder)
    with closing(sqlite3.connect(run.folder / "run.db")) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT COUNT(*) FROM trials").fetchone() == (4,)
        began = time.perf_counter()
        for number in range(4, 40):
            store.add(replace(run.trials[0], number=number), run.genotype(0), {}, 1.0)
        store.close()
        assert time.perf_counter() - began < 20  # thirty is what SQLite waits for a lock
        assert reader.execute("SELECT COUNT(*) FROM trials").fetchone() == (4,)
    assert len(open_run(run.folder).trials) == 40
