"""Scales of axes: which are logarithmic, and where their marks stand."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

SPREAD = 20
"""From this ratio of the largest to the smallest value an axis is logarithmic."""


def is_wide(values: Sequence[float]) -> bool:
    """Whether values spread so widely that their axis is logarithmic."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return low > 0 and high / low > SPREAD


def log_marks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis: 1, 2, 5 of each decade; more within one decade, 1 and 3 over many, 1 alone over very many."""
    ratio = high / low
    steps: Sequence[float] = (1, 1.5, 2, 3, 4, 5, 7) if ratio < 10 else (1, 2, 5) if ratio < 60 else (1, 3) if ratio < 1e3 else (1,)
    marks = [step * 10.0**power for power in range(-12, 16) for step in steps]
    return [float(f"{mark:.6g}") for mark in marks if low / 2 <= mark <= high * 2]


def even_marks(low: float, high: float, most: int = 6) -> list[float]:
    """At most so many round numbers from low to high, in even steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** floor(log10(rough)) if rough > 0 else 1.0
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * (1 - 1e-9))
    return [float(f"{place * step:.6g}") for place in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
