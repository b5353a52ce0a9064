"""What one evaluated candidate came to: plain frozen data that goes into JSON and SQLite."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from archsearch.spaces.space import Choices

FailureKind = Literal["out_of_memory", "diverged", "timeout", "crashed", "rejected", "stalled"]
FAILURE_KINDS: tuple[str, ...] = get_args(FailureKind)
ALIASES = {"memory": "memory_bytes", "training_memory": "training_memory_bytes", "latency": "latency_ms"}


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to be made small, or large with `maximise`; written `error`, or `max:accuracy`."""

    metric: str
    maximise: bool = False

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read the written form; memory, training_memory and latency stand for the metrics with their units."""
        direction, _, name = text.rpartition(":")
        if direction not in ("", "min", "max") or not name.isidentifier():
            raise ValueError(f"objective {text!r} must be a metric's name, or min:NAME or max:NAME")
        return cls(ALIASES.get(name, name), direction == "max")

    def value(self, metrics: Mapping[str, float]) -> float:
        """The value to minimise. Raises KeyError when the metric is missing."""
        return -metrics[self.metric] if self.maximise else metrics[self.metric]

    def __str__(self) -> str:
        return f"max:{self.metric}" if self.maximise else self.metric


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a candidate has no result: out_of_memory, diverged, stalled, timeout, crashed or rejected, and a line for people."""

    kind: FailureKind
    message: str

    def __post_init__(self) -> None:
        if self.kind not in FAILURE_KINDS:
            raise ValueError(f"failure kind {self.kind!r} is unknown; known: {', '.join(FAILURE_KINDS)}")


class EvaluationError(Exception):
    """Raised by an evaluator to say that a candidate failed, and how, with what was measured before; the run goes on."""

    def __init__(self, kind: FailureKind, message: str, metrics: Mapping[str, float] | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind, message)
        self.metrics = {str(name): float(value) for name, value in (metrics or {}).items()}


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluated candidate.

    `metrics` holds the known costs (params, macs, memory_bytes, training_memory_bytes) and what the evaluator measured;
    `values` the objectives, all to be minimised, or None after a failure; `curve` what was reported epoch by epoch; `rung` how high it
    got in a search of several fidelities; `run` the folder that it was read from.
    """

    number: int
    choices: Choices
    fingerprint: str
    metrics: dict[str, float]
    values: tuple[float, ...] | None
    failure: Failure | None = None
    curve: tuple[dict[str, float], ...] = field(default=(), repr=False)
    rung: int = 0
    run: Path | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.failure is None


def to_json(data: Any) -> str:
    """Compact JSON; refuses NaN and infinity, which no JSON reader has to take. Raises ValueError."""
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def finite(metrics: Mapping[str, float]) -> bool:
    """Whether all metrics are finite numbers."""
    return all(math.isfinite(value) for value in metrics.values())
