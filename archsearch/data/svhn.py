"""Street View House Numbers, cropped digits (Netzer et al. 2011)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archsearch.data.base import Bytes, Images, Ints
from archsearch.data.mat import read_mat
from archsearch.support.reading import at

FILES = ("train_32x32.mat", "test_32x32.mat")
EXTRA = "extra_32x32.mat"
MOST = 2**31
"""Pixel values of a file, all of one byte: the extra images are more than an array of others may hold."""
TEN = 10
"""The number under which the digit 0 is stored."""


def svhn(folder: Path) -> Images:
    """99,289 colour images of digits on houses, 32x32 (Netzer et al. 2011, ufldl.stanford.edu/housenumbers).

    Raises:
        ValueError: a file is missing or not as it should be; one line with its name.
    """
    return read_parts(folder, "svhn", FILES)


def svhn_extra(folder: Path) -> Images:
    """The same with 531,131 easier ones to train on, which takes some gigabytes of memory. Raises ValueError."""
    train, test = FILES
    return read_parts(folder, "svhn-extra", (train, EXTRA, test))


def read_parts(folder: Path, name: str, files: tuple[str, ...]) -> Images:
    """Images of these files, of which the last is the test part. Raises ValueError."""
    parts = [read_part(folder / file) for file in files]
    pixels, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    test = np.arange(len(labels)) >= len(labels) - len(parts[-1][1])
    return Images(name, pixels, labels, tuple("0123456789"), flip=False, test=test)


def read_part(path: Path) -> tuple[Bytes, Ints]:
    """Images of a file, (N, 3, H, W), which are stored as `X`, (H, W, 3, N), and the digits of `y`, (N, 1). Raises ValueError."""
    if not path.is_file():
        raise ValueError(at(path.parent, f"there is no {path.name}", "data"))
    found = read_mat(path, MOST)
    if "X" not in found or "y" not in found:
        raise ValueError(at(path, "there is no array X or y; fetch it again", "data"))
    images, numbers = found["X"], found["y"]
    if images.ndim != 4 or images.shape[2] != 3 or images.dtype != np.uint8 or 0 in images.shape:
        words = f"X has shape {images.shape} and type {images.dtype}; expected bytes (H, W, 3, N)"
        raise ValueError(at(path, words, "data"))
    if numbers.shape != (images.shape[3], 1) or not np.isin(numbers, np.arange(1, TEN + 1)).all():
        raise ValueError(at(path, f"y has shape {numbers.shape}; expected ({images.shape[3]}, 1) numbers from 1 to {TEN}", "data"))
    return np.ascontiguousarray(images.transpose(3, 2, 0, 1)), numbers[:, 0].astype(np.int64) % TEN
