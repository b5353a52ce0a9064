"""Arrays in an `.npz` file: written whole or not at all; read with nothing trusted and nothing allocated before its size is known."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MAX_BYTES = 2**30
MAX_ARRAYS = 1000
MAX_LETTERS = 10_000
BROKEN = (OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
Arrays = dict[str, NDArray[Any]]


class TableError(ValueError):
    """A table that cannot be read, written or used as asked; one line that says what, where and what to do."""


def read_arrays(path: Path) -> Arrays:
    """Every array of the file by name: numbers, booleans and texts.

    Raises:
        TableError: no such file, no `.npz`, an array of another kind, or over 1 GiB in all.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            if not 1 <= len(members) <= MAX_ARRAYS:
                raise ValueError(f"it holds {len(members)} arrays; a table has 1 to {MAX_ARRAYS}")
            check_sizes(archive, members)
            return {name.removesuffix(".npy"): read_member(archive, name) for name in members}
    except BROKEN as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise TableError(f"table {path}: {words or type(error).__name__}; give an .npz file as `archsearch tabulate` writes it") from error


def check_sizes(archive: zipfile.ZipFile, members: list[str]) -> None:
    """Raise ValueError for arrays of other kinds than numbers, booleans and texts, and when all together are too large."""
    total = 0
    for name in members:
        with archive.open(name) as stream:
            version = npy.read_magic(stream)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"array {name!r} has format {version}; save it with np.savez")
            shape, _, dtype = npy.read_array_header_1_0(stream) if version == (1, 0) else npy.read_array_header_2_0(stream)
        if dtype.hasobject or dtype.kind not in "biufU" or dtype.itemsize > (4 * MAX_LETTERS if dtype.kind == "U" else 8):
            raise ValueError(f"array {name!r} is of type {dtype}; a table holds numbers, booleans and short texts")
        if min(shape, default=0) < 0:
            raise ValueError(f"array {name!r} has shape {shape}")
        total += prod(shape) * dtype.itemsize
    if total > MAX_BYTES:
        raise ValueError(f"its arrays take {total:,} bytes, the limit is {MAX_BYTES:,}")


def read_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of the archive, after `check_sizes`."""
    with archive.open(name) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    array.flags.writeable = False  # one copy serves the whole process
    return array


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, compressed; equal arrays give equal bytes. Raises TableError when the file cannot be written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **dict(arrays))
        draft.replace(path)
    except OSError as error:
        raise TableError(f"{path}: {error.strerror or error}; free space or rights, or choose another --out") from error
    finally:
        with suppress(OSError):
            draft.unlink()
