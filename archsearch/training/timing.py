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

    Of a round at most `passes` are timed, and after so many `seconds` it ends, `fewest` passes at least. `together` passes are timed as
    one where the host runs ahead of the device.
    """

    rounds: int = 5
    passes: int = 10
    fewest: int = 1
    seconds: float = 0.2
    pause: float = 0.02
    together: int = 1


@dataclass(frozen=True)
class Timing:
    """Seconds of one pass: the median of the rounds' medians, largest minus smallest of these, and the shortest of all passes."""

    median: float
    spread: float
    shortest: float

    def metrics(self) -> dict[str, float]:
        """As metrics of a trial, in ms."""
        return {"latency_ms": 1000 * self.median, "latency_spread_ms": 1000 * self.spread}


STANDARD = Protocol()


def timing_of(rounds: Sequence[Sequence[float]]) -> Timing:
    """What the times of several rounds come to. Raises ValueError where a round has no time."""
    if not rounds or not all(rounds):
        raise ValueError("every round of a measurement needs at least one time")
    medians = [median(times) for times in rounds]
    return Timing(median(medians), max(medians) - min(medians), min(map(min, rounds)))


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
    return timing_of([one_round(seconds, protocol, number) for number in range(protocol.rounds)])


def one_round(seconds: Callable[[int], float], protocol: Protocol, number: int) -> list[float]:
    """Times of one round; behind a pause the first pass finds cold caches and does not count."""
    if number and protocol.pause:
        time.sleep(protocol.pause)
        seconds(1)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < protocol.fewest or (len(times) < protocol.passes and time.perf_counter() - began < protocol.seconds):
        times.append(seconds(protocol.together))
    return times
