"""Fabrics, budgets, dense prediction and exits on real data: `python -m benchmarks.fabrics [--tiny] [--folder FOLDER] PART...`.

Parts: pruning, random and budgeted (both compared with pruning, which must have run in that folder), membranes, exits. Each is made
for under 30 minutes on one quiet core; `--tiny` goes through it in a minute or so on the data that come with archsearch.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from archsearch.analysis import Budget, analyse
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.network.genotype import Genotype
from archsearch.network.passes import canonicalise
from archsearch.runs.search import search
from archsearch.runs.store import Run, open_run
from archsearch.spaces.space import Space, load_space
from archsearch.strategies import Evolution, Strategy
from archsearch.supernets import SupernetSearch
from archsearch.supernets.budgeted import Budgeted
from archsearch.supernets.fabric import Fabric
from archsearch.trial import Trial
from benchmarks.places import DATA, FASHION_MNIST
from benchmarks.timing import show

RANDOM, HELD_OUT = 20, 6


@dataclass(frozen=True)
class Scale:
    """How large everything is, and on which data."""

    folder: Path
    tiny: bool

    @property
    def clothes(self) -> Train:
        """Fashion-MNIST, or the digits."""
        if self.tiny:
            return Train(epochs=2, batch=128)
        return Train(data="fashion-mnist", data_dir=str(FASHION_MNIST), epochs=10, batch=128)

    def fabric(self, **settings: Any) -> Space:
        """A fabric of 4 layers and 4 scales with 8 channels, 36 edges of which 30 are choices; smaller if tiny."""
        size = {"layers": 3, "scales": 3, "channels": (4,)} if self.tiny else {"layers": 4, "scales": 4, "channels": (8,)}
        return load_space("fabric", **{**size, **self.clothes.setting(), **settings})

    def run(
        self, name: str, space: Space, strategy: Strategy | SupernetSearch, train: Train, objectives: Sequence[str], **options: Any
    ) -> Run:
        """A search in the folder; one that is there already is taken as it is."""
        out = self.folder / name
        if not (out / "run.json").is_file():
            search(space, strategy, train, objectives=objectives, out=out, workers=0, **options)
        return open_run(out)

    def alone(self, name: str, genotype: Genotype, train: Train, seed: int = 0) -> tuple[dict[str, float], dict[str, float]]:
        """Metrics on the validation and the test part of a network that is trained by itself."""
        candidate = Candidate(0, genotype, seed, self.folder / f"{name}.safetensors")
        return train.evaluate(candidate, lambda epoch, metrics: False), train.test(candidate)


def percent(error: float) -> str:
    """An error as an accuracy."""
    return f"{100 * (1 - error):.2f}"


def edges(run: Run, trial: Trial) -> int:
    """Convolutions on edges of a fabric."""
    return sum(node.op.kind == "conv2d" and node.name.startswith("layer") for node in run.genotype(trial.number).nodes)


def pruned(scale: Scale) -> Run:
    """The run of `pruning`."""
    supernet = Fabric(tune=1) if scale.tiny else Fabric(tune=5, share=0.29, floor=0.2, pace=0.5)
    return scale.run("pruning", scale.fabric(), supernet, scale.clothes, ("error", "macs"), trials=30)


def pruning(scale: Scale) -> None:
    """The bars: 90 % with every edge; with a third of them at most 0.7 points less."""
    run = pruned(scale)
    whole = edges(run, run.trial(0))
    rows = []
    for trial in run.trials:
        left = edges(run, trial)
        cells = [f"{left}", f"{left / whole:.2f}", f"{trial.metrics['params']:,.0f}", f"{trial.metrics['macs']:,.0f}"]
        test = percent(run.tests[trial.number]["error"]) if trial.number in run.tests else "-"
        lost = 100 * (trial.metrics["error"] - run.trial(0).metrics["error"])
        rows.append([str(trial.number), *cells, percent(trial.metrics["error"]), f"{lost:+.2f}", test])
    columns = ["step", "edges", "share", "params", "macs", "validation %", "lost", "test %"]
    show("Pruning a fabric (bars: 90 % whole; at a third of the edges at most 0.7 lost)", columns, rows)


def at_cost(run: Run, macs: float) -> Trial | None:
    """The best trial of a run that costs no more."""
    within = [trial for trial in run.trials if trial.ok and trial.metrics["macs"] <= macs]
    return min(within, key=lambda trial: trial.metrics["error"], default=None)


def random(scale: Scale) -> None:
    """20 random sub-fabrics trained alone, each beside the pruned network of no more multiply-adds."""
    run, space = pruned(scale), scale.fabric()
    rows: list[list[str]] = []
    train = replace(scale.clothes, epochs=1 if scale.tiny else 3)
    smallest = min(trial.metrics["macs"] for trial in run.trials if trial.ok)
    probe, count = 0, 3 if scale.tiny else RANDOM
    while len(rows) < count:
        probe += 1
        try:
            genotype = canonicalise(space.sample(np.random.default_rng([7, probe])).genotype)
        except ValueError:
            continue
        macs = analyse(genotype).macs
        ours = at_cost(run, max(macs, smallest))
        assert ours is not None
        error = scale.alone("random", genotype, train, seed=probe)[0]["error"]
        rows.append([str(probe), f"{macs:,}", percent(error), f"{ours.metrics['macs']:,.0f}", percent(ours.metrics["error"])])
    means = ["mean", "", f"{np.mean([float(row[2]) for row in rows]):.2f}", "", f"{np.mean([float(row[4]) for row in rows]):.2f}"]
    title = f"Random sub-fabrics trained alone, {train.epochs} epochs each (bar: the front is better in the mean)"
    show(title, ["seed", "macs", "validation %", "pruned macs", "validation %"], [*rows, means])


def budgeted(scale: Scale) -> None:
    """Three budgets in one run, each beside the pruned network of no more multiply-adds."""
    space, reference = scale.fabric(), pruned(scale)
    whole = reference.trial(0).metrics["macs"]
    budget = Budget(macs=int(0.6 * whole))
    supernet = Budgeted(walk=(1.0, 0.6, 0.35), again=1 if scale.tiny else 2, tune=1 if scale.tiny else 3, warm=1, pace=0.5)
    train = replace(scale.clothes, epochs=2 if scale.tiny else 6)
    run = scale.run("budgeted", space, supernet, train, ("error", "macs"), budget=budget, trials=3)
    rows = []
    for share, trial in zip(supernet.walk, run.trials, strict=False):
        limit, beside = share * 0.6 * whole, at_cost(reference, max(trial.metrics["macs"], 1))
        theirs = "-" if beside is None else percent(beside.metrics["error"])
        used = f"{trial.metrics['macs'] / limit:.3f}"
        rows.append([f"{limit:,.0f}", f"{trial.metrics['macs']:,.0f}", used, percent(trial.metrics["error"]), theirs])
    show("Budgets (bars: each met; accuracy falls with the budget)", ["limit", "macs", "share", "validation %", "pruned %"], rows)


def membranes(scale: Scale) -> None:
    """A pruned grid beside U-Net: as good a mean IoU with a third of its multiply-adds, in the same epochs."""
    if scale.tiny:
        train, scales, channels = Train(data="shapes", epochs=2, batch=16), 3, (4, 2)
    else:
        train, scales, channels = Train(data=str(membrane_file(scale.folder)), crop=64, epochs=20, batch=16), 5, (8, 4)
    setting = {**train.setting(), "task": "segmentation", "doubling": True}
    unet = load_space("fabric", mask="unet", scales=scales, channels=channels[:1], **setting)
    peer = canonicalise(unet.resolve(dict.fromkeys(unet.options(), True), np.random.default_rng(0)).genotype)
    cost = analyse(peer).macs
    grid = load_space("fabric", layers=4, scales=scales, channels=channels[1:], **setting)
    supernet = Fabric(tune=1) if scale.tiny else Fabric(tune=6, share=0.3, pace=0.5)
    run = scale.run("membranes", grid, supernet, train, ("error", "macs"), budget=Budget(macs=cost // 3), trials=1)
    epochs = train.epochs + supernet.tune * run.refusals.total()  # a step for every network that was over the budget
    began = time.perf_counter()
    _, theirs = scale.alone("unet", peer, replace(train, epochs=epochs))
    alone = time.perf_counter() - began
    rows = [["U-Net", f"{cost:,}", "1.00", f"{theirs['miou']:.4f}", f"{theirs['pixel_accuracy']:.4f}", f"{alone:.0f}"]]
    for trial in run.front():
        found, macs = run.tests[trial.number], trial.metrics["macs"]
        rows.append([f"grid {trial.number}", f"{macs:,.0f}", f"{macs / cost:.2f}", f"{found['miou']:.4f}", f"{found['pixel_accuracy']:.4f}",
                     f"{sum(run.seconds.values()):.0f}"])  # fmt: skip
    show("Membranes (bar: the IoU of U-Net with a third of its macs)", ["network", "macs", "share", "test mIoU", "pixels", "seconds"], rows)


def membrane_file(folder: Path) -> Path:
    """The ISBI membranes as archsearch reads them: 24 images for training and validation, the last 6 as the test part."""
    path = folder / "membranes.npz"
    if not path.is_file():
        with np.load(DATA / "isbi_membrane" / "isbi_membrane.npz") as given:
            images, masks = given["x"], given["y"]
        np.savez(path, images=images, masks=masks, test=np.arange(len(images)) >= len(images) - HELD_OUT, flip=np.array(True))
    return path


def exits(scale: Scale) -> None:
    """A search among any-time networks; the last exit of the best beside a twin with that exit alone."""
    places = (2, 4) if scale.tiny else (2, 4, 6)
    train = replace(scale.clothes, epochs=1 if scale.tiny else 2)
    settings: dict[str, Any] = {"mask": "msdnet", "scales": 3, "channels": (8,), "doubling": True, **train.setting()}
    space = load_space("fabric", exits=places, **settings)
    run = scale.run("exits", space, Evolution(population=4, tournament=2), train, ("anytime_error", "macs"), trials=3 if scale.tiny else 5)
    best = run.front()[0]
    single = load_space("fabric", exits=places[-1:], **settings)
    twin = canonicalise(single.resolve(best.choices, np.random.default_rng(0)).genotype)
    error = scale.alone("twin", twin, train)[1]["error"]
    rows = [
        [f"exit {place}", f"{best.metrics[f'macs_exit{place}']:,.0f}", percent(run.tests[best.number][f"error_exit{place}"])]
        for place in range(1, len(places) + 1)
    ]
    show("Exits (bars: each better than the one before; the last within 0.5 of the twin)", ["", "macs", "test %"],
         [*rows, ["single-exit twin", f"{analyse(twin).macs:,}", percent(error)]])  # fmt: skip


PARTS: dict[str, Callable[[Scale], None]] = {
    "pruning": pruning, "random": random, "budgeted": budgeted, "membranes": membranes, "exits": exits
}  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Go through the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fabrics", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--tiny", action="store_true", help="small networks on the data that come with archsearch")
    parser.add_argument("--folder", type=Path, default=Path("results") / "fabrics", help="where the runs go")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    for part in given.parts or PARTS:
        began = time.perf_counter()
        PARTS[part](Scale(given.folder, given.tiny))
        print(f"{part}: {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    main(sys.argv[1:])
