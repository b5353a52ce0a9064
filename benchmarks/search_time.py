"""Time to a front: `python -m benchmarks.search_time [--seeds 1] [--parts]`.

Fashion-MNIST, space `cell` with one cell a stage, error and multiply-adds, at most 100,000 params, two processes. The peer is what one
writes by hand: Optuna's NSGA-II, and for every network a plain PyTorch loop at full length. Told is the time until the search here has
the hypervolume that the peer has after its trials; the same images, epochs and validation part for both. With inheritance a network's
weights have seen more epochs than its own, those of the networks that it had them from; without, no weights have.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna
import torch

from archsearch import Budget, Fidelity, Genotype, analyse, load_space, search
from archsearch.data.datasets import load_data
from archsearch.evaluators.train import Train
from archsearch.network.compiler import compile_network
from archsearch.pareto import hypervolume
from archsearch.runs.record import Prefilter
from archsearch.runs.standing import Standing
from archsearch.runs.store import open_run
from archsearch.spaces.space import Space
from archsearch.strategies import load_strategy
from archsearch.tasks.feed import part_of
from benchmarks.places import FASHION_MNIST
from benchmarks.plain import Images, Plain, Recipe
from benchmarks.timing import show

WORKERS, TRIALS, MAX_PARAMS, CLASSES = 2, 40, 100_000, 10
FRACTION, EPOCHS, SHIFT = 1 / 12, 4, 2
REFERENCE = 0.5
"""Worst error that counts; that of multiply-adds is the dearest of many random networks."""
TRAIN = Train(data="fashion-mnist", data_dir=str(FASHION_MNIST), fraction=FRACTION, epochs=EPOCHS)
RUNGS = Fidelity("epochs", (0.5, 2, EPOCHS))
ALL: dict[str, Any] = {"strategy": "auto", "fidelity": RUNGS, "prefilter": Prefilter(5), "inherit": True}
WAYS: dict[str, dict[str, Any]] = {
    "all": ALL,
    "without inheritance": {**ALL, "inherit": False},
    "without proxies": {**ALL, "prefilter": None},
    "without the model": {**ALL, "strategy": "evolution"},
    "without rungs": {**ALL, "fidelity": None},
    "none but layout and numbers": {"strategy": "nsga2"},
}
"""The ways of searching; the first is the one that is held against the peer."""
Point = tuple[float, float]


class Reached(NamedTuple):
    """Hypervolume behind so many seconds, and trials."""

    seconds: float
    volume: float
    trials: int


def space() -> Space:
    """The space that both search."""
    return load_space("cell", cells=1, input=(1, 28, 28), classes=CLASSES)


def drawn(seeds: Iterable[int]) -> Iterator[Genotype]:
    """Of the random networks of these seeds those within the budget."""
    networks = (space().sample(np.random.default_rng(seed)).genotype for seed in seeds)
    return (genotype for genotype in networks if analyse(genotype).params <= MAX_PARAMS)


def dearest() -> float:
    """Multiply-adds of the dearest of many random networks within the budget."""
    return max(float(analyse(genotype).macs) for genotype in drawn(range(300)))


def volume(points: Sequence[Point], macs: float) -> float:
    """Share of the box under the reference point that is dominated."""
    return hypervolume([(error / REFERENCE, cost / macs) for error, cost in points], (1.0, 1.0)) if points else 0.0


# The peer


def plainly(choices: Mapping[str, Any], seed: int) -> float:
    """Validation error of a network that is trained by hand at full length; runs in a process of its own."""
    torch.set_num_threads(1)
    data = load_data("fashion-mnist", 0, str(FASHION_MNIST))
    images, labels = part_of((torch.tensor(data.train.images), torch.tensor(data.train.labels)), FRACTION, CLASSES, 0)
    mean, std = (torch.tensor(values)[:, None, None] for values in (data.mean, data.std))
    training = Images(images.contiguous().numpy(), labels.numpy(), mean, std, SHIFT, True)
    judged = Images(data.validation.images, data.validation.labels, mean, std, SHIFT, False)
    network = compile_network(space().resolve(choices, np.random.default_rng(0)).genotype, seed)
    loop = Plain(network, training, judged, Recipe(EPOCHS, TRAIN.batch, TRAIN.lr, TRAIN.weight_decay, SHIFT), seed)
    loop.train()
    return loop.error()


def by_hand(seed: int, macs: float, tell: Callable[[Reached], None]) -> list[Reached]:
    """Optuna's NSGA-II with so many trials, two at a time; networks over the budget are not trained and count as no trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=optuna.samplers.NSGAIISampler(population_size=20, seed=seed))
    options, found = space().options(), list[Reached]()
    points: list[Point] = []
    began = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        waiting: dict[Future[float], tuple[optuna.Trial, float]] = {}
        begun = 0
        while begun < TRIALS or waiting:
            while begun < TRIALS and len(waiting) < WORKERS:
                trial = study.ask()
                choices = {name: trial.suggest_categorical(name, list(offered)) for name, offered in options.items()}
                cost = analyse(space().resolve(choices, np.random.default_rng(0)).genotype)
                if cost.params > MAX_PARAMS:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                    continue
                waiting[pool.submit(plainly, choices, begun)] = (trial, float(cost.macs))
                begun += 1
            for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                trial, dear = waiting.pop(done)
                study.tell(trial, [done.result(), dear])
                points.append((done.result(), dear))
                found.append(Reached(time.perf_counter() - began, volume(points, macs), len(points)))
                tell(found[-1])
    return found


# Ours


class ReachedError(BaseException):
    """There: the search may end."""


def ours(way: Mapping[str, Any], seed: int, macs: float, target: float, out: Path, tell: Callable[[Reached], None]) -> Reached | None:
    """When the search has the hypervolume; None where it never does."""
    options = {name: value for name, value in way.items() if name != "strategy"}
    best = Reached(0.0, 0.0, 0)
    began = time.perf_counter()

    def progress(at: Standing) -> None:
        nonlocal best
        if at.done and at.front:
            points = [(trial.metrics["error"], trial.metrics["macs"]) for trial in open_run(out).front()]
            if volume(points, macs) > best.volume:
                best = Reached(time.perf_counter() - began, volume(points, macs), at.done)
                tell(best)
        if best.volume >= target:
            raise ReachedError

    try:
        search(
            space(), load_strategy(way["strategy"])(), TRAIN, objectives=("error", "macs"), budget=Budget(params=MAX_PARAMS), trials=200,
            seed=seed, out=out, workers=WORKERS, progress=progress, **options,
        )  # fmt: skip
    except ReachedError:
        return best
    return None


def tell(at: Reached) -> None:
    """Print where a search stands."""
    print(f"  {at.seconds:.0f} s: {at.volume:.4f} after {at.trials}", flush=True)


def main() -> None:
    """Search by hand and here, and print the times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--parts", action="store_true", help="search without one part each, too")
    asked = parser.parse_args()
    macs, rows = dearest(), []
    for seed in range(asked.seeds):
        curve = by_hand(seed, macs, tell)
        target = curve[-1].volume
        rows.append([f"by hand, {TRIALS} trials", str(seed), f"{target:.4f}", f"{curve[-1].seconds:.0f}", "1.00"])
        for name, way in list(WAYS.items())[: None if asked.parts else 1]:
            with tempfile.TemporaryDirectory() as folder:
                found = ours(
                    way, seed, macs, target, Path(folder) / "run", lambda at: print(f"  {at.seconds:.0f} s: {at.volume:.4f}", flush=True)
                )
            times = ["never", ""] if found is None else [f"{found.seconds:.0f}", f"{found.seconds / curve[-1].seconds:.2f}"]
            rows.append([name, str(seed), "" if found is None else f"{found.volume:.4f}", *times])
            print(*rows[-1], sep="  ", flush=True)
    ratios = [float(row[-1]) for row in rows if row[0] == "all" and row[-1]]
    show("Time to the hypervolume of a search by hand", ["search", "seed", "hypervolume", "seconds", "share"], rows)
    if ratios:
        print(f"median share of the time {median(ratios):.2f}")


if __name__ == "__main__":
    main()
