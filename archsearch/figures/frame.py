"""Trials as tables: what figures are drawn from and what tests look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from archsearch.pareto import front as front_of
from archsearch.pareto import hypervolume
from archsearch.trial import Objective, Trial

Frame = pd.DataFrame
FIXED = ("number", "ok", "on_front", "failure", "message", "choices", "rung")
MARGIN = 1.1
"""The reference point lies so far out, in spans from the best to the worst value of each objective."""


def frame(trials: Sequence[Trial], front: Collection[int], tests: Mapping[int, Mapping[str, float]] | None = None) -> Frame:
    """One row a trial, in order: number, ok, on_front, failure, message, choices (as text), rung, and every metric as a column.

    `front` holds numbers of trials; metrics on the test part, by trial, become columns `test_...`.
    """
    chosen, known = set(front), tests or {}
    rows = [
        {
            "number": trial.number,
            "ok": trial.ok,
            "on_front": trial.number in chosen,
            "failure": trial.failure.kind if trial.failure else None,
            "message": trial.failure.message if trial.failure else None,
            "choices": " ".join(f"{name}={value}" for name, value in trial.choices.items()),
            "rung": trial.rung,
            **{name: value for name, value in trial.metrics.items() if name not in FIXED},
            **{f"test_{name}": value for name, value in known.get(trial.number, {}).items()},
        }
        for trial in sorted(trials, key=lambda trial: trial.number)
    ]
    return Frame(rows) if rows else Frame(columns=list(FIXED))


def metrics_of(table: Frame) -> list[str]:
    """Columns of a frame that are metrics."""
    return [name for name in table.columns if name not in FIXED]


def curves(trials: Sequence[Trial], front: Collection[int]) -> Frame:
    """One row for each epoch (from 1) of each trial on the front: number, epoch, and what was reported."""
    chosen = set(front)
    rows = [
        {**metrics, "number": trial.number, "epoch": epoch}
        for trial in sorted(trials, key=lambda trial: trial.number)
        if trial.number in chosen
        for epoch, metrics in enumerate(trial.curve, start=1)
    ]
    return Frame(rows) if rows else Frame(columns=["number", "epoch"])


def exits(trials: Sequence[Trial], front: Collection[int]) -> Frame:
    """One row for each exit (from 1, the cheapest) of each any-time network on the front: number, exit, macs of one sample, error."""
    chosen, rows = set(front), []
    for trial in sorted(trials, key=lambda trial: trial.number):
        place = 1
        while trial.number in chosen and f"error_exit{place}" in trial.metrics and f"macs_exit{place}" in trial.metrics:
            macs, error = trial.metrics[f"macs_exit{place}"], trial.metrics[f"error_exit{place}"]
            rows.append({"number": trial.number, "exit": place, "macs": macs, "error": error})
            place += 1
    return Frame(rows, columns=["number", "exit", "macs", "error"])


def progress(trials: Sequence[Trial], objectives: Sequence[Objective]) -> Frame:
    """One row for each number of trials: the best of every objective so far, and the hypervolume of the front so far.

    `trials` counts evaluated ones, failures too; of several rungs only the highest has values that count. `hypervolume` is a share of
    the box between the best values of all trials and a reference point 10% beyond the worst; it is left out (NaN) between up to 200
    rows, 30 with three objectives or more.
    """
    ordered = sorted(trials, key=lambda trial: trial.number)
    values = np.full((len(ordered), len(objectives)), np.nan)
    top = max((trial.rung for trial in ordered), default=0)
    for row, trial in enumerate(ordered):
        if trial.values is not None and trial.rung == top:
            values[row] = trial.values
    best = Frame(values).cummin().ffill()
    table = Frame({"trials": np.arange(1, len(ordered) + 1)})
    for column, objective in enumerate(objectives):
        table[objective.metric] = -best[column] if objective.maximise else best[column]
    table["hypervolume"] = hypervolumes(values)
    return table


Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Box = tuple[Values, Values]
"""The best and the worst value of each objective."""


def box_of(values: Values) -> Box | None:
    """The box of all rows that are no failures (NaN); None where all are."""
    good = values[np.all(np.isfinite(values), axis=1)]
    return (good.min(axis=0), good.max(axis=0)) if len(good) else None


def hypervolumes(values: Values, box: Box | None = None) -> list[float]:
    """Share of the box, by default their own, that the front of the first k rows dominates, for every k; NaN rows are failures."""
    good = np.asarray(np.all(np.isfinite(values), axis=1))
    box = box or box_of(values)
    if box is None:
        return [float("nan")] * len(values)
    low, high = box
    points = (values - low) / np.where(high > low, high - low, 1.0)
    axes = values.shape[1]
    looks = set(np.linspace(0, len(values) - 1, min(len(values), 200 if axes < 3 else 30)).astype(int).tolist())
    front, found = points[:0], []
    for row, point in enumerate(points):
        if good[row] and not np.all(front <= point, axis=1).any():
            front = np.vstack([front, point])
            front = front[front_of(front)]
        found.append(hypervolume(front, np.full(axes, MARGIN)) / MARGIN**axes if row in looks else float("nan"))
    return found
