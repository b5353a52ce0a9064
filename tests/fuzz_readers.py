"""Every reader of files, with whole files for it, for `tests.fuzz`."""

from __future__ import annotations

import gzip
import shutil
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from archsearch.analysis.latency import Device, read_device
from archsearch.cli.targets import read_genotype
from archsearch.data import load_data
from archsearch.data.datasets import _load
from archsearch.data.loose import read_loose
from archsearch.exporters.reading import read_preprocessing
from archsearch.network.text_form import to_text
from archsearch.runs.database import is_written
from archsearch.runs.following import Follower, some_trials
from archsearch.runs.owner import Lock, owner_file, owner_of
from archsearch.runs.store import Store, open_run
from archsearch.sharing.file import load_bank, save_tensors, weights_of
from archsearch.sharing.folder import SharedWeights, read_supernet
from archsearch.solo.record import read_training
from archsearch.tables.table import load_table
from archsearch.training.checkpoint import load_standing, save_standing
from archsearch.zoo import build
from tests import fuzz_training
from tests.fuzz import Reader

DATA = ("ValueError",)
CONFIG = '{"format": "archsearch.model/1", "mean": [0.5, 0.25], "std": [1.0, 0.5], "id2label": {"0": "a", "1": "b"}, "params": 7}'


def read_run(folder: Path) -> None:
    run = open_run(folder)
    _ = run.trials, run.notes, run.refusals, run.seconds, run.tests, run.front()
    if run.trials:
        run.genotype(run.trials[0].number)
        run.latencies(run.trials[0].fingerprint)
    is_written(folder)


def follow_run(folder: Path) -> None:
    follower = Follower(folder)
    follower.look()
    _ = follower.front(), follower.state
    if follower.run is not None and follower.seconds:
        some_trials(follower.run, follower.seconds)


def make_run(folder: Path) -> None:
    from tests.evaluators import ROOFLINE
    from tests.runs import small_search

    run = small_search(folder / "r", trials=3, latency_device=ROOFLINE)
    with closing(Store(run.folder)) as store:
        store.keep_latency(run.trials[0].fingerprint, "torch, one image, here, 1 thread", {"latency_ms": 1.5, "latency_spread_ms": 0.25})
    for path in (folder / "r").iterdir():
        if path.is_file():
            path.rename(folder / path.name)


def make_earlier(folder: Path) -> None:
    for path in (Path(__file__).parent / "runs_before" / "format-2").iterdir():
        shutil.copy(path, folder)


def make_owner(folder: Path) -> None:
    lock = Lock(folder)
    note = owner_file(folder).read_bytes()
    lock.close()
    owner_file(folder).write_bytes(note)


def write_run(folder: Path) -> None:
    Store(folder).close()


def make_table(folder: Path) -> None:
    arrays = {
        "choices/a": np.arange(6),
        "choices_json/b": np.array(['"x"', "1", "", "true", "null", "2.5"]),
        "metrics/error": np.zeros((6, 2)),
    }
    about = '{"space": "cell", "settings": {"cells": 2}}'
    np.savez(folder / "t.npz", about=np.array(about), network=np.arange(6), **arrays, **{"curves/error": np.zeros((6, 2, 3))})


def make_cells(folder: Path) -> None:
    ops = np.array([[0, 1], [1, 0], [1, 1]])
    names, edges = np.array(["conv", "pool"]), np.array([[0, 1], [1, 2]])
    errors = {"val200_cifar10": np.ones(3), "train_s_per_epoch_cifar10": np.ones(3), "test200_cifar10": np.ones(3)}
    np.savez_compressed(folder / "t.npz", ops=ops, op_names=names, edges=edges, arch=np.array(["a", "b", "c"]), **errors)


def make_images(folder: Path) -> None:
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 4), dtype=np.uint8)
        path = folder / "d" / "ab"[number % 2] / f"{number}.{'png' if number % 3 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        note = Image.Exif()
        note[0x0112] = 6
        Image.fromarray(pixels[..., : 4 if number % 3 == 1 else 3]).save(path, exif=note)


def make_masks(folder: Path) -> None:
    for number in range(4):
        for kind in ("images", "masks"):
            (folder / "d" / kind).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 2, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "d" / kind / f"{number}.png")


def make_idx(folder: Path) -> None:
    for part in ("train", "t10k"):
        for kind, shape in (("images-idx3", (20, 4, 4)), ("labels-idx1", (20,))):
            numbers = (np.arange(int(np.prod(shape))) % 2).astype(np.uint8)
            data = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + numbers.tobytes()
            name = f"{part}-{kind}-ubyte"
            (folder / (name if part == "train" else f"{name}.gz")).write_bytes(data if part == "train" else gzip.compress(data))


def make_cifar(form: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from tests.test_data_cifar import laid, made

        laid(folder, "cifar10", form, made("cifar10", form)[0], "packed" if form == "binary" else "alone")

    return make


def make_houses(folder: Path) -> None:
    from tests.test_data_svhn import house_numbers, mat, matrix, packed

    for part in ("train", "test"):
        images, digits = house_numbers(20)
        (folder / f"{part}_32x32.mat").write_bytes(mat(packed(matrix("X", images)), matrix("y", digits)))


def make_medical(folder: Path) -> None:
    from tests.test_data_published import write_medical

    write_medical(folder, "octmnist", 4, 1)


def make_deep(folder: Path) -> None:
    from tests.test_data_files import deep_png, tiff

    for number in range(40):
        path = folder / "d" / "ab"[number % 2] / f"{number}.{('tif', 'png')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(number).integers(0, 65536, (6, 5), dtype=np.uint16)
        path.write_bytes(deep_png(values[..., None], 0, 7) if number % 2 else tiff(values))


def make_columns(folder: Path) -> None:
    from tests.test_data_published import write_idx

    write_idx(folder, ("qmnist-train", "qmnist-test"), "labels-idx2-int", 10)


def make_list(folder: Path) -> None:
    make_images(folder)
    rows = [f"d/{'ab'[n % 2]}/{n}.{'png' if n % 3 else 'jpg'},{'ab'[n % 2]},{'test' if n > 3 else 'train'}" for n in range(6)]
    _write(folder / "list.csv", "\n".join(["path,label,part", *rows, ""]))


def read_images(path: Path) -> None:
    _load.cache_clear()
    load_data(str(path))


def read_published(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        _load.cache_clear()
        load_data(name, 0, str(folder))

    return read


def make_supernet(folder: Path) -> None:
    from archsearch.analysis import Budget

    known = SharedWeights("cell", {"cells": 2}, "0" * 64, {"epochs": 2}, 4, 1, False, Budget(params=99), 0, 1, ({"train_loss": 1.0},))
    (folder / "supernet.json").write_text(known.to_json())


def make_standing(folder: Path) -> None:
    import torch

    save_standing(folder / "s.safetensors", {"epoch": 2, "points": [1, 2]}, {"a": torch.zeros(3, 2), "b": torch.ones(2)})


def make_bank(folder: Path) -> None:
    from archsearch.sharing import Bank

    bank = Bank()
    bank.network(build("lenet5"))
    save_tensors(folder / "s.safetensors", weights_of(bank))


def look_up(folder: Path) -> None:
    load_table.cache_clear()
    load_table(str(folder / "t.npz"))


def make_searcher(folder: Path) -> None:
    by = searcher()
    by.suggest("a")
    by.on_trial_complete("a", {"error": 0.5})
    by.suggest("b")
    by.save(str(folder / "searcher.json"))


def searcher() -> Any:
    from archsearch.strategies import Random
    from archsearch.tune import StrategySearcher
    from tests.runs import small_space

    return StrategySearcher(small_space("chain"), Random(), objectives=("error",))


def make_study(folder: Path) -> None:
    from archsearch.optuna import write_study
    from tests.runs import small_search, small_space

    write_study(small_search(folder / "r", trials=2, space=small_space("chain"), budget=None), folder / "study.db", "mine")


def read_trials(folder: Path) -> None:
    from archsearch.optuna import read_study
    from tests.runs import small_space

    read_study(folder / "study.db", small_space("chain"), "mine")


READERS = {
    **fuzz_training.READERS,
    "genotype": Reader(
        lambda f: read_genotype(f / "g.json"),
        lambda f: _write(f / "g.json", build("lenet5").to_json()),
        ("g.json",),
        ("GenotypeError", "WrongUseError"),
    ),
    "text": Reader(
        lambda f: read_genotype(f / "g.txt"),
        lambda f: _write(f / "g.txt", to_text(build("lenet5"))),
        ("g.txt",),
        ("GenotypeError", "TextError", "WrongUseError"),
    ),
    "device": Reader(
        lambda f: read_device(f / "device.json"),
        lambda f: _write(f / "device.json", Device(1e9, 1e8, 1e-6).to_json()),
        ("device.json",),
        ("DeviceError",),
    ),
    "run.json": Reader(read_run, make_run, ("run.json",), ("StoreError",)),
    "run.db": Reader(read_run, make_run, ("run.db",), ("StoreError", "GenotypeError")),
    "run followed": Reader(follow_run, make_run, ("run.db", "run.json"), ("StoreError",)),
    "resumed": Reader(write_run, make_run, ("run.db",), ("StoreError",)),
    "run of the format before": Reader(write_run, make_earlier, ("run.json", "run.db"), ("StoreError",)),
    "owner": Reader(owner_of, make_owner, ("run.owner",), ()),
    "searcher": Reader(lambda f: searcher().restore(str(f / "searcher.json")), make_searcher, ("searcher.json",), ("ValueError",), 8),
    "study": Reader(read_trials, make_study, ("study.db",), ("StudyError",), 8),
    "table": Reader(look_up, make_table, ("t.npz",), ("TableError",)),
    "cells": Reader(look_up, make_cells, ("t.npz",), ("TableError",)),
    "supernet": Reader(read_supernet, make_supernet, ("supernet.json",), ("SharingError",)),
    "training": Reader(read_training, fuzz_training.make_training, ("training.json",), ("TrainingError",)),
    "checkpoint": Reader(lambda f: load_standing(f / "s.safetensors"), make_standing, ("s.safetensors",), ("CheckpointError",)),
    "bank": Reader(lambda f: load_bank(f / "s.safetensors", 0), make_bank, ("s.safetensors",), ("SharingError",)),
    "npz": Reader(
        lambda f: read_images(f / "i.npz"),
        lambda f: np.savez(f / "i.npz", images=np.zeros((20, 4, 4)), labels=np.arange(20) % 2),
        ("i.npz",),
        DATA,
    ),
    "npz in parts": Reader(
        lambda f: read_images(f / "i.npz"),
        lambda f: np.savez(
            f / "i.npz",
            class_names=["a", "b"],
            **{f"{part}_images": np.zeros((9, 4, 4), np.uint8) for part in ("train", "val", "test")},
            **{f"{part}_labels": np.arange(9, dtype=np.uint8)[:, None] % 2 for part in ("train", "val", "test")},
        ),
        ("i.npz",),
        DATA,
    ),
    "images": Reader(lambda f: read_images(f / "d"), make_images, ("d/a/0.jpg", "d/b/1.png", "d/a/2.png"), DATA),
    "images of 16 bits": Reader(lambda f: read_images(f / "d"), make_deep, ("d/a/0.tif", "d/b/1.png"), DATA),
    "masks": Reader(lambda f: read_images(f / "d"), make_masks, ("d/masks/0.png", "d/images/1.png"), DATA),
    "cifar, binary": Reader(read_published("cifar10"), make_cifar("binary"), ("cifar-10-binary.tar.gz",), DATA, 4),
    "cifar, python": Reader(read_published("cifar10"), make_cifar("python"), ("data_batch_2", "test_batch", "batches.meta"), DATA, 4),
    "svhn": Reader(read_published("svhn"), make_houses, ("train_32x32.mat", "test_32x32.mat"), DATA),
    "medmnist": Reader(read_published("octmnist"), make_medical, ("octmnist.npz",), DATA),
    "qmnist": Reader(read_published("qmnist"), make_columns, ("qmnist-train-labels-idx2-int.gz",), DATA),
    "own images": Reader(lambda f: read_loose(f / "d", (3, 6, 4), 9), make_images, ("d/a/0.jpg", "d/b/1.png", "d/a/2.png"), DATA),
    "config.json": Reader(
        lambda f: read_preprocessing(f / "config.json"),
        lambda f: _write(f / "config.json", CONFIG),
        ("config.json",),
        ("ExportError",),
    ),
    "csv": Reader(lambda f: read_images(f / "list.csv"), make_list, ("list.csv",), DATA),
    "idx": Reader(
        read_images,
        make_idx,
        ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz"),
        DATA,
    ),
}


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
