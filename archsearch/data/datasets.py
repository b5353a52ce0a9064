"""The datasets known by name, and `load_data`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archsearch.data.base import Data, Images, split
from archsearch.data.folder import read_folder
from archsearch.data.form import AS_THEY_ARE, Form, formed
from archsearch.data.idx import read_idx
from archsearch.data.listing import read_csv, rows_of
from archsearch.data.npz import read_npz
from archsearch.data.own import read_own
from archsearch.data.published import PUBLISHED, folder_of, holds_idx
from archsearch.data.shapes import shapes
from archsearch.support.nearest import nearest
from archsearch.support.parts import code_digest, split_source

CLOCK_GRAIN_NS = 20_000_000


def digits() -> Images:
    """1,797 handwritten digits of 8x8 pixels (Alpaydin & Kaynak 1998, doi:10.24432/C50P49), as scikit-learn ships them.

    The file is read where it lies: `load_digits` imports as much as torch does, in each worker anew.
    """
    package = find_spec("sklearn")
    file = Path(package.origin if package and package.origin else "").parent / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
        pixels, labels = rows[:, :-1], rows[:, -1]
    else:  # another version of scikit-learn keeps it elsewhere
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
    return Images("digits", (pixels.reshape(-1, 1, 8, 8) / 16).astype(np.float32), labels.astype(np.int64), tuple("0123456789"))


DATASETS: dict[str, Callable[[], Images]] = {"digits": digits, "shapes": shapes}
"""What is there without a file."""
NEEDED = {
    ".npz": "give the path of an .npz file with images and labels or masks",
    ".csv": "give the path of a .csv file with columns path and label",
    ".py": "give data of your own as file.py:function",
}
"""What is expected of a file that is not there, by its ending."""


class Wanted(NamedTuple):
    """Which data are asked for: what `load_data` takes."""

    name_or_path: str
    seed: int = 0
    data_dir: str = ""
    form: Form = AS_THEY_ARE


_PROVIDED: dict[Wanted, Data] = {}


def provide(wanted: Wanted, data: Data) -> None:
    """From now on `load_data` gives these data where it is asked so: for workers on machines where their files are not."""
    _PROVIDED[wanted] = data


def load_data(name_or_path: str, seed: int = 0, data_dir: str = "", form: Form = AS_THEY_ARE) -> Data:
    """The dataset of a name, an `.npz` or `.csv` file, a folder, or a function as `file.py:function`, split by `seed`.

    The files of a published dataset are looked for in `data_dir`, or in the folder of its name inside it. Images are brought to the `form`.
    It is loaded once per process.

    Raises:
        ValueError: an unknown name, a file that is missing or not as it should be, a form that does not fit, or too few images for a
            split; one line.
    """
    form.check()
    provided = _PROVIDED.get(Wanted(name_or_path, seed, data_dir, form))
    if provided is not None:
        return provided
    if name_or_path in DATASETS:
        return _load(name_or_path, None, seed, "", form)
    if name_or_path in PUBLISHED:
        path = folder_of(name_or_path, data_dir)
        return _load(name_or_path, path.resolve(), seed, version(path), form)
    file, inside = split_source(name_or_path)
    path = Path(file or name_or_path)
    if not (path.is_dir() or file or path.suffix in (".npz", ".csv")):
        near = nearest(name_or_path, sorted([*DATASETS, *PUBLISHED]))
        raise ValueError(f"unknown data {name_or_path!r}; {near}; or give a file.npz, a file.csv, a folder of images or file.py:function")
    if not path.exists():
        raise ValueError(f"no file {name_or_path}; {NEEDED.get(path.suffix, NEEDED['.npz'])}")
    if file and not inside and path.is_file():
        raise ValueError(f"{name_or_path} names no function in the file; {NEEDED['.py']}")
    listed = [row.path for row in rows_of(path)] if path.suffix == ".csv" and path.is_file() else []
    return _load(name_or_path, path.resolve(), seed, version(path, *listed), form)


def place_of(name_or_path: str, data_dir: str = "") -> dict[str, str]:
    """Options `data` and `data_dir` with absolute paths, as far as they say where the data are; a name alone says nothing."""
    if name_or_path in PUBLISHED:
        return {"data_dir": str(folder_of(name_or_path, data_dir).resolve())}
    return {} if name_or_path in DATASETS else {"data": str(Path(name_or_path).resolve())}


def code_of(name_or_path: str) -> dict[str, str]:
    """The digest of the user's own file that gives the data, as a mark of a fingerprint; nothing for other data. Raises ValueError."""
    digest = "" if name_or_path in DATASETS or name_or_path in PUBLISHED else code_digest(name_or_path)
    return {"file of the data": digest} if digest else {}


def version(*paths: Path) -> str:
    """What changes when one of these files is written, in place or anew, or when files are added to a folder or taken out.

    A file that was written just now could be written again at what the system's clock takes for the same moment: that is waited for.
    """
    stats = [(name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino) for path in paths for name, stat in stats_below(path)]
    newest = max(max(changed, touched) for _, changed, touched, _, _ in stats)
    if 0 <= time.time_ns() - newest < CLOCK_GRAIN_NS:
        time.sleep(CLOCK_GRAIN_NS / 1e9)
        return version(*paths)
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
def _load(name: str, path: Path | None, seed: int, version: str, form: Form) -> Data:
    # `version` is part of the key alone: a file that was written anew is read anew.
    return split(formed(_read(name, path, form), form), seed)


def _read(name: str, path: Path | None, form: Form) -> Images:
    if path is None:
        return DATASETS[name]()
    if name in PUBLISHED:
        return PUBLISHED[name].read(path)
    if path.is_dir():
        return read_idx(path, path.name) if holds_idx(path) else read_folder(path, form)
    if path.suffix == ".py":
        return read_own(name, path, split_source(name)[1][1:], form)
    return read_csv(path, form) if path.suffix == ".csv" else read_npz(path)
