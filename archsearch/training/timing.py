"""How long a network takes: one way to measure, for all that is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

ENGINES = ("torch", "onnxruntime", "openvino")
"""What may run a network whose latency is measured."""
UNTIMED = 3
"""Passes before the first round, in which memory is allocated and kernels are chosen."""


@dataclass(frozen=True)
class Protocol:
    """Rounds of passes with a pause between them, so that what disturbs the machine for a moment disturbs one round.

    Behind a pause `warm` seconds do not count. Of a round at most `passes` are timed, and after so many `seconds` it ends, `fewest` passes
    at least. `together` passes are timed as one where the host runs ahead of the device. While there are not so many calm `rounds`, more
    are measured, until `longest` seconds are over.
    """

    rounds: int = 5
    passes: int = 10
    fewest: int = 1
    seconds: float = 0.2
    pause: float = 0.02
    together: int = 1
    warm: float = 0.01
    longest: float = 1.5


STANDARD = Protocol()
PATIENT = Protocol(longest=6.0)
"""For the few networks that are measured for the record."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one pass: the median of the medians of rounds that count, largest minus smallest of all rounds', the shortest pass."""

    median: float
    spread: float
    shortest: float

    def metrics(self) -> dict[str, float]:
        """As metrics of a trial, in ms."""
        return {"latency_ms": 1000 * self.median, "latency_spread_ms": 1000 * self.spread}


class Round(NamedTuple):
    """Seconds of each pass, and those of a fixed piece of work before or behind them, whichever took longer."""

    times: Sequence[float]
    work: float


WORK, REPEATS = 3000, 5
"""A fixed piece of work: so many numbers added up by Python, some tens of microseconds."""
CALM = 1.05
"""How many times its shortest time the work may take on a machine that is not disturbed."""


class Pace:
    """How fast the machine is now, by a fixed piece of work, and the fastest that it ever was in this process.

    What else runs on a machine, or beside it on the same hardware, slows a processor for a second or an hour, and its passes all alike.
    """

    def __init__(self, work: Callable[[], object] = lambda: sum(range(WORK))) -> None:
        self.work, self.fastest = work, float("inf")

    def __call__(self) -> float:
        """Seconds of the work now."""
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            self.work()
            times.append(time.perf_counter() - start)
        self.fastest = min(self.fastest, median(times))
        return median(times)


HERE = Pace()


def calm(rounds: Sequence[Round], fastest: float) -> list[Round]:
    """Those in which the machine was not disturbed, the work taking so many seconds at its fastest."""
    return [one for one in rounds if one.work <= CALM * fastest]


def timing_of(rounds: Sequence[Round], counting: int, fastest: float) -> Timing:
    """What the times of several rounds come to: the calm ones count, or where there is none so many, the shortest.

    Raises:
        ValueError: a round has no time.
    """
    if not rounds or not all(one.times for one in rounds):
        raise ValueError("every round of a measurement needs at least one time")
    medians = sorted(median(one.times) for one in rounds)
    found = [median(one.times) for one in calm(rounds, fastest)] or medians[:counting]
    return Timing(median(found), medians[-1] - medians[0], min(min(one.times) for one in rounds))


@torch.inference_mode()
def time_network(
    network: nn.Module, shapes: Sequence[tuple[int, ...]], device: torch.device, batch: int = 1, protocol: Protocol = STANDARD
) -> Timing:
    """Measure forward passes of a batch in eval mode; `shapes` are those of one sample of each input."""
    network.eval()
    inputs = [tensor.to(device) for tensor in drawn(shapes, batch)]
    finish = partial(torch.cuda.synchronize, device) if device.type == "cuda" else None
    return time_passes(lambda: network(*inputs), protocol, finish)


def drawn(shapes: Sequence[tuple[int, ...]], batch: int) -> list[Tensor]:
    """A batch of random inputs; nobody else's random numbers are used up."""
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(batch, *shape, generator=generator) for shape in shapes]


def time_passes(
    run: Callable[[], object], protocol: Protocol = STANDARD, finish: Callable[[], object] | None = None, pace: Pace = HERE
) -> Timing:
    """Measure what one call takes; `finish` waits for a device that is still at work when calls return."""

    def seconds(passes: int) -> float:
        start = time.perf_counter()
        for _ in range(passes):
            run()
        if finish is not None:
            finish()
        return (time.perf_counter() - start) / passes

    seconds(UNTIMED)
    rounds: list[Round] = []
    until = time.perf_counter() + protocol.longest
    while len(rounds) < protocol.rounds or (len(calm(rounds, pace.fastest)) < protocol.rounds and time.perf_counter() < until):
        if rounds and protocol.pause:
            rest(seconds, protocol)
        before = pace()
        rounds.append(Round(one_round(seconds, protocol), max(before, pace())))
    return timing_of(rounds, protocol.rounds, pace.fastest)


def rest(seconds: Callable[[int], float], protocol: Protocol) -> None:
    """A pause, and the passes behind it that find cold caches and a slow clock."""
    time.sleep(protocol.pause)
    warm = time.perf_counter() + protocol.warm
    seconds(1)
    while time.perf_counter() < warm:
        seconds(1)


def one_round(seconds: Callable[[int], float], protocol: Protocol) -> list[float]:
    """Times of one round."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < protocol.fewest or (len(times) < protocol.passes and time.perf_counter() - began < protocol.seconds):
        times.append(seconds(protocol.together))
    return times
