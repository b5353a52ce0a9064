"""Arrays in an `.npz` file: written whole or not at all; read with nothing trusted and nothing allocated before its size is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.support.archive import names_in, opened, read_array, read_head
from archsearch.support.reading import at, one_line, reason
from archsearch.support.writing import whole

MAX_BYTES = 2**30
KINDS = "biufU"
Arrays = dict[str, NDArray[Any]]


class TableError(ValueError):
    """A table that cannot be read, written or used as asked; one line that says what, where and what to do."""

    def __init__(self, words: str) -> None:
        super().__init__(one_line(words))


def read_arrays(path: Path) -> Arrays:
    """Every array of the file by name: numbers, booleans and texts.

    Raises:
        TableError: no such file, no `.npz`, an array of another kind, or over 1 GiB in all.
    """
    try:
        with opened(path) as archive:
            names = names_in(archive)
            total = sum(read_head(archive, name, KINDS).size for name in names)
            if total > MAX_BYTES:
                raise ValueError(f"its arrays take {total:,} bytes, the limit is {MAX_BYTES:,}")
            return {name: read_array(archive, name, KINDS) for name in names}
    except ValueError as error:
        hint = "give an .npz file as `archsearch tabulate` writes it"
        raise TableError(at(path, f"{reason(error)}; {hint}", "table")) from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, compressed; equal arrays give equal bytes. Raises TableError when the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **dict(arrays))
    except OSError as error:
        raise TableError(f"{path}: {error.strerror or error}; free space or rights, or choose another --out") from error
