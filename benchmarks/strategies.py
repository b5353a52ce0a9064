"""Strategies on NAS-Bench-201, beside known rows: `python -m benchmarks.strategies [--runs 100] [--far NAME] [NAME ...]`."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np

from archsearch.evaluators.table import Table
from archsearch.runs.compare import BASELINE, Comparison, Match, Player, compare, play, processes
from archsearch.runs.compare.comparison import signed_ranks
from archsearch.runs.search import search
from archsearch.spaces.space import Choices, load_space
from archsearch.strategies import STRATEGIES, Problem, Strategy, begin
from archsearch.trial import Objective, Trial
from benchmarks.places import TABLES
from benchmarks.timing import show

CELLS, HARDWARE = str(TABLES / "nasbench201.npz"), str(TABLES / "hwnasbench201.npz")
LABELLED = str(Path(__file__).with_name("labelled_cells.py"))
LEFT_OUT = ("exhaustive", "proposer")
"""The one does not search, the other is what its user writes."""
THINKING = ("auto", "graph_gp", "optuna", "predictor", "reinforce")
"""Strategies that learn a model have as many runs as the rows beside them."""
LONG = ("random", "reinforce")
"""These two are set against each other after 500 trials."""
SKIPPED = {"C10": ("predictor",), "C100": ("predictor",), "two": ("graph_gp", "predictor", "reinforce", "optuna")}
"""What takes long and has no known row there is left out unless it is named."""
ALSO = {
    "evolution P30 S10": Player("evolution", {"population": 30, "tournament": 10}),
    "nsga2 P50": Player("nsga2", {"population": 50}),
}
TOLERANCE = 0.03
FAR = 600
"""Trials of a run far beyond where strategies are set beside each other."""
EVALUATIONS = 10_000


class Row(NamedTuple):
    """Mean and standard deviation, in percent; NaN where it is not known."""

    mean: float
    std: float = float("nan")


Known = dict[str, dict[str, Row]]
"""By strategy, and by column: after so many trials, by validation or on the test part."""
TEN: Known = {
    "optimum": {"100": Row(91.61), "200": Row(91.61), "test 100": Row(94.37)},
    "random": {"100": Row(91.04, 0.28), "200": Row(91.18, 0.22), "test 100": Row(93.78)},
    "reinforce": {"100": Row(91.24, 0.30), "200": Row(91.44, 0.21), "test 100": Row(93.99)},
    "evolution P30 S10": {"100": Row(91.46, 0.18), "200": Row(91.55, 0.14), "test 100": Row(94.14)},
    "evolution": {"100": Row(91.48, 0.16), "200": Row(91.58, 0.04), "test 100": Row(94.17)},
    "optuna": {"100": Row(91.48, 0.13), "200": Row(91.59, 0.03), "test 100": Row(94.20)},
    "local": {"100": Row(91.54, 0.14), "200": Row(91.60, 0.05), "test 100": Row(94.26)},
    "graph_gp": {"60": Row(91.55), "80": Row(91.59), "100": Row(91.60, 0.02), "200": Row(91.61, 0.00), "test 100": Row(94.35)},
}
HUNDRED: Known = {
    "optimum": {"200": Row(73.49)},
    "random": {"200": Row(71.86, 0.75)},
    "reinforce": {"200": Row(72.92, 0.64)},
    "evolution P30 S10": {"200": Row(73.41, 0.22)},
    "evolution": {"200": Row(73.38, 0.19)},
    "optuna": {"200": Row(73.38, 0.20)},
    "local": {"200": Row(73.48, 0.11)},
    "graph_gp": {"120": Row(73.45), "200": Row(73.48, 0.07)},
}
TWO: Known = {
    "random": {"100": Row(93.8), "200": Row(96.3), "500": Row(98.1)},
    "nsga2": {"100": Row(96.1), "200": Row(98.4), "500": Row(99.5)},
    "nsga2 P50": {"100": Row(94.6), "200": Row(97.9), "500": Row(99.3)},
}
"""Known shares of hypervolume: error and latency on an edge GPU, reference point 30 %, 12 ms."""
BARS: dict[str, dict[str, Row]] = {
    "C10": {"60": Row(91.55), "80": Row(91.60)},
    "C100": {"120": Row(73.46)},
    "two": {"100": Row(98.0), "200": Row(99.5)},
}
"""What the default has to reach, exactly."""
HEADS = {"C10": ("60", "80", "100", "200", "500", "test 100"), "C100": ("100", "120", "200", "500"), "two": ("100", "200", "500")}
TITLES = {
    "C10": "CIFAR-10: accuracy of the best by validation (%), after so many trials",
    "C100": "CIFAR-100: accuracy of the best by validation (%), after so many trials",
    "two": "CIFAR-10: share of the best hypervolume (%), error x edge-GPU latency",
}


def matches() -> dict[str, Match]:
    """What is played: isomorphic cells count once where accuracy alone counts; their latencies were measured apart."""
    hundred = Table(CELLS, ("error=1-val200_cifar100/100",), ("error=1-test200_cifar100/100",))
    latency = Table(CELLS, ("auto", "edge_ms=cifar10.edgegpu_latency"), beside=HARDWARE)
    settings = {"cells": 1, "channels": 4}
    return {
        "C10": Match("cell", settings, Table(CELLS), (Objective("error"),), 200),
        "C100": Match("cell", settings, hundred, (Objective("error"),), 200),
        "two": Match("cell", settings, latency, (Objective("error"), Objective("edge_ms")), 200, written=True),
    }


def played(key: str, match: Match, names: Sequence[str], runs: int, few: int, pool: Executor) -> dict[str, Comparison]:
    """Every strategy on one table; those that learn a model play less, but for what they are known for."""
    longer = [name for name in names if (name not in THINKING if key == "two" else name in LONG)]
    bound = (0.30, 12.0) if key == "two" else None
    counts = {name: few if name in THINKING else runs for name in names}
    found: dict[str, Comparison] = {}
    for trials, part in ((500, longer), (200, [name for name in names if name not in longer])):
        if part:
            players = {name: replace(ALSO.get(name, Player(name)), runs=counts[name]) for name in part}
            comparison = compare(replace(match, trials=trials), players, runs=runs, pool=pool, reference=bound)
            found |= dict.fromkeys(part, comparison)
    return {name: found[name] for name in names}


def cell(comparison: Comparison, name: str, head: str) -> Row | None:
    """Accuracy of the network that is best by validation, or share of the best hypervolume; None where no run was so long."""
    after, curves = int(head.split()[-1]), comparison.curves[name]
    if after > comparison.match.trials:
        return None
    if "hypervolume" in curves:
        return row(100 * curves["hypervolume"][:, after - 1])
    error = curves["test"] if head.startswith("test") else curves["regret"] + comparison.goal.points[0, 0]
    return row(100 * (1 - error[:, after - 1]))


def row(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Row:
    """Mean and standard deviation over runs."""
    found = [float(value) for value in values]
    return Row(mean(found), stdev(found) if len(found) > 1 else 0.0)


def text(cell: Row | None) -> str:
    """A cell of the tables."""
    if cell is None:
        return ""
    return f"{cell.mean:.2f}" if np.isnan(cell.std) else f"{cell.mean:.2f}±{cell.std:.2f}"


def reached(ours: Mapping[str, Row | None], known: Mapping[str, Row], runs: int, exact: bool = False) -> str:
    """Whether every mean is as good, but for two standard errors and a tolerance unless `exact`."""
    good = [
        a is not None and (round(a.mean, 2) >= b.mean if exact else a.mean >= b.mean - 2 * a.std / runs**0.5 - TOLERANCE)
        for a, b in ((ours[head], b) for head, b in known.items())
    ]
    return "yes" if all(good) else "no"


def print_table(key: str, comparisons: Mapping[str, Comparison], known: Known) -> None:
    """Our rows, each with the known one of the same strategy below it, or what the default has to reach."""
    heads = HEADS[key]
    below = {name: ("  known", row, False) for name, row in known.items()} | {"auto": ("  to reach", BARS[key], True)}
    rows = [["optimum", *(text(known["optimum"].get(head)) for head in heads), "", ""]] if "optimum" in known else []
    for name, comparison in comparisons.items():
        ours, runs = {head: cell(comparison, name, head) for head in heads}, len(comparison.played[name])
        title, bar, exact = below.get(name, ("", {}, False))
        rows.append([name, *map(text, ours.values()), str(runs), reached(ours, bar, runs, exact) if bar else ""])
        if bar:
            rows.append([title, *(text(bar.get(head)) for head in heads), "", ""])
    show(TITLES[key], ["strategy", *heads, "runs", "reached"], rows)


def against_random(comparisons: Mapping[str, Mapping[str, Comparison]]) -> None:
    """How much less regret REINFORCE has than random search, with the same seeds."""
    rows = []
    for key in ("C10", "C100"):
        curves = {name: comparisons[key]["reinforce"].curves[name]["regret"] for name in ("reinforce", BASELINE)}
        for after in (200, 500):
            a, b = (100 * curve[: len(curves["reinforce"]), after - 1] for curve in curves.values())
            rows.append([f"{key} @{after}", text(row(b - a)), f"{signed_ranks(a, b):.2g}"])
    show("REINFORCE above random search (points of accuracy)", ["after", "difference", "p"], rows)


def far(name: str) -> None:
    """Print the share of the best hypervolume (%) of one run with two objectives on its way, and the processor's seconds."""
    began = time.process_time()
    comparison = compare(replace(matches()["two"], trials=FAR), {name: Player(name)}, runs=1, reference=(0.30, 12.0))
    share = 100 * comparison.curves[name]["hypervolume"][0]
    stops = (100, 200, FAR)
    cells = [name, *(f"{share[after - 1]:.2f}" for after in stops), f"{time.process_time() - began:.0f}"]
    show(f"{TITLES['two']}, one run", ["strategy", *map(str, stops), "processor seconds"], [cells])


@dataclass
class Timed:
    """A strategy with a stop watch: `taken` has the seconds of ask and tell for every trial."""

    strategy: Strategy
    taken: list[float] = field(default_factory=lambda: [0.0])

    def begin(self, problem: Problem) -> None:
        begin(self.strategy, problem)

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


def overhead(name: str) -> list[float]:
    """Median milliseconds of ask and tell for one trial of 200: with every network new, and with all analysed before."""
    found = []
    for _ in range(2):
        timed = Timed(ALSO.get(name, Player(name)).make())
        play(matches()["C10"], timed, 0)
        found.append(1000 * median(timed.taken[:-1]))
    return found


def endurance(stored: bool) -> tuple[float, float]:
    """Seconds, and growth of memory in MB, of 10,000 evaluations with NSGA-II: played, or searched with a run on disk."""
    match = replace(matches()["two"], trials=EVALUATIONS)
    match.table.results()
    nsga, before, began = Player("nsga2").make(), resident_mb(), time.perf_counter()
    if stored:
        with TemporaryDirectory() as folder:
            space = load_space(LABELLED)
            search(space, nsga, match.table, objectives=match.objectives, trials=EVALUATIONS, out=Path(folder) / "run", workers=0)
    else:
        play(match, nsga, 0)
    return time.perf_counter() - began, resident_mb() - before


def resident_mb() -> float:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="strategies; all when left out")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--few", type=int, default=30, help="runs of strategies that learn a model")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--far", metavar="NAME", help=f"only this strategy, with two objectives, once, to {FAR} trials")
    options = parser.parse_args()
    if not Path(CELLS).is_file():
        raise SystemExit(f"{CELLS} is not there: these tables need NAS-Bench-201")
    if options.far:
        far(options.far)
        return
    names = options.names or [*(name for name in STRATEGIES if name not in LEFT_OUT), *ALSO]
    skipped = {} if options.names else SKIPPED
    began, found = time.perf_counter(), {}
    with processes(options.workers) as pool:
        for (key, match), known in zip(matches().items(), (TEN, HUNDRED, TWO), strict=True):
            playing = [name for name in names if name not in skipped.get(key, ())]
            found[key] = played(key, match, playing, options.runs, min(options.runs, options.few), pool)
            print_table(key, found[key], known)
            print(f"{time.perf_counter() - began:.0f} s so far", flush=True)
    if "reinforce" in names:
        against_random(found)
    with ProcessPoolExecutor(options.workers, get_context("spawn"), max_tasks_per_child=1) as fresh:
        lasting, thinking = fresh.map(endurance, (False, True)), fresh.map(overhead, names)  # both begin at once
        took = [[name, *(f"{ms:.2f}" for ms in taken)] for name, taken in zip(names, thinking, strict=True)]
        show("Median of ask and tell for one trial of 200 (ms)", ["strategy", "networks new", "analysed before"], took)
        lasted = list(zip(("played", "searched, with a run on disk"), lasting, strict=True))
    rows = [[how, f"{seconds:.0f}", f"{mb:.0f}"] for how, (seconds, mb) in lasted]
    show(f"{EVALUATIONS:,} evaluations with NSGA-II", ["", "seconds", "memory grows by MB"], rows)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
