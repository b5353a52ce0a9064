"""Hard limits on what a network may cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archsearch.analysis.cost import analyse
from archsearch.analysis.latency import Device, latency_ms
from archsearch.network.genotype import Genotype
from archsearch.support.reading import fields, over

COSTS = ("params", "macs", "memory_bytes", "training_memory_bytes")
"""Costs that need no measuring."""
LATENCY, PREDICTED = "latency_ms", "predicted_latency_ms"
"""The latency of one sample: measured, and predicted from the description of a device."""


@dataclass(frozen=True)
class Budget:
    """Upper limits; what is not given is not limited.

    `params` in elements, `macs` for one sample, `memory_bytes` the peak of inference for one sample, `training_memory_bytes`
    that of a training step for the evaluator's batch and optimiser, `latency_ms` of one forward pass, measured by the evaluator
    before it trains.

    Raises:
        ValueError: a limit that is not over 0.
    """

    params: int | None = None
    macs: int | None = None
    memory_bytes: int | None = None
    training_memory_bytes: int | None = None
    latency_ms: float | None = None

    def __post_init__(self) -> None:
        for name, limit in self._given.items():
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
                raise ValueError(f"budget {name}={limit!r} must be a number over 0")

    @classmethod
    def of(cls, limits: Any) -> Budget:
        """The budget of what `limits` gave, read from JSON. Raises ValueError."""
        names = [limit.name for limit in dataclasses.fields(cls)]
        return cls(**fields(limits, dict.fromkeys(names, over(0)), "the budget", may_lack=names))

    def limits(self) -> dict[str, float]:
        """The limits that are given."""
        return dict(self._given)

    @cached_property
    def _given(self) -> dict[str, float]:
        found = {limit.name: getattr(self, limit.name) for limit in dataclasses.fields(self)}
        return {name: limit for name, limit in found.items() if limit is not None}

    def overruns(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Costs over their limit, as cost divided by limit; empty when all that are known fit."""
        return {name: costs[name] / limit for name, limit in self._given.items() if costs.get(name, 0) > limit}


def known_costs(genotype: Genotype, batch: int = 1, optimizer: str = "sgd", device: Device | None = None) -> dict[str, float]:
    """The COSTS of a network: for one sample, and for training with this batch and optimiser; with a device PREDICTED as well."""
    single = analyse(genotype)
    training = single if (batch, optimizer) == (1, "sgd") else analyse(genotype, batch, optimizer=optimizer)
    exact = (single.params, single.macs, single.inference_peak_bytes, training.training_peak_bytes)
    return {**dict(zip(COSTS, exact, strict=True)), **({} if device is None else {PREDICTED: latency_ms(genotype, device)})}
