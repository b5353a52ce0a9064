"""The datasets known by name, and `load_data`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from archsearch.data.base import Data, Images, split
from archsearch.data.folder import read_folder
from archsearch.data.idx import read_idx
from archsearch.data.npz import read_npz
from archsearch.data.published import PUBLISHED, folder_of, holds_idx
from archsearch.data.shapes import shapes
from archsearch.support.nearest import nearest

CLOCK_GRAIN_NS = 20_000_000


def digits() -> Images:
    """1,797 handwritten digits of 8x8 pixels (Alpaydin & Kaynak 1998, doi:10.24432/C50P49), as scikit-learn ships them."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = (bunch.images[:, None] / 16).astype(np.float32)
    return Images("digits", pixels, bunch.target.astype(np.int64), tuple("0123456789"))


DATASETS: dict[str, Callable[[], Images]] = {"digits": digits, "shapes": shapes}
"""What is there without a file."""


def load_data(name_or_path: str, seed: int = 0, data_dir: str = "") -> Data:
    """The dataset of a name, an `.npz` file or a folder, split by `seed`; loaded once per process.

    The files of a published dataset are looked for in `data_dir`, or in the folder of its name inside it.

    Raises:
        ValueError: an unknown name, a file that is missing or not as it should be, or too few images for a split; one line.
    """
    if name_or_path in DATASETS:
        return _load(name_or_path, None, seed, "")
    if name_or_path in PUBLISHED:
        path = folder_of(name_or_path, data_dir)
        return _load(name_or_path, path.resolve(), seed, version(path))
    path = Path(name_or_path)
    if not (path.is_dir() or name_or_path.endswith(".npz")):
        near = nearest(name_or_path, sorted([*DATASETS, *PUBLISHED]))
        raise ValueError(f"unknown data {name_or_path!r}; {near}; or give a file.npz or a folder of images")
    if not path.exists():
        raise ValueError(f"no file {name_or_path}; give the path of an .npz file with images and labels or masks")
    return _load(name_or_path, path.resolve(), seed, version(path))


def place_of(name_or_path: str, data_dir: str = "") -> dict[str, str]:
    """Options `data` and `data_dir` with absolute paths, as far as they say where the data are; a name alone says nothing."""
    if name_or_path in PUBLISHED:
        return {"data_dir": str(folder_of(name_or_path, data_dir).resolve())}
    return {} if name_or_path in DATASETS else {"data": str(Path(name_or_path).resolve())}


def version(path: Path) -> str:
    """What changes when a file is written, in place or anew, or when files are added to a folder or taken out.

    A file that was written just now could be written again at what the system's clock takes for the same moment: that is waited for.
    """
    stats = [(name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino) for name, stat in stats_below(path)]
    newest = max(max(changed, touched) for _, changed, touched, _, _ in stats)
    if 0 <= time.time_ns() - newest < CLOCK_GRAIN_NS:
        time.sleep(CLOCK_GRAIN_NS / 1e9)
        return version(path)
    return hashlib.sha256(repr(sorted(stats)).encode()).hexdigest()


def stats_below(path: Path, depth: int = 3) -> Iterator[tuple[str, os.stat_result]]:
    """Name and state of a file, or of a folder and all that stands in it, so many folders deep."""
    yield str(path), path.stat()
    if path.is_dir() and depth:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from stats_below(Path(entry.path), depth - 1)
                elif entry.is_file():
                    yield entry.path, entry.stat()


@lru_cache(maxsize=2)
def _load(name: str, path: Path | None, seed: int, version: str) -> Data:
    # `version` is part of the key alone: a file that was written anew is read anew.
    return split(_read(name, path), seed)


def _read(name: str, path: Path | None) -> Images:
    if path is None:
        return DATASETS[name]()
    if name in PUBLISHED:
        return PUBLISHED[name].read(path)
    if path.is_file():
        return read_npz(path)
    return read_idx(path, path.name) if holds_idx(path) else read_folder(path)
