"""Strategies on NAS-Bench-201, beside published and measured rows: `python -m benchmarks.strategies [--runs 100] [NAME ...]`."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, median, stdev
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np

from archsearch.compare import Comparison, Match, Player, compare, play
from archsearch.evaluators.table import Table
from archsearch.space import Choices
from archsearch.strategies import STRATEGIES, Informed, Problem, Strategy
from archsearch.trial import Objective, Trial
from benchmarks.timing import show

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "tabular"
CELLS, HARDWARE = str(FOLDER / "nasbench201.npz"), str(FOLDER / "hwnasbench201.npz")
LABELLED = str(Path(__file__).with_name("labelled_cells.py"))
FEWER_RUNS = {"graph_gp": 30, "tpe": 20}
"""Strategies that think long get as many runs as the rows beside them."""
ALSO = {
    "evolution P30 S10": Player("evolution", {"population": 30, "tournament": 10}),
    "nsga2 P50": Player("nsga2", {"population": 50}),
}
TOLERANCE = 0.03


class Row(NamedTuple):
    """Mean and standard deviation, in percent; NaN where it is not known."""

    mean: float
    std: float = float("nan")


ONE = {
    "optimum": (Row(91.61), Row(91.61), Row(94.37), Row(73.49)),
    "random": (Row(91.04, 0.28), Row(91.18, 0.22), Row(93.78), Row(71.86, 0.75)),
    "reinforce": (Row(91.24, 0.30), Row(91.44, 0.21), Row(93.99), Row(72.92, 0.64)),
    "evolution P30 S10": (Row(91.46, 0.18), Row(91.55, 0.14), Row(94.14), Row(73.41, 0.22)),
    "evolution": (Row(91.48, 0.16), Row(91.58, 0.04), Row(94.17), Row(73.38, 0.19)),
    "tpe": (Row(91.48, 0.13), Row(91.59, 0.03), Row(94.20), Row(73.38, 0.20)),
    "local": (Row(91.54, 0.14), Row(91.60, 0.05), Row(94.26), Row(73.48, 0.11)),
    "graph_gp": (Row(91.60, 0.02), Row(91.61, 0.00), Row(94.35), Row(73.48, 0.07)),
}
"""Known rows: validation accuracy on CIFAR-10 after 100 and 200 trials, test accuracy after 100; validation on CIFAR-100 after 200."""
TWO = {
    "random": (Row(93.8), Row(96.3), Row(98.1)),
    "nsga2": (Row(96.1), Row(98.4), Row(99.5)),
    "nsga2 P50": (Row(94.6), Row(97.9), Row(99.3)),
}
"""Known shares of hypervolume after 100, 200 and 500 trials: error and latency on an edge GPU, reference point 30 %, 12 ms."""


def matches() -> dict[str, Match]:
    """What is played: isomorphic cells count once where accuracy alone counts; their latencies were measured apart."""
    hundred = Table(CELLS, ("error=1-val200_cifar100/100",), ("error=1-test200_cifar100/100",))
    latency = Table(CELLS, ("auto", "edge_ms=cifar10.edgegpu_latency"), beside=HARDWARE)
    settings = {"cells": 1, "channels": 4}
    return {
        "C10": Match("cell", settings, Table(CELLS), (Objective("error"),), 200),
        "C100": Match("cell", settings, hundred, (Objective("error"),), 200),
        "two": Match(LABELLED, {}, latency, (Objective("error"), Objective("edge_ms")), 500),
    }


def accuracy(comparison: Comparison, name: str, after: int, test: bool = False) -> Row:
    """Accuracy in percent of the network that is best by validation after so many trials."""
    curves = comparison.curves[name]
    error = curves["test"] if test else curves["regret"] + comparison.goal.points[0, 0]
    return row(100 * (1 - error[:, after - 1]))


def share(comparison: Comparison, name: str, after: int) -> Row:
    """Share of the best front's hypervolume in percent after so many trials."""
    return row(100 * comparison.curves[name]["hypervolume"][:, after - 1])


def row(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Row:
    """Mean and standard deviation over runs."""
    found = [float(value) for value in values]
    return Row(mean(found), stdev(found) if len(found) > 1 else float("nan"))


def text(cell: Row) -> str:
    """A cell of the tables."""
    return f"{cell.mean:.2f}" if np.isnan(cell.std) else f"{cell.mean:.2f}+-{cell.std:.2f}"


def reached(ours: Sequence[Row], known: Sequence[Row], runs: int) -> str:
    """Whether every mean is as good, but for two standard errors and a tolerance."""
    good = [a.mean >= b.mean - 2 * a.std / runs**0.5 - TOLERANCE for a, b in zip(ours, known, strict=True)]
    return "yes" if all(good) else "no"


def table(
    title: str, heads: Sequence[str], ours: Mapping[str, Sequence[Row]], known: Mapping[str, Sequence[Row]], runs: Mapping[str, int]
) -> None:
    """Our rows, each with the known one of the same strategy below it."""
    rows = [["optimum (known)", *map(text, known["optimum"]), "", ""]] if "optimum" in known else []
    for name, cells in ours.items():
        verdict = reached(cells, known[name], runs[name]) if name in known else ""
        rows.append([name, *map(text, cells), str(runs[name]), verdict])
        if name in known:
            rows.append(["  known", *map(text, known[name]), "", ""])
    show(title, ["strategy", *heads, "runs", "reached"], rows)


def played(names: Sequence[str], runs: int, match: Match, reference: Sequence[float] | None, workers: int) -> dict[str, Comparison]:
    """Every strategy on one table; those that think long have fewer runs."""
    counts = {name: min(runs, FEWER_RUNS.get(name, runs)) for name in names}
    found: dict[str, Comparison] = {}
    for count in sorted(set(counts.values()), reverse=True):
        together = {name: ALSO.get(name, Player(name)) for name in names if counts[name] == count}
        comparison = compare(match, together, runs=count, workers=workers, reference=reference)
        found |= dict.fromkeys(together, comparison)
    return {name: found[name] for name in names}


@dataclass
class Timed:
    """A strategy with a stop watch: `taken` has the seconds of ask and tell for every trial."""

    strategy: Strategy
    taken: list[float] = field(default_factory=lambda: [0.0])

    def begin(self, problem: Problem) -> None:
        if isinstance(self.strategy, Informed):
            self.strategy.begin(problem)

    def ask(self, rng: np.random.Generator) -> Choices:
        began = time.perf_counter()
        choices = self.strategy.ask(rng)
        self.taken[-1] += time.perf_counter() - began
        return choices

    def tell(self, trial: Trial) -> None:
        began = time.perf_counter()
        self.strategy.tell(trial)
        self.taken[-1] += time.perf_counter() - began
        self.taken.append(0.0)


def overhead(match: Match, name: str) -> float:
    """Median milliseconds of ask and tell for one trial of 200, its networks analysed before: a run is played twice."""
    for _ in range(2):
        timed = Timed(ALSO.get(name, Player(name)).make())
        play(match, timed, 0)
    return 1000 * median(timed.taken[:-1])


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="strategies; all when left out")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if not Path(CELLS).is_file():
        raise SystemExit(f"{CELLS} is not there: these tables need NAS-Bench-201")
    names = options.names or [*(name for name in STRATEGIES if name != "exhaustive"), *ALSO]
    began = time.perf_counter()
    ten, hundred, two_goals = (
        played(names, options.runs, match, (0.30, 12.0) if key == "two" else None, options.workers) for key, match in matches().items()
    )
    runs = {name: len(comparison.played[name]) for name, comparison in ten.items()}
    one = {
        name: (*(accuracy(ten[name], name, after) for after in (100, 200)), accuracy(ten[name], name, 100, test=True),
               accuracy(hundred[name], name, 200))
        for name in names
    }  # fmt: skip
    two = {name: tuple(share(two_goals[name], name, after) for after in (100, 200, 500)) for name in names}
    heads = ["C10 @100", "C10 @200", "C10 test @100", "C100 @200"]
    table("NAS-Bench-201: accuracy of the best by validation (%)", heads, one, ONE, runs)
    table("NAS-Bench-201: share of the best hypervolume, error x edge-GPU latency (%)", ["@100", "@200", "@500"], two, TWO, runs)
    thinking = [[name, *(f"{overhead(replace(match, trials=200), name):.3f}" for match in matches().values())] for name in names]
    show("Median of ask and tell for one trial of 200 (ms)", ["strategy", *matches()], thinking)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
