"""Executors: one contract, and what the supervisor does with workers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from archsearch.evaluators.base import Candidate, EvaluatorError, free_of, needs_of, place_of
from archsearch.evaluators.train import Train
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Flatten, GlobalAvgPool2d, Linear
from archsearch.runs.endings import died
from archsearch.runs.executor import Executor, ExecutorError, Inline, Outcome
from archsearch.runs.processes import Processes
from archsearch.runs.room import Room
from archsearch.spaces.space import load_space
from archsearch.support.threads import one_thread_each
from tests.evaluators import Deadly, Failing, Formula, Sharing, Stillborn, Talking
from tests.runs import small_space

EXECUTORS = {"inline": Inline, "one process": lambda e: Processes(e, 1), "two processes": lambda e: Processes(e, 2)}


def candidate(number: int, tmp_path: Path) -> Candidate:
    genotype: Genotype = small_space().sample(np.random.default_rng(number)).genotype
    return Candidate(number, genotype, seed=number, weights=tmp_path / f"{number}.weights")


def gather(executor: Executor, count: int) -> dict[int, Outcome]:
    try:
        return {outcome.trial: outcome for outcome in (executor.wait() for _ in range(count))}
    finally:
        executor.close()


@pytest.mark.parametrize("name", EXECUTORS)
def test_all_executors_give_the_same_outcomes(name: str, tmp_path: Path) -> None:
    executor = EXECUTORS[name](Formula())
    for number in range(6):
        executor.submit(candidate(number, tmp_path))
    outcomes = gather(executor, 6)
    here = Inline(Formula())
    for number in range(6):
        here.submit(candidate(number, tmp_path))
        expected = here.wait()
        assert (outcomes[number].metrics, outcomes[number].curve) == (expected.metrics, expected.curve)
        assert len(expected.curve) == 3


@pytest.mark.parametrize("name", EXECUTORS)
def test_weights_are_tested_where_they_were_trained(name: str, tmp_path: Path) -> None:
    executor = EXECUTORS[name](Formula())
    executor.submit(candidate(4, tmp_path))
    assert executor.wait().failure is None
    executor.submit(candidate(4, tmp_path), "test")
    assert gather(executor, 1)[4].metrics == {"error": 4.0}


@pytest.mark.parametrize("make", [lambda stop: Inline(Formula(), stop), lambda stop: Processes(Formula(), 1, stopper=stop)])
def test_a_stopper_ends_an_evaluation_early(make, tmp_path: Path) -> None:
    executor = make(lambda trial, epoch, metrics: epoch == 1)
    executor.submit(candidate(0, tmp_path))
    assert len(gather(executor, 1)[0].curve) == 2


def test_a_late_worker_is_replaced_and_the_next_candidate_runs(tmp_path: Path) -> None:
    executor = Processes(Failing(), 1, timeout_s=1)
    for number in (5, 8):
        executor.submit(candidate(number, tmp_path))
    outcomes = gather(executor, 2)
    assert outcomes[5].failure.kind == "timeout"
    assert outcomes[5].failure.message == "over the limit of 1 s"
    assert outcomes[8].failure is None


def test_a_network_too_large_for_its_worker_fails_alone(tmp_path: Path) -> None:
    b = Builder((1, 8, 8))
    large = b(Conv2d(4000), b(Conv2d(4000), b.input))
    large_network = b.genotype(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), large))))
    executor = Processes(Train(epochs=1), 1, memory_bytes=800_000_000)
    executor.submit(Candidate(0, large_network, seed=0))
    executor.submit(Candidate(1, load_space("chain").sample(np.random.default_rng(0)).genotype, seed=0))
    outcomes = gather(executor, 2)
    assert outcomes[0].failure.kind == "out_of_memory", outcomes[0].failure
    assert outcomes[1].failure is None


def test_workers_share_a_device_as_far_as_its_memory_goes(tmp_path: Path) -> None:
    executor = Processes(Sharing(seconds=0.15, folder=str(tmp_path), needs=(30, 50, 70, 140)), 3)
    for number in range(12):
        executor.submit(candidate(number, tmp_path))
    assert all(outcome.failure is None for outcome in gather(executor, 12).values())
    spans = [tuple(map(float, (tmp_path / str(number)).read_text().split())) for number in range(12)]
    assert {needs for needs, _, _ in spans} >= {30.0, 70.0, 140.0}
    beside = 0
    for needs, began, _ in spans:
        together = [other for other, first, last in spans if first <= began < last]
        assert sum(together) <= 100 or together == [needs]
        beside += len(together) > 1
    assert beside >= 2  # those that fit did not wait for each other


def test_room_is_what_was_free_when_all_had_begun() -> None:
    genotype = candidate(0, Path()).genotype
    room = Room(2)
    assert room.fits(10**12, [1])  # nobody has said yet that anything is shared
    room.hear(1000)
    assert not room.fits(1, [])  # the other worker takes its own share first
    room.hear(900)
    assert room.fits(2000, [])
    assert room.fits(400, [200, 300])
    assert not room.fits(401, [200, 300])
    room.hear(100)  # one that came for another that died sees what is left beside the work
    assert room.fits(400, [500])
    assert (needs_of(Formula(), genotype), free_of(Formula()), free_of(Train(device="cpu"))) == (0, None, None)
    assert needs_of(Train(device="cpu"), genotype) == 0


def test_what_is_no_number_of_bytes_is_said() -> None:
    class Wrong(Formula):
        def free_bytes(self) -> str:
            return "much"

    with pytest.raises(EvaluatorError, match=r"Wrong\.free_bytes gave 'much'; it must be a number of bytes"):
        free_of(Wrong())


def test_what_is_no_place_is_said() -> None:
    class Wrong(Formula):
        def times_on(self) -> str:
            return "here\nand there"

    with pytest.raises(EvaluatorError, match=r"Wrong\.times_on gave 'here\\nand there'; it must be one line of at most 200 letters"):
        place_of(Wrong())
    assert place_of(Formula()) == ""


def test_what_an_evaluator_prints_is_no_result(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    executor = Processes(Talking(), 1)
    executor.submit(candidate(0, tmp_path))
    outcome = gather(executor, 1)[0]
    assert outcome.metrics == {"error": 0.5}
    assert type(outcome.metrics["error"]) is float
    assert capfd.readouterr() == ("", "hello\n")


def test_workers_that_cannot_start_end_the_search(tmp_path: Path) -> None:
    executor = Processes(Stillborn(), 1)
    executor.submit(candidate(0, tmp_path))
    with pytest.raises(ExecutorError, match=r"workers die while they start .*exit code 3"):
        executor.wait()
    executor.close()


def test_workers_end_with_their_supervisor() -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from tests.test_executor import *\n"
        "if __name__ == '__main__':\n"
        "    executor = Processes(Formula(seconds=600), 1); executor.submit(candidate(0, Path('.')))\n"
        "    executor._pool[0].pipe.poll(60)\n"
        "    print(executor._pool[0].process.pid, flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert_gone(worker)


def assert_gone(process: int) -> None:
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{process}/stat")
        if state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError(f"process {process} is still there")


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="workers=0 must be at least 1"):
        Processes(Formula(), 0)
    with pytest.raises(ValueError, match="timeout_s=0 must be over 0"):
        Processes(Formula(), 1, timeout_s=0)


def test_how_a_worker_died_is_said() -> None:
    assert died(-signal.SIGKILL).message == "the worker process was ended by SIGKILL; the system kills so when memory runs out"
    assert died(-signal.SIGSEGV).message == "the worker process was ended by SIGSEGV"
    assert died(1).message == "the worker process ended with exit code 1"


def test_processes_get_one_thread_each_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread_each():
        assert {os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


def test_what_was_done_in_time_counts_however_late_it_is_heard(tmp_path: Path) -> None:
    executor = Processes(Formula(seconds=0.15), 1, timeout_s=1)
    for number in (0, 1):
        executor.submit(candidate(number, tmp_path))
        if number == 0:
            executor.wait()
    time.sleep(2)  # a strategy that thinks, or a stopped terminal
    outcome = gather(executor, 1)[1]
    assert outcome.failure is None
    assert len(outcome.curve) == 3
    assert 0.1 < outcome.seconds < 1


def test_any_signal_ends_one_worker_alone() -> None:
    assert died(-40).message == "the worker process was ended by signal 40"


def test_who_was_ended_from_outside_has_another_try_on_every_rung(tmp_path: Path) -> None:
    executor, ends = Processes(Deadly(folder=str(tmp_path), once=3), 1), []
    try:
        for _ in range(2):
            (tmp_path / "3").unlink(missing_ok=True)
            executor.submit(candidate(3, tmp_path))
            ends.append(executor.wait().failure)
    finally:
        executor.close()
    assert ends == [None, None]
