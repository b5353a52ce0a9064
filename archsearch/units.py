"""Metrics in words and units for people: a name, a factor, and how a number is written."""

from __future__ import annotations

import math
from dataclasses import dataclass

DASH = "\u2013"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Unit:
    """How a metric is shown: `label` alone, `axis` with its unit for numbers times `factor`, `suffix` after a single number."""

    label: str
    axis: str
    factor: float = 1.0
    suffix: str = ""
    prefixed: bool = False

    def text(self, value: float | None) -> str:
        """A number with its unit; a dash where there is none."""
        if value is None or not math.isfinite(value):
            return DASH
        if self.prefixed:
            return prefixed(value, self.suffix)
        return f"{value * self.factor:.4g}{self.suffix}" if self.suffix != "%" else f"{value * 100:.2f}%"


def prefixed(value: float, suffix: str = "", exact: bool = False) -> str:
    """Three figures and a prefix: 12.3 M, 4.56 kB; when `exact`, round numbers without zeros: 5 M."""
    for size, prefix in PREFIXES:
        if abs(value) >= 0.9995 * size:
            scaled = value / size
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{f'{scaled:g}' if exact else f'{scaled:.{digits}f}'} {prefix}{suffix}"
    return f"{value:.4g}{' ' if suffix else ''}{suffix}"


UNITS = {
    "error": Unit("Error", "Validation error (%)", 100, "%"),
    "test_error": Unit("Test error", "Test error (%)", 100, "%"),
    "miou": Unit("Mean IoU", "Mean IoU (%)", 100, "%"),
    "params": Unit("Params", "Params", prefixed=True),
    "macs": Unit("MACs", "MACs for one sample", prefixed=True),
    "memory_bytes": Unit("Memory", "Peak memory of inference (MB)", 1e-6, "B", prefixed=True),
    "training_memory_bytes": Unit("Training memory", "Peak memory of training (MB)", 1e-6, "B", prefixed=True),
    "latency_ms": Unit("Latency", "Latency (ms)", suffix=" ms"),
}


def unit(metric: str) -> Unit:
    """The unit of a metric; names that end in error or accuracy are fractions, in _bytes bytes, in _ms milliseconds.

    So is `error_exit1`, and `macs_exit1` a count: those of one exit.
    """
    if metric in UNITS:
        return UNITS[metric]
    if metric.startswith("macs_exit"):
        return Unit(words(metric).replace("Macs", "MACs"), UNITS["macs"].axis, prefixed=True)
    if metric.endswith(("error", "accuracy")) or metric.startswith("error_exit"):
        label = words(metric)
        return Unit(label, f"{label} (%)", 100, "%")
    if metric.endswith("_bytes"):
        label = words(metric.removesuffix("_bytes"))
        return Unit(label, f"{label} (MB)", 1e-6, "B", prefixed=True)
    if metric.endswith("_ms"):
        label = words(metric.removesuffix("_ms"))
        return Unit(label, f"{label} (ms)", suffix=" ms")
    return Unit(words(metric), words(metric))


def training_note(batch: int, optimizer: str) -> str:
    """What training memory is for, as a sentence."""
    return f"Training memory is for a batch of {batch} with {optimizer}."


def words(metric: str) -> str:
    """A metric's name as words."""
    text = metric.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
