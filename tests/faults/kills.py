"""Kills at random moments, by a list that can be played again: `python -m tests.faults.kills FOLDER --seed 0`."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.runs.store import open_run
from tests.runs import assert_same_run, table

TREE = Path(__file__).parents[2]
PATIENCE = 120


class Kill(NamedTuple):
    """Who is killed, and so long after so many further trials were recorded since the last time."""

    who: str
    trials: int
    seconds: float


def planned(seed: int, kills: int, trials: int) -> list[Kill]:
    """As many kills of driver and workers as asked for, spread over a run of so many trials.

    A worker that is killed has worked: three in a row that die while they start end a search, with one line.
    """
    moments, apart = random.Random(seed), max(1, 2 * trials // kills - 3)
    whose = [moments.choice(("driver", "worker")) for _ in range(kills)]
    return [Kill(who, moments.randint(int(who == "worker"), apart), moments.uniform(0, 0.05)) for who in whose]


def begun(folder: Path, **options: Any) -> subprocess.Popen[str]:
    """A driver, with what it says on stderr."""
    command = [sys.executable, "-P", "-m", "tests.faults.driver", str(folder), json.dumps(options)]
    return subprocess.Popen(command, cwd=TREE, env={**os.environ, "PYTHONPATH": str(TREE)}, stderr=subprocess.PIPE, text=True)


def ended(driver: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and stderr of a driver that comes to its end by itself."""
    _, said = driver.communicate(timeout=PATIENCE)
    return driver.returncode, said


def workers_of(driver: subprocess.Popen[str]) -> list[int]:
    """Processes that a driver started, those that help Python itself left out."""
    found = []
    for name in Path(f"/proc/{driver.pid}/task/{driver.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if "spawn_main" in Path(f"/proc/{name}/cmdline").read_text():
                found.append(int(name))
    return found


def belonging(mark: str) -> list[str]:
    """Processes that have a mark in their environment, by what they were called with."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100])
        except OSError:
            continue
    return found


def recorded(folder: Path) -> list[tuple[Any, ...]]:
    """Rows of the trials so far, none before the run has begun."""
    return table(folder, "trials") if (folder / "run.json").is_file() else []


def play(folder: Path, kills: Sequence[Kill], **options: Any) -> int:
    """Search, kill by the list, go on after every kill of the driver, and return how many kills there were before the run was complete."""
    driver, done, known = begun(folder, **options), 0, recorded(folder)
    for kill in kills:
        wanted, until = len(recorded(folder)) + kill.trials, time.monotonic() + PATIENCE
        while driver.poll() is None and len(recorded(folder)) < wanted:
            assert time.monotonic() < until, f"nothing was recorded for {PATIENCE} s"
            time.sleep(0.02)
        time.sleep(kill.seconds)
        if driver.poll() is not None:
            break
        targets = [driver.pid] if kill.who == "driver" else workers_of(driver)
        for pid in targets[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                done += 1
        if kill.who == "driver":
            driver.communicate(timeout=PATIENCE)
            assert_sound(folder, known)
            known = recorded(folder)
            driver = begun(folder, **options)
    code, said = ended(driver)
    assert (code, said) == (0, ""), said
    assert_sound(folder, known)
    return done


def assert_sound(folder: Path, known: Sequence[tuple[Any, ...]] = ()) -> None:
    """The database is whole, what was known is still there, and every trial is there once."""
    if not (folder / "run.json").is_file():
        return
    with contextlib.closing(sqlite3.connect(folder / "run.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = recorded(folder)
    assert set(known) <= set(rows), "a recorded trial is gone or has changed"
    prints = [trial.fingerprint for trial in open_run(folder).trials]
    assert len(set(prints)) == len(prints), "a network was evaluated twice"


def main() -> None:
    """Kill and compare with an undisturbed run; prints the counts."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--trials", type=int, default=500)
    options = parser.parse_args()
    began, how = time.monotonic(), {"trials": options.trials, "workers": 1, "seconds": 0.06}
    code, said = ended_run(options.folder / "whole", **how)
    assert (code, said) == (0, ""), said
    done = play(options.folder / "killed", planned(options.seed, options.kills, options.trials), **how)
    assert_same_run(options.folder / "whole", options.folder / "killed")
    found = open_run(options.folder / "killed").trials
    took = time.monotonic() - began
    print(f"seed {options.seed}: {done} kills, {len(found)} distinct trials, the same tables as undisturbed; {took:.0f} s")


def ended_run(folder: Path, **options: Any) -> tuple[int, str]:
    """A whole run, however long it takes."""
    driver = begun(folder, **options)
    _, said = driver.communicate()
    return driver.returncode, said


if __name__ == "__main__":
    main()
