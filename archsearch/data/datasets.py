"""The datasets known by name, and `load_data`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from archsearch.data.base import Data, Images, split
from archsearch.data.npz import read_npz
from archsearch.ops.base import nearest


def digits() -> Images:
    """1,797 handwritten digits of 8x8 pixels (Alpaydin & Kaynak 1998, doi:10.24432/C50P49), as scikit-learn ships them."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = (bunch.images[:, None] / 16).astype(np.float32)
    return Images("digits", pixels, bunch.target.astype(np.int64), tuple("0123456789"))


DATASETS: dict[str, Callable[[], Images]] = {"digits": digits}


def load_data(name_or_path: str, seed: int = 0) -> Data:
    """The dataset of a name, or of an `.npz` file with `images` and `labels`, split by `seed`; loaded once per process.

    Raises:
        ValueError: an unknown name, a file that is not as it should be, or too few images for a split; one line.
    """
    if name_or_path in DATASETS:
        return _load(name_or_path, seed, ())
    if not name_or_path.endswith(".npz"):
        raise ValueError(f"unknown data {name_or_path!r}; {nearest(name_or_path, sorted(DATASETS))}; or give a file.npz")
    path = Path(name_or_path)
    if not path.is_file():
        raise ValueError(f"no file {name_or_path}; give the path of an .npz file with images and labels")
    stat = path.stat()
    return _load(str(path.resolve()), seed, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=2)
def _load(name: str, seed: int, version: tuple[int, ...]) -> Data:
    # `version` is part of the key alone: a file that was written anew is read anew.
    return split(DATASETS[name]() if name in DATASETS else read_npz(Path(name)), seed)
