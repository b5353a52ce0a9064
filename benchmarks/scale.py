"""Many workers: overhead of the loop, throughput by processes and by Ray, beside plain Ray Tune: `python -m benchmarks.scale`."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from archsearch import load_space, search
from archsearch.evaluators.base import Candidate, Report
from archsearch.evaluators.table import Table
from archsearch.runs.cluster import alone
from archsearch.runs.placement import Placement
from archsearch.runs.standing import Standing
from archsearch.spaces.space import Space
from archsearch.strategies import Random
from benchmarks.timing import show

LOOKED_UP, NAPS, CROWD, CROWDED, TUNED = 100, 24, 64, 1200, 320
"""Trials of the overhead, and of two workers; workers of the crowd, its trials, and those of Ray Tune."""
CROWDED_IN = Placement("ray", cpus_per_trial=0.01)
"""Sleeping needs no core."""


@dataclass(frozen=True)
class Nap:
    """Sleeps instead of training; the error falls with the params."""

    seconds: float = 1.0
    metrics = ("error",)

    def setting(self) -> dict[str, object]:
        """As of a small data set."""
        return {"input": (1, 8, 8), "classes": 10}

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """The error, a while later."""
        sleep(self.seconds)
        return {"error": 1 / (1 + len(candidate.genotype.nodes))}


class Row(NamedTuple):
    """A line of the table."""

    what: str
    measured: str
    more: str
    bar: str


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for a run, gone afterwards."""
    with TemporaryDirectory(prefix="archsearch-scale-") as name:
        yield Path(name) / "run"


class Clocked:
    """When trials were done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, at: Standing) -> None:
        """A step of the search."""
        self.times += [perf_counter()] * (at.done - len(self.times))


def looked_up() -> Row:
    """Milliseconds from one trial to the next where results are looked up: ask, analyse, evaluate, record, tell."""
    evaluator, clock = Table(), Clocked()
    space = load_space("small_cell", **evaluator.setting())
    with folder() as out:
        search(space, Random(), evaluator, objectives=("error", "macs"), trials=LOOKED_UP, workers=0, out=out, progress=clock)
    each = (clock.times[-1] - clock.times[0]) / (len(clock.times) - 1)
    return Row("loop for a trial, inline, table", f"{1e3 * each:.2f} ms", f"{LOOKED_UP} trials", "5 ms at most")


def rate(times: Sequence[float], workers: int) -> float:
    """Trials a second once all workers are at work, which takes its time: over three rounds before the last, in which they run dry."""
    return 3 * workers / (times[-workers - 1] - times[-4 * workers - 1])


def napping(workers: int, trials: int, seconds: float, placement: Placement | None) -> float:
    """Trials a second of a search whose evaluations sleep."""
    clock = Clocked()
    options: dict[str, Any] = {"trials": trials, "workers": workers, "placement": placement, "progress": clock}
    with folder() as out:
        search(cells(), Random(), Nap(seconds), objectives=("error", "macs"), out=out, **options)
    return rate(clock.times, workers)


def cells() -> Space:
    """The space of all searches here."""
    return load_space("cell", **Nap().setting())


def tuned(workers: int, trials: int, seconds: float) -> float:
    """The same sleep under Ray Tune with its random searcher, and with actors reused, as it does best."""
    import ray
    from ray import tune

    times: list[float] = []

    class Watch(tune.Callback):  # type: ignore[misc]
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            times.append(perf_counter())

    def sleeping(config: dict[str, Any]) -> None:
        sleep(seconds)
        tune.report({"error": 1 / (1 + sum(config.values()))})

    with TemporaryDirectory(prefix="archsearch-scale-") as name, alone():
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="error")
        tune.Tuner(
            tune.with_resources(sleeping, {"cpu": CROWDED_IN.cpus_per_trial}),
            param_space={name: tune.choice(list(range(len(options)))) for name, options in cells().options().items()},
            tune_config=tune.TuneConfig(num_samples=trials, max_concurrent_trials=workers, reuse_actors=True, metric="error", mode="min"),
            run_config=tune.RunConfig(storage_path=name, verbose=0, callbacks=[Watch()]),
        ).fit()
        ray.shutdown()
    return rate(times, workers)


def two(name: str, placement: Placement | None) -> Row:
    """How much more two workers do than one, when an evaluation takes a second."""
    one, both = (napping(workers, NAPS * workers // 2, 1.0, placement) for workers in (1, 2))
    bar = 1.8 if placement else 1.9
    return Row(f"two workers against one, {name}", f"{both / one:.2f} times", f"{both:.2f} a second", f"{bar} times at least")


def crowd(name: str, rate: float, nap: float, bar: str) -> Row:
    """What many sleeping workers do, against one that never waits."""
    return Row(f"{CROWD} workers that sleep for {nap:g} s, {name}", f"{rate * nap:.1f} times", f"{rate:.2f} a second", bar)


PARTS: dict[str, Callable[[float], Row]] = {
    "loop": lambda nap: looked_up(),
    "processes": lambda nap: two("processes", None),
    "ray": lambda nap: two("Ray", Placement("ray")),
    "crowd": lambda nap: crowd("processes", napping(CROWD, CROWDED, nap, None), nap, "60 times at least"),
    "crowd-ray": lambda nap: crowd("Ray", napping(CROWD, CROWDED, nap, CROWDED_IN), nap, "60 times at least"),
    "crowd-tune": lambda nap: crowd("plain Ray Tune", tuned(CROWD, TUNED, nap), nap, "half of ours at most"),
}


def main() -> None:
    """Print what was measured."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--nap", type=float, default=4.0, help="seconds that each of the crowd sleeps for a trial")
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        show("", ("what", "measured", "", "bar"), [PARTS[part](arguments.nap)])


if __name__ == "__main__":
    main()
