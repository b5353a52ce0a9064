"""Latency measured on this machine, and the description of a device that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import torch
from torch import nn

from archsearch.analysis.calibration import Sample, fit
from archsearch.analysis.latency import Device
from archsearch.network.builder import Builder
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.ops import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    GlobalAvgPool2d,
    Hardswish,
    Linear,
    MaxPool2d,
    Op,
    ReLU,
    Sigmoid,
)
from archsearch.support.progress import Progress
from archsearch.support.threads import torch_threads
from archsearch.training.device import machine_name
from archsearch.training.timing import Protocol, time_network

ROUNDS, FEWEST, MOST, SECONDS = 3, 2, 200, 0.03
"""Rounds of one measurement, passes of each at least and at most, and the time after which no more are begun: many ops, quickly."""
ON_DEVICE = 10
"""Passes timed together where the host runs ahead of the device."""
IMAGES = [*product((8, 32, 128), (8, 16, 32)), (64, 56), (16, 112)]
VECTORS = [(64, 10), (256, 256), (256, 1024), (1024, 256), (1024, 1024)]


class Calibration(NamedTuple):
    """A device's description, and the measured times that it follows from."""

    device: Device
    samples: list[Sample]


def calibrate(threads: int = 1, on: str = "cpu", report: Callable[[Progress], None] | None = None) -> Calibration:
    """Measure single ops with so many threads (of a CPU) and fit a device to their times; some seconds.

    Raises:
        DeviceError: the times make no sense, as when the machine is busy.
    """
    networks = sample_networks()
    samples: list[Sample] = []
    with torch_threads(threads):
        for genotype in networks:
            if report is not None:
                report(Progress(len(samples), len(networks)))
            samples.append(Sample(genotype, 1, measured_seconds(compile_network(genotype), genotype, on=on)))
    return Calibration(fit(samples, machine_name(on, threads)), samples)


def devices() -> tuple[str, ...]:
    """What can be measured here."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def sample_networks() -> list[Genotype]:
    """Networks of one node: every kind of op that a device's description tells apart, from tiny to large."""
    cases: list[tuple[Op, tuple[tuple[int, ...], ...]]] = []
    for channels, side in IMAGES:
        image = (channels, side, side)
        convolutions = [Conv2d(channels, 1), Conv2d(2 * channels, 1), Conv2d(channels, 3, bias=False), Conv2d(2 * channels, 3, 2)]
        thin = [DepthwiseConv2d(3), DepthwiseConv2d(5, 2), Conv2d(channels, 3, groups=channels // 4)]
        pooling = [AvgPool2d(2), AvgPool2d(3, 1, 1), MaxPool2d(2), MaxPool2d(3, 2, 1)]
        plain = [BatchNorm2d(), ReLU(), Hardswish(), Sigmoid(), GELU(), GlobalAvgPool2d()]
        cases += [(op, (image,)) for op in (*convolutions, *thin, *pooling, *plain)]
        cases += [(op, (image, image)) for op in (Add(), Concat())]
    cases += [(Linear(after), ((before,),)) for before, after in VECTORS]
    return [of_one_node(op, shapes) for op, shapes in cases]


def of_one_node(op: Op, shapes: tuple[tuple[int, ...], ...]) -> Genotype:
    """The network that is one op."""
    b = Builder(*shapes)
    return b.genotype(b(op, *b.inputs))


def measured_seconds(network: nn.Module, genotype: Genotype, batch: int = 1, on: str = "cpu", seconds: float = SECONDS) -> float:
    """Shortest time of a forward pass of a batch in eval mode: what the machine does while nothing disturbs it."""
    device = torch.device(on)
    together = ON_DEVICE if device.type == "cuda" else 1
    protocol = Protocol(ROUNDS, MOST, FEWEST, seconds / ROUNDS, 0.0, together, longest=0.0)
    return time_network(network.to(device), [spec.shape for spec in genotype.inputs], device, batch, protocol).shortest
