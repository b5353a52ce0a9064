"""How well predicted latencies agree with measured ones, over the trials of a run."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from archsearch.analysis import LATENCY, PREDICTED, Device
from archsearch.runs.store import Run
from archsearch.support.ranks import rank_correlation
from archsearch.support.reading import one_line
from archsearch.trial import Trial

AGREEMENT = "latency_"
"""What the notes on it begin with."""
CORRELATION, RATIO, FLOOR, COUNT = (f"{AGREEMENT}{name}" for name in ("correlation", "ratio", "floor", "count"))
FEWEST = 10
"""Measured networks that a floor is taken from: one in so many may lie below it."""
FAR = 1.5
"""So many times apart, either way, the description is hardly that of the device that was measured on."""


def agreement(trials: Iterable[Trial]) -> dict[str, float]:
    """Spearman's rank correlation, the median of measured over predicted, and of how many trials; nothing for less than three.

    From ten on also the floor, over which measured over predicted is in nine of ten.
    A trial that was rejected because it is too slow counts as well, where its evaluator tells how slow.
    """
    pairs = [(trial.metrics[PREDICTED], trial.metrics[LATENCY]) for trial in trials if {PREDICTED, LATENCY} <= trial.metrics.keys()]
    pairs = [pair for pair in pairs if min(pair) > 0]
    found = rank_correlation(pairs)
    if found is None:
        return {}
    ratios = sorted(measured / predicted for predicted, measured in pairs)
    floor = {FLOOR: ratios[len(ratios) // FEWEST]} if len(ratios) >= FEWEST else {}
    return {CORRELATION: found, RATIO: median(ratios), **floor, COUNT: float(len(ratios))}


def predicted_for(device: Device) -> str:
    """What latency is predicted for, in words."""
    return f"predicted for {one_line(device.name, 80) or 'a device'}, {device.dtype}, batch 1"


def latency_words(run: Run) -> str:
    """What latency was predicted for, and how well it agrees with what was measured; empty where it was not predicted."""
    device = run.record.latency_device
    if device is None:
        return ""
    words = predicted_for(device)
    found = agreement(run.trials)
    if not found:
        return f"{words}; too few networks are measured to say how well"
    how = f"rank correlation {found[CORRELATION]:.2f}, measured is {found[RATIO]:.2f} times predicted (median)"
    far = "" if 1 / FAR <= found[RATIO] <= FAR else "; it is hardly the device that networks ran on: calibrate anew"
    return f"{words}; {found[COUNT]:,.0f} networks measured: {how}{far}"
