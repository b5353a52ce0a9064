"""IDX files, the form of MNIST and what came after it, with gzip or without; nothing in them is trusted."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import MAX_ELEMENTS, Images, Ints
from archsearch.support.reading import at, one_line, reason

UNSIGNED_BYTES, INTS = 8, 12
KINDS: dict[int, tuple[np.dtype[Any], str]] = {
    UNSIGNED_BYTES: (np.dtype(np.uint8), "unsigned bytes"),
    INTS: (np.dtype(">i4"), "32-bit integers"),
}
"""Types of IDX by number: as numpy has them, and in words."""
MOST_PACKED = 1032
"""Bytes that one byte of gzip can stand for, at most (RFC 1951)."""
ONE_DATASET = "take files of one dataset"
BROKEN = (OSError, EOFError, ValueError, zlib.error)


class Layout(NamedTuple):
    """How the four files of a dataset are called and what stands in them.

    `parts` begin the names of the files for training and for test, `labels` ends those of labels; of several columns (`idx2`) the first is
    the class. The classes are numbered from `first` on. `transposed`: rows of pixels are stored as columns.
    """

    parts: tuple[str, str] = ("train", "t10k")
    labels: str = "labels-idx1-ubyte"
    first: int = 0
    transposed: bool = False

    def images(self, part: str) -> str:
        """Name of the file with the images of a part."""
        return f"{part}-images-idx3-ubyte"


MNIST = Layout()


def read_idx(folder: Path, name: str, class_names: tuple[str, ...] = (), flip: bool = False, layout: Layout = MNIST) -> Images:
    """Read the four files of a folder, images and labels for training and test, each as it is or with `.gz`.

    The second part is the test part. Without `class_names` the classes are called by their numbers.

    Raises:
        ValueError: a file is missing, damaged, over 2**30 bytes, or does not fit the others; one line with its name.
    """
    images, labels = [], []
    for part in layout.parts:
        images.append(read_file(find(folder, layout.images(part)), 3))
        labels.append(read_labels(find(folder, f"{part}-{layout.labels}")))
        if len(images[-1]) != len(labels[-1]):
            raise ValueError(at(folder, f"{part} has {len(images[-1])} images, but {len(labels[-1])} labels; {ONE_DATASET}", "data"))
    if images[0].shape[1:] != images[1].shape[1:]:
        sizes = " and ".join(str(part.shape[1:]) for part in images)
        raise ValueError(at(folder, f"training and test images are of sizes {sizes}; {ONE_DATASET}", "data"))
    both, pixels = np.concatenate(labels) - layout.first, np.concatenate(images)[:, None]
    used = np.unique(both)
    count = len(class_names) or int(used[-1]) + 1
    if not np.array_equal(used, np.arange(count)):
        shown, last = ", ".join(map(str, used + layout.first)), count - 1 + layout.first
        raise ValueError(at(folder, f"labels are {one_line(shown, 100)}; expected every number from {layout.first} to {last}", "data"))
    test = np.arange(len(both)) >= len(labels[0])
    names = class_names or tuple(map(str, range(count)))
    return Images(name, np.ascontiguousarray(pixels.swapaxes(2, 3)) if layout.transposed else pixels, both, names, flip, test)


def read_labels(path: Path) -> Ints:
    """Labels, int64 (N,): the bytes of a file called idx1, the first of the columns of integers in one called idx2. Raises ValueError."""
    if "-idx2-int" in path.name:
        return read_file(path, 2, INTS)[:, 0].astype(np.int64)
    return read_file(path, 1).astype(np.int64)


def find(folder: Path, stem: str) -> Path:
    """The file of that name, with `.gz` or without. Raises ValueError."""
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.is_file():
            return path
    raise ValueError(at(folder, f"there is no {stem} or {stem}.gz", "data"))


def read_file(path: Path, axes: int, kind: int = UNSIGNED_BYTES) -> NDArray[Any]:
    """One array with so many axes, of a kind that is one of KINDS. Raises ValueError, one line."""
    dtype, _ = KINDS[kind]
    try:
        packed = path.suffix == ".gz"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            shape = read_head(stream.read(4 + 4 * axes), axes, kind)
            size, most = prod(shape) * dtype.itemsize, path.stat().st_size * (MOST_PACKED if packed else 1)
            if size > most:  # before anything of that size is made
                raise ValueError(f"its head says shape {shape}, for which the file is too short; fetch it again")
            content = stream.read(size)
            if len(content) < size or stream.read(1):
                raise ValueError(f"its head says shape {shape}, but it holds {'less' if len(content) < size else 'more'}; fetch it again")
        return np.frombuffer(content, dtype).reshape(shape)
    except BROKEN as error:
        raise ValueError(at(path, reason(error), "data")) from error


def read_head(head: bytes, axes: int, kind: int) -> tuple[int, ...]:
    """The shape that the first bytes of a file tell. Raises ValueError."""
    wanted = bytes((0, 0, kind, axes))
    if head[:4] != wanted or len(head) < 4 + 4 * axes:
        raise ValueError(f"it begins with {head[:4].hex() or 'nothing'}, expected {wanted.hex()}: IDX, {KINDS[kind][1]}, axes {axes}")
    shape: tuple[int, ...] = struct.unpack(f">{axes}I", head[4:])
    if 0 in shape or prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"its shape is {shape}; expected no axis of 0, and at most 2**30 elements")
    return shape
