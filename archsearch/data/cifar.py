"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the binary and the Python archive as they were published, packed or unpacked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from archsearch.data.base import MAX_ELEMENTS, Bytes, Images, Ints
from archsearch.data.pickled import array_of, unpickled
from archsearch.data.tar import MOST_FILE, members
from archsearch.support.reading import at, decoded, is_word, reason

SHAPE, PIXELS = (3, 32, 32), 3072
"""Of an image: the red plane, then green, then blue, row by row."""
Batch = tuple[Bytes, Ints]
"""Images (N, 3072) and their classes (N,)."""


class Form(NamedTuple):
    """One form in which a dataset was published: archive, the folder in it, its files, and how these are read."""

    archive: str
    folder: str
    train: tuple[str, ...]
    test: str
    names: str
    read: Callable[[bytes], Batch]
    read_names: Callable[[bytes], list[str]]

    @property
    def files(self) -> tuple[str, ...]:
        """All that is read."""
        return (*self.train, self.test, self.names)


def binary_batch(data: bytes, labels: int) -> Batch:
    """A file of records: so many labels, of which the last is the class, then the pixels. Raises ValueError."""
    record = labels + PIXELS
    if not data or len(data) % record:
        raise ValueError(f"it has {len(data):,} bytes, which is no multiple of {record:,}, those of an image; fetch it again")
    rows = np.frombuffer(data, np.uint8).reshape(-1, record)
    return rows[:, labels:], rows[:, labels - 1].astype(np.int64)


def python_batch(data: bytes, key: str) -> Batch:
    """A pickled dict with images in `data` and classes in `key`. Raises ValueError."""
    found = unpickled(data)
    rows, labels = array_of(found.get("data"), PIXELS), found.get(key)
    if not isinstance(labels, list) or len(labels) != len(rows) or not all(type(label) is int and 0 <= label < 256 for label in labels):
        raise ValueError(f"{key!r} is no list of {len(rows):,} classes; fetch it again")
    return rows, np.array(labels, np.int64)


def text_names(data: bytes) -> list[str]:
    """Names of classes, a line each. Raises ValueError."""
    return [line.strip() for line in decoded(data).splitlines() if line.strip()]


def python_names(data: bytes, key: str) -> list[str]:
    """Names of classes in `key` of a pickled dict. Raises ValueError."""
    names: Any = unpickled(data).get(key)
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise ValueError(f"{key!r} is no list of names; fetch it again")
    return [decoded(name) if isinstance(name, bytes) else name for name in names]


TENTHS = tuple(f"data_batch_{number}" for number in range(1, 6))
CIFAR10 = (
    Form("cifar-10-binary.tar.gz", "cifar-10-batches-bin", tuple(f"{name}.bin" for name in TENTHS), "test_batch.bin", "batches.meta.txt",
         partial(binary_batch, labels=1), text_names),
    Form("cifar-10-python.tar.gz", "cifar-10-batches-py", TENTHS, "test_batch", "batches.meta",
         partial(python_batch, key="labels"), partial(python_names, key="label_names")),
)  # fmt: skip
CIFAR100 = (
    Form("cifar-100-binary.tar.gz", "cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt",
         partial(binary_batch, labels=2), text_names),
    Form("cifar-100-python.tar.gz", "cifar-100-python", ("train",), "test", "meta",
         partial(python_batch, key="fine_labels"), partial(python_names, key="fine_label_names")),
)  # fmt: skip
"""Each image has a coarse and a fine label; the fine one is its class."""


def marks(forms: tuple[Form, ...]) -> tuple[str, ...]:
    """Files by which a folder is known to hold one of these forms."""
    unpacked = [f"{folder}{form.train[0]}" for form in forms for folder in ("", f"{form.folder}/")]
    return (*unpacked, *(form.archive for form in forms))


def read_cifar(folder: Path, name: str, forms: tuple[Form, ...], classes: int) -> Images:
    """Read a dataset of so many classes, in whichever of its forms the folder holds; pixels (N, 3, 32, 32).

    Raises:
        ValueError: a file is missing or damaged, or there are over 2**30 pixel values; one line with its name.
    """
    form = next((form for form in forms if any((folder / file).is_file() for file in (form.train[0], form.archive))), forms[0])
    unpacked = (folder / form.train[0]).is_file()
    place = folder if unpacked else folder / form.archive
    batches: dict[str, Batch] = {}
    names: list[str] = []
    for file, data in in_folder(folder, form) if unpacked else in_archive(place, form):
        try:
            if file == form.names:
                names = checked_names(form.read_names(data), classes)
            else:
                batches[file] = checked_batch(form.read(data), classes)
        except ValueError as error:
            raise ValueError(at(place / file, reason(error), "data")) from error
        if sum(rows.size for rows, _ in batches.values()) > MAX_ELEMENTS:
            raise ValueError(at(place, "it holds over 2**30 pixel values; fetch it again", "data"))
    missing = next((file for file in form.files if file not in (*batches, form.names if names else "")), None)
    if missing is not None:
        raise ValueError(at(place, f"there is no {missing}; fetch it again", "data"))
    ordered = [batches[file] for file in (*form.train, form.test)]
    pixels = np.concatenate([rows for rows, _ in ordered]).reshape(-1, *SHAPE)
    labels = np.concatenate([each for _, each in ordered])
    return Images(name, pixels, labels, tuple(names), flip=True, test=np.arange(len(labels)) >= len(labels) - len(ordered[-1][1]))


def in_folder(folder: Path, form: Form) -> Iterator[tuple[str, bytes]]:
    """The files of a form, unpacked. Raises ValueError for one that is not there or too large."""
    for file in form.files:
        path = folder / file
        if not path.is_file():
            raise ValueError(at(folder, f"there is no {file}; unpack {form.archive} again", "data"))
        if path.stat().st_size > MOST_FILE:
            raise ValueError(at(path, f"it has over {MOST_FILE:,} bytes; fetch it again", "data"))
        yield file, path.read_bytes()


def in_archive(path: Path, form: Form) -> Iterator[tuple[str, bytes]]:
    """The files of a form, each once, from its archive. Raises ValueError."""
    seen: set[str] = set()
    try:
        for file, data in members(path, form.files):
            if file in seen:
                raise ValueError(f"it holds {file} twice; fetch it again")
            seen.add(file)
            yield file, data
    except ValueError as error:
        raise ValueError(at(path, reason(error), "data")) from error


def checked_names(names: list[str], classes: int) -> list[str]:
    """The names of classes. Raises ValueError."""
    if len(names) != classes or len(set(names)) != classes or not all(map(is_word, names)):
        raise ValueError(f"it holds {len(names)} names of classes, expected {classes}, each another; fetch it again")
    return names


def checked_batch(batch: Batch, classes: int) -> Batch:
    """The batch itself. Raises ValueError for a class that there is none of."""
    highest = int(batch[1].max())
    if highest >= classes:
        raise ValueError(f"it holds class {highest}, expected 0 to {classes - 1}; fetch it again")
    return batch
