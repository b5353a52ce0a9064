"""Schedules of rungs on recorded training curves: `python -m benchmarks.schedules`.

200 cells of NAS-Bench-201 with the validation accuracy of every epoch of 200 (CIFAR-10), drawn in random order and trained by the table,
two at a time. What a schedule costs is told in trainings at full length; an epoch takes every cell as long.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.fidelity import SCHEDULES, Fidelity, Rungs, Schedule, Step, schedule_of
from benchmarks.places import TABLES
from benchmarks.timing import show

TABLE = TABLES / "nasbench201_curves200.npz"
RUNGS = {"few epochs below": (2, 8, 33, 200), "a third as many": (7, 22, 66, 200)}
"""Epochs of the rungs: as a search chooses them for data such as Fashion-MNIST and 60 trials, and with equal steps."""
TRIALS, WORKERS, ORDERS = (40, 60, 90), 2, 100
Accuracy = NDArray[np.float32]
"""In percent, (trials, epochs)."""


class Cost(NamedTuple):
    """Of a search: trainings at full length, in all and until its end; lowest error on the top rung in percent; trials on each rung."""

    work: float
    wall: float
    error: float
    counts: list[int]


def run(schedule: Schedule, accuracy: Accuracy, fidelity: Fidelity, trials: int) -> Cost:
    """A search by the table; what comes to an end at the same time is told by number."""
    rungs, under_way, now, work = Rungs(len(fidelity.values), trials), list[tuple[float, Step]](), 0.0, 0.0
    while True:
        while len(under_way) < WORKERS and (step := schedule.next(rungs)) is not None:
            rungs.begin(step)
            heappush(under_way, (now + fidelity.costs[step.rung], step))
            work += fidelity.costs[step.rung]
        if not under_way:
            break
        now, (trial, rung) = heappop(under_way)
        rungs.tell(Step(trial, rung), (100 - float(accuracy[trial, int(fidelity.values[rung]) - 1]),))
    best = min(values[0] for values in rungs.done(rungs.top).values())
    return Cost(work / fidelity.values[-1], now / fidelity.values[-1], best, [len(begun) for begun in rungs.begun])


def main() -> None:
    """Print a table for each choice of rungs."""
    accuracy = np.load(TABLE, allow_pickle=False)["val_acc"]
    orders = [np.random.default_rng(seed).permutation(len(accuracy)) for seed in range(ORDERS)]
    for what, epochs in RUNGS.items():
        rows = []
        for trials in TRIALS:
            for name in SCHEDULES:
                fidelity = Fidelity("epochs", epochs, name)
                found = [run(schedule_of(fidelity), accuracy[order], fidelity, trials) for order in orders]
                work, wall, error = (np.mean([cost[part] for cost in found]) for part in range(3))
                counts = ", ".join(f"{count:.0f}" for count in np.mean([cost.counts for cost in found], axis=0))
                rows.append([name, str(trials), counts, f"{work:.2f}", f"{wall:.2f}", f"{error:.2f} %"])
        columns = ["schedule", "trials", "on each rung", "trainings", "time", "lowest error"]
        show(f"{what}: epochs {', '.join(map(str, epochs))}; means of {ORDERS} orders", columns, rows)


if __name__ == "__main__":
    main()
