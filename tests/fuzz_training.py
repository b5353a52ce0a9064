"""What a training leaves, read again: weights, banks, checkpoints and tables on their way, for `tests.fuzz`."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from archsearch.data.description import Description
from archsearch.evaluators.train import Train
from archsearch.exporters.network import gather
from archsearch.exporters.source.reader import read_safetensors
from archsearch.network.compiler import compile_network
from archsearch.runs.database import connect
from archsearch.runs.owner import Lock
from archsearch.runs.search import Budget
from archsearch.runs.store import disk_errors
from archsearch.runs.tabulate import Networks, kept, to_arrays
from archsearch.sharing.folder import RECORD, optimizer_file, weights_file
from archsearch.sharing.single_path import train_supernet
from archsearch.solo.record import Outcome, TrainingRecord, write_training
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import load_space
from archsearch.supernets.base import Setting, SupernetSearch
from archsearch.supernets.budgeted import Budgeted
from archsearch.supernets.darts import Darts
from archsearch.supernets.fabric import Fabric
from archsearch.training.weights import load_weights, save_weights
from archsearch.zoo import build
from tests.fuzz import Reader

ABOUT = {"format": "archsearch.table/1", "space": "cell", "settings": {"cells": 2}, "seeds": 2, "seed": 0}
FABRIC = {"layers": 3, "scales": 2, "channels": (2,), "input": (1, 4, 4), "classes": 2}
CELL = {"input": (1, 4, 4), "classes": 2}


class StoppedError(BaseException):
    """A training was put down, as Ctrl-C does it."""


@cache
def lenet() -> Any:
    return compile_network(build("lenet5"))


def make_weights(folder: Path) -> None:
    save_weights(lenet(), folder / "w.safetensors")


def make_data(folder: Path) -> Train:
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4), dtype=np.uint8)
    np.savez(folder / "data.npz", images=images, labels=np.arange(20) % 2)
    return Train(data=str(folder / "data.npz"), epochs=2, batch=4)


def make_training(folder: Path) -> None:
    outcome = Outcome(3, {"error": 0.5, "loss": 1.0}, ({"train_loss": 2.0, "error": 0.5},), {"error": 0.25, "loss": 1.0})
    options: dict[str, Any] = {"data": "digits", "epochs": 1, "lr": 0.1}
    data = Description("classification", (1, 4, 4), ("a", "b"), (0.5,), (0.25,), {"images": 20}, {"data": "/d.npz"}, ("a note",))
    record = TrainingRecord("a", "0" * 64, options, (3,), data, "1" * 64, ("stem",), ("head",), {"torch": "2"}, (outcome,), 3)
    write_training(folder, record)


class Trained:
    """A supernet search that was stopped after so many epochs and goes on for one more."""

    def __init__(self, supernet: SupernetSearch, space: str, settings: dict[str, Any], epochs: int, optimizer: str = "adamw") -> None:
        self.optimizer = optimizer
        self.supernet, self.space, self.epochs = supernet, load_space(space, **settings), epochs
        self.train = Train()

    def go_on(self, folder: Path, epochs: int) -> None:
        left = iter(range(epochs))

        def watch(done: int, of: int) -> None:
            if next(left) == epochs - 1:
                raise StoppedError

        setting = Setting(Catalogue(self.space, 1, "adamw"), self.train, Budget(), 0, folder / "s.safetensors", watch=watch)
        try:
            next(iter(self.supernet.run(setting)))
        except StoppedError:
            return

    def make(self, folder: Path) -> None:
        self.train = replace(make_data(folder), optimizer=self.optimizer)
        self.go_on(folder, self.epochs)

    def reader(self) -> Reader:
        return Reader(lambda f: self.go_on(f, 1), self.make, ("s.safetensors",), ("CheckpointError", "SupernetError"), every=8)


class Sharing:
    """A supernet whose training was stopped after one epoch and goes on."""

    def __init__(self) -> None:
        self.space, self.train = load_space("small_cell", **CELL), Train()

    def go_on(self, folder: Path, last: int) -> None:
        def progress(now: Any) -> None:
            if now.done == last:
                raise StoppedError

        try:
            train_supernet(self.space, self.train, folder / "s", epochs=3, progress=progress)
        except StoppedError:
            return

    def make(self, folder: Path) -> None:
        self.train = replace(make_data(folder), optimizer="momentum")
        self.go_on(folder, 1)

    def reader(self) -> Reader:
        files = (RECORD, weights_file(Path(), 1).name, optimizer_file(Path(), 1).name)
        return Reader(
            lambda f: self.go_on(f, 2), self.make, tuple(f"s/{name}" for name in files), ("SharingError", "EvaluationError"), every=8
        )


def make_part(folder: Path) -> None:
    with_curve = {"metrics": {"error": 0.5, "seconds": 1.0}, "tests": {"error": 0.5}, "curve": [{"error": 0.6}, {"error": 0.5}]}
    lines = [ABOUT, *([[place, n], with_curve if n else {"failure": "diverged"}] for place in range(2) for n in range(2))]
    (folder / "t.npz.part").write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines))


def read_part(folder: Path) -> None:
    catalogue = Catalogue(load_space("small_cell"), 1, "adamw")
    entries = [catalogue.draw(np.random.default_rng(n)) for n in range(2)]
    with kept(folder / "t.npz.part", ABOUT, 2) as (results, keep):
        for place in range(2):
            for n in range(2):
                if (place, n) not in results:
                    keep((place, n), {"failure": "crashed"})
        to_arrays(Networks(entries, [entry.choices for entry in entries], [0, 1]), results, ABOUT)


def read_lock(folder: Path) -> None:
    with disk_errors(folder):
        Lock(folder).close()


def make_lock(folder: Path) -> None:
    with connect(folder / "run.lock") as db:
        db.execute("CREATE TABLE a (b)")
    db.close()


def make_odd(folder: Path) -> None:
    """Tensors of all types."""
    types = (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool)
    save_file({str(kind): torch.zeros(2, 2).to(kind) for kind in types}, folder / "w.safetensors")


READERS = {
    "weights": Reader(lambda f: load_weights(lenet(), f / "w.safetensors"), make_weights, ("w.safetensors",), ("WeightsError",)),
    "export": Reader(lambda f: gather(build("lenet5"), f / "w.safetensors"), make_weights, ("w.safetensors",), ("ExportError",)),
    "model.py": Reader(lambda f: read_safetensors(f / "w.safetensors"), make_odd, ("w.safetensors",), ("ValueError",)),
    "part": Reader(read_part, make_part, ("t.npz.part",), ("TableError",), every=4),
    "lock": Reader(read_lock, make_lock, ("run.lock",), ("StoreError", "LockedError")),
    "shared": Sharing().reader(),
    "darts": Trained(Darts(tune=2, points=1, hold=("channels=4",)), "small_cell", CELL, 3).reader(),
    "gates": Trained(Budgeted(tune=2, gates="concrete", warm=0), "fabric", FABRIC, 1).reader(),
    "budgeted": Trained(Budgeted(tune=2, warm=0), "fabric", FABRIC, 3).reader(),
    "fabric": Trained(Fabric(tune=2), "fabric", FABRIC, 3, "momentum").reader(),
}
