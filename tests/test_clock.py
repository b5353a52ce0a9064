"""Time left, by numbers; what a run says of itself while it goes on."""

from __future__ import annotations

import os
import re
import subprocess
import time
from heapq import heappop, heappush
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch import load_space, search
from archsearch.cli.timing import GAP, duration, fitted, timing
from archsearch.cli.utilisation import Utilisation
from archsearch.evaluators.train import Train
from archsearch.fidelity import Fidelity
from archsearch.runs.clock import Clock, Running, seconds_left
from archsearch.runs.standing import Standing
from archsearch.runs.store import open_run
from archsearch.strategies import Random
from tests.warm import run_python

TREE = Path(__file__).parents[1]


def test_nothing_is_known_before_an_epoch_or_a_trial() -> None:
    assert seconds_left(None, 1, 4, []) is None
    assert seconds_left(None, 1, 4, [Running(0, 3.0)]) is None


def test_how_busy_workers_were_is_the_time_of_evaluations_over_that_of_all_workers() -> None:
    clock = Clock(workers=2)
    assert clock.busy is None
    clock.hear(0, 0)
    time.sleep(0.2)
    assert clock.busy == pytest.approx(0.5, abs=0.05)  # one of two
    clock.hear(1, 0)
    time.sleep(0.2)
    clock.end(0, None)
    clock.end(0, 0.4)  # told again with the seconds that it says itself
    assert clock.busy == pytest.approx(0.75, abs=0.05)


def test_a_search_says_how_busy_its_workers_and_the_gpu_were(tmp_path: Path) -> None:
    at = Standing(4, 4, (0.1,), 1, 0, 0, elapsed=754, busy=0.943)
    seen = Utilisation()
    assert seen.words() == ""
    seen.through(lambda at: None)(at)
    assert seen.words() == "workers were busy 94 % of 12:34"
    with (tmp_path / "samples").open("wb+") as file:  # as nvidia-smi writes them
        file.write(b"90, 1200\n[N/A], 1200\n70, 81000\n5")
        file.flush()
        assert (
            Utilisation(file.fileno(), at).words()
            == "workers were busy 94 % of 12:34, the GPU 80 %; of its memory 84.9 GB were in use at most"
        )


@pytest.mark.parametrize(
    ("mean", "workers", "waiting", "running", "left"),
    [
        (10, 1, 3, [], 30),
        (10, 2, 3, [], 20),
        (10, 0, 3, [], 30),
        (10, 1, 2, [Running(0, 4)], 26),
        (10, 1, 2, [Running(0, 14)], 20),
        (None, 1, 3, [Running(0, 4, 1, 5, 3.0, 1)], 11 + 45),
        (10, 1, 0, [Running(0, 4, 1, 5, 3.0, 1)], 11),
        (10, 2, 10, [Running(0, 0, 0, 5, None), Running(1, 5, 1, 25, 4.0, 0)], 106),
        (10, 2, 2, [Running(0, 4, usual=30.0)], 26),
        (0, 1, 5, [], 0),
    ],
)
def test_time_left_by_numbers(mean: float | None, workers: int, waiting: int, running: list[Running], left: float) -> None:
    assert seconds_left(mean, workers, waiting, running) == pytest.approx(left)


@given(st.integers(1, 6), st.integers(0, 60), st.lists(st.floats(0, 80), max_size=6), st.floats(0.5, 20))
def test_time_left_is_that_of_workers_who_take_one_after_the_other(workers: int, waiting: int, rests: list[float], mean: float) -> None:
    running = [Running(trial, 0.0, 0, 1, rest) for trial, rest in enumerate(rests[:workers])]
    free = sorted([*rests[:workers], *[0.0] * (workers - len(running))])
    for _ in range(waiting):
        heappush(free, heappop(free) + mean)
    assert seconds_left(mean, workers, waiting, running) == pytest.approx(max(free))


def test_the_first_trial_of_a_worker_says_least() -> None:
    clock = Clock(1)
    clock.end(0, 9.0)
    assert clock.left([3]) == pytest.approx(27)
    clock.end(1, 2.0)
    clock.end(2, 4.0)
    assert clock.left([3]) == pytest.approx(9)


def test_rungs_to_come_take_so_much_longer_until_they_are_measured() -> None:
    clock = Clock(1, costs=Fidelity("epochs", (1, 3, 9)).costs)
    assert clock.costs == (1, 2, 6)
    assert clock.left([9, 3, 1]) is None
    for trial in range(3):
        clock.end(trial, 2.0)
    assert clock.left([6, 3, 1]) == pytest.approx(6 * 2 + 3 * 4 + 12)
    clock.end(0, 5.0, 1)
    assert clock.left([6, 2, 1]) == pytest.approx(6 * 2 + 2 * 5 + 15)
    clock.hear(1, 0, rung=2)
    assert clock.left([6, 2, 0]) == pytest.approx(6 * 2 + 2 * 5 + 15, abs=0.1)


@pytest.mark.slow
def test_a_run_on_rungs_foretells_those_above(tmp_path: Path) -> None:
    told: list[Standing] = []
    evaluator = Train(epochs=4)
    search(
        load_space("small_cell"),
        Random(),
        evaluator,
        trials=9,
        out=tmp_path / "run",
        fidelity=Fidelity("epochs", (1, 4, 16)),
        progress=told.append,
    )
    early = next(at for at in told if at.done == 2 and at.left)
    assert early.left is not None
    assert told[-1].elapsed / 3 < early.elapsed + early.left < 3 * told[-1].elapsed


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_tells_epochs_within_a_trial_and_time_left(tmp_path: Path, workers: int) -> None:
    told: list[Standing] = []
    search(load_space("small_cell"), Random(), Train(epochs=3), trials=2, workers=workers, out=tmp_path / "run", progress=told.append)
    first = [at for at in told if at.done == 0 and at.running]
    assert [at.running[0].epochs for at in first] == [0, 1, 2, 3]
    assert {(at.running[0].trial, at.running[0].of, len(at.running)) for at in first} == {(0, 3, 1)}
    assert [at.left is not None for at in first] == [False, False, True, True]
    assert all(at.left is not None for at in told if at.done == 1)
    assert [at.running[0].trial for at in told if at.testing]
    assert told[0].elapsed < told[-1].elapsed


def test_durations_in_words() -> None:
    assert [duration(seconds) for seconds in (0, 59.4, 59.6, 3599, 3661, 90061)] == [
        "0:00",
        "0:59",
        "1:00",
        "59:59",
        "1:01:01",
        "1 d 01:01 h",
    ]
    assert (timing(7, None), timing(7, 61)) == ("0:07", "0:07, 1:01 left")


@given(st.lists(st.text("abc ", min_size=1, max_size=9).map(str.strip).filter(bool), max_size=6), st.integers(0, 60))
def test_a_line_loses_whole_pieces_alone(pieces: list[str], room: int) -> None:
    text = GAP.join(" ".join(piece.split()) for piece in pieces)
    found = fitted(text, room)
    assert len(found) <= room
    assert found == text or len(text) > room
    assert not found or set(found.split(GAP)) <= set(text.split(GAP))


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_python(str(TREE / "cli.py"), *arguments, cwd=folder)


def test_a_search_says_what_it_will_do_and_how_long(tmp_path: Path) -> None:
    options = [
        "--trials",
        "2",
        "--max-params",
        "50k",
        "--strategy",
        "random",
        "--device",
        "auto",
        "--evaluator-set",
        "epochs=2",
        "--out",
        "x",
    ]
    done = ran(tmp_path, "search", "small_cell", *options)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    device = open_run(tmp_path / "x").record.evaluator_options["device"]
    assert device in ("cpu", "cuda")
    assert said[:5] == [
        "search     small_cell, 2 trials, 1 worker, seed 0, into x",
        "strategy   random",
        "objectives error, macs; at most 50 k params",
        "data       digits, 10 classes of 1x8x8: 1,079 training, 359 validation, 359 test",
        f"evaluator  train epochs=2 batch=64 optimizer=adamw lr=0.02, on {device}",
    ]
    assert re.fullmatch(r"takes about \d+:\d\d", said[5])
    assert re.fullmatch(r"2/2  best error \S+%  front \d  refused \d+  \d+:\d\d", said[6])


def test_a_device_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    done = ran(tmp_path, "search", "small_cell", "--evaluator", "table", "--device", "cpu", "--out", "x")
    assert (done.returncode, done.stderr) == (2, "archsearch: evaluator 'table' has no option device; leave --device out\n")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [str(TREE / "cli.py"), "search", "small_cell", "--device", "cuda", "--out", "x"]
    none = run_python(*command, cwd=tmp_path, env=environment)
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)
    assert "device='cuda' is asked for, but torch sees none; use device='cpu' or 'auto'" in none.stderr
    assert not list(tmp_path.iterdir())
