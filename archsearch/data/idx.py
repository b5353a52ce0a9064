"""IDX files, the form of MNIST and what came after it, with gzip or without; nothing in them is trusted."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from archsearch.data.base import MAX_ELEMENTS, Bytes, Images

UNSIGNED_BYTES = 8
MOST_PACKED = 1032
"""Bytes that one byte of gzip can stand for, at most (RFC 1951)."""
PARTS = ("train", "t10k")
BROKEN = (OSError, EOFError, ValueError, zlib.error)


def read_idx(folder: Path, name: str, class_names: tuple[str, ...] = (), flip: bool = False) -> Images:
    """Read the four files of a folder, `train-` and `t10k-` `images-idx3-ubyte` and `labels-idx1-ubyte`, each as it is or with `.gz`.

    The `t10k` images are the test part. Without `class_names` the classes are called by their numbers.

    Raises:
        ValueError: a file is missing, damaged, over 2**30 bytes, or does not fit the others; one line with its name.
    """
    images, labels = [], []
    for part in PARTS:
        images.append(read_file(find(folder, f"{part}-images-idx3-ubyte"), 3))
        labels.append(read_file(find(folder, f"{part}-labels-idx1-ubyte"), 1))
        if len(images[-1]) != len(labels[-1]):
            raise ValueError(f"data {folder}: {part} has {len(images[-1])} images, but {len(labels[-1])} labels; take files of one dataset")
    if images[0].shape[1:] != images[1].shape[1:]:
        sizes = " and ".join(str(part.shape[1:]) for part in images)
        raise ValueError(f"data {folder}: training and test images are of sizes {sizes}; take files of one dataset")
    both = np.concatenate(labels)
    used = np.unique(both)
    count = len(class_names) or int(used[-1]) + 1
    if not np.array_equal(used, np.arange(count)):
        raise ValueError(f"data {folder}: labels are {', '.join(map(str, used))}; expected every number from 0 to {count - 1}")
    test = np.arange(len(both)) >= len(labels[0])
    names = class_names or tuple(map(str, range(count)))
    return Images(name, np.concatenate(images)[:, None], both.astype(np.int64), names, flip, test)


def find(folder: Path, stem: str) -> Path:
    """The file of that name, with `.gz` or without. Raises ValueError."""
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.is_file():
            return path
    raise ValueError(f"data {folder}: there is no {stem} or {stem}.gz")


def read_file(path: Path, axes: int) -> Bytes:
    """One array of unsigned bytes with so many axes. Raises ValueError, one line."""
    try:
        packed = path.suffix == ".gz"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            shape = read_head(stream.read(4 + 4 * axes), axes)
            size, most = prod(shape), path.stat().st_size * (MOST_PACKED if packed else 1)
            if size > most:  # before anything of that size is made
                raise ValueError(f"its head says shape {shape}, for which the file is too short; fetch it again")
            content = stream.read(size)
            if len(content) < size or stream.read(1):
                raise ValueError(f"its head says shape {shape}, but it holds {'less' if len(content) < size else 'more'}; fetch it again")
        return np.frombuffer(content, np.uint8).reshape(shape)
    except BROKEN as error:
        raise ValueError(f"data {path}: {' '.join(str(error).split()) or type(error).__name__}") from error


def read_head(head: bytes, axes: int) -> tuple[int, ...]:
    """The shape that the first bytes of a file tell. Raises ValueError."""
    wanted = bytes((0, 0, UNSIGNED_BYTES, axes))
    if head[:4] != wanted or len(head) < 4 + 4 * axes:
        raise ValueError(f"it begins with {head[:4].hex() or 'nothing'}, expected {wanted.hex()}: IDX, unsigned bytes, axes {axes}")
    shape: tuple[int, ...] = struct.unpack(f">{axes}I", head[4:])
    if 0 in shape or prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"its shape is {shape}; expected no axis of 0, and at most 2**30 elements")
    return shape
