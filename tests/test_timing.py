"""Measured latency: what the times of several rounds come to, and the front measured once more, one network at a time."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from archsearch.analysis import Budget
from archsearch.evaluators.train import Train
from archsearch.strategies import Random
from archsearch.training.timing import Pace, Protocol, Round, Timing, time_network, time_passes, timing_of
from tests.evaluators import Timed
from tests.runs import small_search


def rounds(*times: list[float], work: float = 1.0) -> list[Round]:
    """Rounds of a machine that is always as slow; the work takes a second at its fastest."""
    return [Round(one, work) for one in times]


def test_one_round_disturbed_does_not_move_the_figure() -> None:
    calm = [[3.0, 2.0, 4.0], [3.0, 3.5, 2.5], [3.25, 1.0, 9.0]]
    assert timing_of(rounds(*calm), 3, 1.0) == Timing(3.0, 0.25, 1.0)
    assert timing_of(rounds(*calm[:2], [90.0, 80.0, 70.0]), 3, 1.0) == Timing(3.0, 77.0, 2.0)
    assert timing_of(rounds([5.0]), 3, 1.0) == Timing(5.0, 0.0, 5.0)


def test_calm_rounds_count_and_where_there_is_none_the_shortest() -> None:
    disturbed = rounds([9.0, 8.0], [7.0], [90.0], work=1.3)
    assert timing_of([*rounds([3.0]), *disturbed, *rounds([3.25], [2.75])], 3, 1.0) == Timing(3.0, 87.25, 2.75)
    assert timing_of([*rounds([3.0]), *disturbed], 3, 1.0) == Timing(3.0, 87.0, 3.0)
    assert timing_of([*disturbed, *rounds([3.0], [4.0], work=1.2)], 3, 1.0) == Timing(4.0, 87.0, 3.0)


class Machine:
    """Takes three thousandths of a second for a pass in place of one while it is disturbed, and behind every pause."""

    def __init__(self, seconds: float) -> None:
        self.disturbed, self.ended, self.woken = time.perf_counter() + seconds, 0.0, 0.0

    def __call__(self) -> None:
        now = time.perf_counter()
        self.woken = now if now - self.ended > 0.015 else self.woken
        time.sleep(0.003 if now < self.disturbed or now - self.woken < 0.003 else 0.001)
        self.ended = time.perf_counter()

    def work(self) -> None:
        """A piece of work, as much slower."""
        time.sleep(0.0009 if time.perf_counter() < self.disturbed else 0.0003)


def timed(machine: Machine, protocol: Protocol) -> float:
    """A pass by a protocol, on a machine whose pace is known."""
    pace = Pace(machine.work)
    pace.fastest = 0.0004
    return time_passes(machine, protocol, pace=pace).median


def test_a_machine_that_is_disturbed_for_a_while_is_waited_for() -> None:
    patient = Protocol(rounds=3, passes=5, seconds=1.0, warm=0.02, longest=5.0)
    assert timed(Machine(0.5), patient) < 0.002
    assert timed(Machine(0.5), replace(patient, longest=0.0)) > 0.002
    assert timed(Machine(0.0), replace(patient, passes=1, longest=0.0)) < 0.002  # what comes behind a pause does not count


def test_of_a_machine_that_is_never_calm_there_is_a_figure_all_the_same() -> None:
    began = time.perf_counter()
    assert 0.003 < timed(Machine(60.0), Protocol(rounds=3, passes=5, longest=0.3)) < 0.02
    assert time.perf_counter() - began < 5


def test_rounds_count_alike_whatever_they_hold() -> None:
    assert timing_of(rounds([1.0] * 99, [2.0], [3.0]), 3, 1.0).median == 2


def test_a_trial_keeps_figure_and_spread_in_milliseconds() -> None:
    assert Timing(0.25, 0.125, 0.2).metrics() == {"latency_ms": 250, "latency_spread_ms": 125}


@pytest.mark.parametrize("times", [[], [[1.0], []]])
def test_a_round_without_times_is_no_measurement(times: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="every round of a measurement needs at least one time"):
        timing_of(rounds(*times), 3, 1.0)


class Counting(nn.Module):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[torch.Size, torch.Size, bool]] = []

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        self.seen.append((a.shape, b.shape, self.training))
        return a.sum() + b.sum()


def test_passes_are_those_of_the_protocol_in_eval_mode_and_use_up_nobodys_random_numbers() -> None:
    network, before = Counting(), torch.get_rng_state()
    timing = time_network(network, [(3, 4), (5,)], torch.device("cpu"), 2, Protocol(3, 4, 4, 0.0, 0.001, 2, warm=0.0, longest=0.0))
    assert network.seen == [((2, 3, 4), (2, 5), False)] * (3 + 3 * 4 * 2 + 2)  # before the first round; timed; behind a pause
    assert 0 < timing.shortest <= timing.median
    assert torch.equal(torch.get_rng_state(), before)


def test_the_front_carries_a_second_latency(tmp_path: Path) -> None:
    limits = {"objectives": ("error", "latency_ms"), "budget": Budget(latency_ms=1e6)}
    run = small_search(tmp_path / "run", Random(), Train(epochs=1), trials=2, **limits)
    for trial in run.trials:
        assert trial.metrics["latency_spread_ms"] >= 0
        assert trial.metrics["latency_ms"] > 0
    assert run.tests.keys() == {trial.number for trial in run.front()}
    for number, tested in run.tests.items():
        assert {"error", "latency_ms", "latency_spread_ms"} <= tested.keys()
        assert tested["latency_ms"] != run.trials[number].metrics["latency_ms"]


def test_a_front_whose_latency_counts_is_tested_one_network_at_a_time(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", Random(), Timed(), trials=4, workers=2, objectives=("error", "latency_ms"))
    times = sorted(tuple(map(float, path.read_text().split())) for path in tmp_path.rglob("*.when"))
    assert len(times) == len(run.front()) == 4
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))
