"""A device's description from measured times of single ops."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.analysis.latency import KINDS, Device, DeviceError, Factors, kind_of, work_of
from archsearch.analysis.memory import ITEM_BYTES, Units
from archsearch.analysis.traffic import moved_bytes
from archsearch.network.genotype import Genotype

Floats = NDArray[np.float64]
ROUNDS = 20
NEVER = 1e-30
"""Seconds for a flop or a byte that cost nothing: under any that do."""


class Sample(NamedTuple):
    """A network of one node, and its measured time for a batch."""

    genotype: Genotype
    batch: int
    seconds: float


class Costs(NamedTuple):
    """Seconds to start a kernel, for a flop, and for a byte moved."""

    kernel: float
    flop: float
    byte: float


def fit(samples: Sequence[Sample], name: str = "", dtype: str = "float32") -> Device:
    """The device that explains the times best: least squares of the relative errors, kind by kind, no cost below 0.

    Raises:
        DeviceError: fewer than three samples of a kind that is there, or a time that is not over 0.
    """
    if not samples:
        raise DeviceError("no device follows from no samples; measure at least 3 of a kind")
    for sample in samples:
        if not sample.seconds > 0:
            raise DeviceError(f"a time of {sample.seconds} s means nothing; measure again while nothing else runs")
    found, item = dict[str, Costs](), ITEM_BYTES[dtype]
    for kind in KINDS:
        own = [sample for sample in samples if kind_of(sample.genotype.facts[0]) == kind]
        if 0 < len(own) < 3:
            raise DeviceError(f"{len(own)} samples of kind {kind} are too few for three numbers; measure at least 3")
        if own:
            found[kind] = fit_kind(own, item)
    # What never counts cannot be told from the fit: then the best that was seen stands.
    seen = Costs(*[min(sample.seconds / amount for sample in samples if (amount := amounts(sample, item)[part])) for part in range(3)])
    best = Costs(*[min([costs[part] for costs in found.values() if costs[part] > 0] or [seen[part]]) for part in range(3)])
    factors = {kind: Factors(*[cost / least for cost, least in zip(costs, best, strict=True)]) for kind, costs in found.items()}
    return Device(1 / best.flop, 1 / best.byte, best.kernel, factors, name, dtype)


def fit_kind(samples: Sequence[Sample], item: int) -> Costs:
    """Costs of one kind of op.

    Which of arithmetic and memory is the limit of a sample depends on the costs, so both are found in turns, from the costs
    that explain the times best if the two never overlap.
    """
    times = np.array([sample.seconds for sample in samples])
    kernels, flops, moved = np.array([amounts(sample, item) for sample in samples], float).T
    costs = least_squares(kernels, flops, moved, times)
    best, least = costs, np.inf
    for _ in range(ROUNDS):
        limited = flops * max(costs.flop, NEVER) >= moved * max(costs.byte, NEVER)
        costs = least_squares(kernels, flops * limited, moved * ~limited, times)
        error = relative_error(costs, kernels, flops, moved, times)
        if error < least:
            best, least = costs, error
    return best


def amounts(sample: Sample, item: int) -> tuple[int, int, int]:
    """Kernels, flops, and bytes moved."""
    fact = sample.genotype.facts[0]
    moved = moved_bytes(sample.genotype, [0], Units(item, sample.batch))
    return 1 + len(fact.saved.inner), sample.batch * work_of(fact), moved[0]


def least_squares(kernels: Floats, flops: Floats, moved: Floats, times: Floats) -> Costs:
    """Costs, none below 0, with the smallest sum of squared relative errors: of all sets of costs that are over 0, the best."""
    table = np.stack([kernels, flops, moved], axis=1) / times[:, None]
    best, least = np.zeros(3), np.inf
    for count in (1, 2, 3):
        for chosen in map(list, combinations(range(3), count)):
            solution = np.linalg.lstsq(table[:, chosen], np.ones(len(times)), rcond=None)[0]
            error = float(((table[:, chosen] @ solution - 1) ** 2).sum())
            if (solution >= 0).all() and error < least:
                best, least = np.zeros(3), error
                best[chosen] = solution
    return Costs(*best.tolist())


def relative_error(costs: Costs, kernels: Floats, flops: Floats, moved: Floats, times: Floats) -> float:
    """Root of the mean squared relative error."""
    found = kernels * costs.kernel + np.maximum(flops * costs.flop, moved * costs.byte)
    return float(np.sqrt(((found / times - 1) ** 2).mean()))
