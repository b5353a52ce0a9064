"""Hard limits on what a network may cost."""

from __future__ import annotations

from dataclasses import dataclass, fields

from archsearch.analysis.cost import Analysis


@dataclass(frozen=True)
class Budget:
    """Upper limits; what is not given is not limited.

    `params` in elements, `macs` for one sample, `memory_bytes` the peak of inference and `training_memory_bytes` that of
    training as `analyse` gives them, `latency_ms` of one forward pass, measured by the evaluator before it trains.

    Raises:
        ValueError: a limit that is not positive.
    """

    params: int | None = None
    macs: int | None = None
    memory_bytes: int | None = None
    training_memory_bytes: int | None = None
    latency_ms: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None and not value > 0:
                raise ValueError(f"budget {limit.name}={value!r} must be over 0")

    def overruns(self, analysis: Analysis) -> dict[str, float]:
        """Costs over their limit, as cost divided by limit; empty when the network fits."""
        costs = known_costs(analysis)
        limits = {name: getattr(self, name) for name in costs}
        return {name: costs[name] / limit for name, limit in limits.items() if limit is not None and costs[name] > limit}


def known_costs(analysis: Analysis) -> dict[str, int]:
    """The costs that a budget limits and that need no measuring."""
    return {
        "params": analysis.params,
        "macs": analysis.macs,
        "memory_bytes": analysis.inference_peak_bytes,
        "training_memory_bytes": analysis.training_peak_bytes,
    }
