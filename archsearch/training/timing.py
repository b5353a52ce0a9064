"""How long a network takes: one way to measure, for all that is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

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
    at least. `together` passes are timed as one where the host runs ahead of the device. While so many `rounds` do not agree, more are
    measured, until `longest` seconds are over: what else a machine has to do only ever adds time, so the shortest rounds count.
    """

    rounds: int = 5
    passes: int = 10
    fewest: int = 1
    seconds: float = 0.2
    pause: float = 0.05
    together: int = 1
    warm: float = 0.01
    longest: float = 2.0


@dataclass(frozen=True)
class Timing:
    """Seconds of one pass: the median of the medians of rounds that count, largest minus smallest of all rounds', the shortest pass."""

    median: float
    spread: float
    shortest: float

    def metrics(self) -> dict[str, float]:
        """As metrics of a trial, in ms."""
        return {"latency_ms": 1000 * self.median, "latency_spread_ms": 1000 * self.spread}


STANDARD = Protocol()
AGREED = 1.05
"""How many times the shortest round the longest that counts may take, where rounds agree."""


def timing_of(rounds: Sequence[Sequence[float]], counting: int) -> Timing:
    """What the times of several rounds come to, of which so many, the shortest, count. Raises ValueError where a round has no time."""
    if not rounds or not all(rounds):
        raise ValueError("every round of a measurement needs at least one time")
    medians = sorted(median(times) for times in rounds)
    return Timing(median(medians[:counting]), medians[-1] - medians[0], min(map(min, rounds)))


def agree(rounds: Sequence[Sequence[float]], counting: int) -> bool:
    """Whether so many rounds are there, and take the same time."""
    medians = sorted(median(times) for times in rounds)
    return len(medians) >= counting and medians[counting - 1] <= AGREED * medians[0]


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


def time_passes(run: Callable[[], object], protocol: Protocol = STANDARD, finish: Callable[[], object] | None = None) -> Timing:
    """Measure what one call takes; `finish` waits for a device that is still at work when calls return."""

    def seconds(passes: int) -> float:
        start = time.perf_counter()
        for _ in range(passes):
            run()
        if finish is not None:
            finish()
        return (time.perf_counter() - start) / passes

    seconds(UNTIMED)
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) < protocol.rounds or (not agree(rounds, protocol.rounds) and time.perf_counter() - began < protocol.longest):
        rounds.append(one_round(seconds, protocol, len(rounds)))
    return timing_of(rounds, protocol.rounds)


def one_round(seconds: Callable[[int], float], protocol: Protocol, number: int) -> list[float]:
    """Times of one round; behind a pause the first passes find cold caches and a slow clock, and do not count."""
    if number and protocol.pause:
        time.sleep(protocol.pause)
        warming = time.perf_counter() + protocol.warm
        seconds(1)
        while time.perf_counter() < warming:
            seconds(1)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < protocol.fewest or (len(times) < protocol.passes and time.perf_counter() - began < protocol.seconds):
        times.append(seconds(protocol.together))
    return times
