"""A long search: what a trial costs in time, on disk and in the driver's memory: `python -m benchmarks.endurance [--trials 20000]`."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from archsearch.evaluators.base import Candidate, Report
from archsearch.runs.search import search
from archsearch.runs.standing import Standing
from archsearch.spaces.space import load_space
from archsearch.strategies import Nsga2, Random, Strategy
from benchmarks.strategies import resident_mb
from benchmarks.timing import show

WARM = 1000
"""Trials until all is loaded that a search needs."""
PLAYERS: dict[str, Callable[[], Strategy]] = {"random": Random, "nsga2": Nsga2}


@dataclass(frozen=True)
class LookedUp:
    """An error that is read off the fingerprint, as quickly as from a table, of however many networks."""

    batch: int = 1
    optimizer: str = "sgd"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("error",)

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        return {"error": int(candidate.genotype.fingerprint[:8], 16) / 2**32}


def endured(strategy: Strategy, trials: int) -> list[float]:
    """Milliseconds a trial; MB that the driver grew by in all, and after the first WARM trials; KB a trial on disk."""
    marks: dict[int, float] = {}

    def tick(at: Standing) -> None:
        if at.done == WARM:
            marks.setdefault(at.done, resident_mb())

    before, began = resident_mb(), time.perf_counter()
    with TemporaryDirectory() as place:
        run = search(
            load_space("chain", input=(1, 8, 8), classes=10), strategy, LookedUp(), objectives=("error", "params"), trials=trials,
            out=Path(place) / "run", workers=0, progress=tick,
        )  # fmt: skip
        took, after = time.perf_counter() - began, resident_mb()
        size = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    return [1000 * took / trials, after - before, after - marks.get(WARM, before), size / trials / 1000]


def main() -> None:
    """Print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(PLAYERS), help="strategies: random, nsga2")
    parser.add_argument("--trials", type=int, default=20_000)
    options = parser.parse_args()
    rows = [[name, *(f"{value:.2f}" for value in endured(PLAYERS[name](), options.trials))] for name in options.names]
    heads = ["strategy", "ms a trial", "driver grew by MB", f"of that after {WARM:,} trials", "KB a trial on disk"]
    show(f"{options.trials:,} trials of the space chain, looked up, in one process", heads, rows)


if __name__ == "__main__":
    main()
