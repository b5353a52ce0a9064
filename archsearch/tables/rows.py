"""Which row of a table holds which choices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.spaces.catalogue import Key, key_of
from archsearch.spaces.space import Choices, Scalar
from archsearch.support.reading import parse
from archsearch.tables.file import Arrays, TableError

PLAIN, JSON = "choices/", "choices_json/"
"""Columns of choices of one type, and of several types or not asked in every network, as JSON texts: empty where not asked."""
MOST_ROWS = 2**31
CELL = ("arch", "ops", "op_names", "edges")
"""Arrays of a table in the form of NAS-Bench-201: the choice of edge (0, 1) is called `0->1`."""


def choices_to_arrays(rows: Sequence[Choices]) -> Arrays:
    """Columns of a table for these choices, which `rows_by_choices` reads again."""
    arrays: Arrays = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values}
        if len(kinds) == 1 and kinds <= {int, float, bool, str} and all(name in row for row in rows):
            arrays[f"{PLAIN}{name}"] = np.array(values)
        else:
            arrays[f"{JSON}{name}"] = np.array([json.dumps(row[name]) if name in row else "" for row in rows])
    return arrays


def rows_by_choices(arrays: Mapping[str, NDArray[Any]], where: str) -> dict[Key, int]:
    """Number of the row of all metrics, by choices.

    Raises:
        TableError: no columns of choices, columns that do not fit together, or choices that come twice.
    """
    rows = cell_rows(arrays, where) if arrays.keys() >= set(CELL[1:]) else column_rows(arrays, where)
    if not rows:
        raise TableError(f"table {where} has no choices: it needs an array {PLAIN}NAME for each, or {', '.join(CELL)} as NAS-Bench-201")
    places = places_of(arrays["network"], where) if "network" in arrays else range(len(rows))
    if len(places) != len(rows):
        raise TableError(f"table {where}: array 'network' has {len(places)} rows, the choices have {len(rows)}")
    found = dict(zip(map(key_of, rows), places, strict=True))
    if len(found) < len(rows):
        raise TableError(f"table {where}: {len(rows) - len(found)} rows repeat the choices of others; give every network one row")
    return found


def places_of(network: NDArray[Any], where: str) -> list[int]:
    """Rows of all metrics, as `network` names them. Raises TableError."""
    if network.ndim != 1 or network.dtype.kind not in "iu" or not len(network) or network.min() < 0 or network.max() > MOST_ROWS:
        raise TableError(f"table {where}: array 'network' must hold numbers of rows, from 0 on")
    places: list[int] = network.tolist()
    return places


def cell_rows(arrays: Mapping[str, NDArray[Any]], where: str) -> list[Choices]:
    """Choices of a table of cells: operations by number on edges. Raises TableError for arrays that do not fit together."""
    edges, words, ops = arrays["edges"], arrays["op_names"], arrays["ops"]
    plain = edges.dtype.kind in "iu" and words.dtype.kind == "U" and ops.dtype.kind in "iu"
    if not plain or edges.shape[1:] != (2,) or words.ndim != 1 or ops.shape[1:] != edges.shape[:1]:
        raise TableError(f"table {where}: edges (E, 2) and ops (N, E) must hold whole numbers, op_names (K,) texts")
    if ops.size and not 0 <= ops.min() <= ops.max() < len(words):
        raise TableError(f"table {where}: ops go from {ops.min()} to {ops.max()}, but op_names has {len(words)} words")
    names = [f"{source}->{target}" for source, target in edges.tolist()]
    known = words.tolist()
    return [dict(zip(names, (known[op] for op in row), strict=True)) for row in ops.tolist()]


def column_rows(arrays: Mapping[str, NDArray[Any]], where: str) -> list[Choices]:
    """Choices of a table with a column for each."""
    columns = {name: array for name, array in arrays.items() if name.startswith((PLAIN, JSON))}
    lengths = {len(array) if array.ndim == 1 else -1 for array in columns.values()}
    if len(lengths) > 1 or -1 in lengths:
        raise TableError(f"table {where}: columns of choices must be plain and of one length, these have {sorted(lengths)}")
    if any(array.dtype.kind != "U" for name, array in columns.items() if name.startswith(JSON)):
        raise TableError(f"table {where}: columns {JSON}NAME must hold texts of JSON")
    rows: list[Choices] = [{} for _ in range(lengths.pop())] if lengths else []
    for name, array in columns.items():
        for row, cell in zip(rows, array.tolist(), strict=True):
            if name.startswith(PLAIN):
                row[name.removeprefix(PLAIN)] = cell
            elif cell:
                row[name.removeprefix(JSON)] = scalar(cell, where)
    return rows


def scalar(text: str, where: str) -> Scalar:
    """A value from its JSON text. Raises TableError."""
    try:
        value = parse(text)
    except ValueError:
        value = []
    if value is None or isinstance(value, str | int | float):
        return value
    raise TableError(f"table {where}: a choice reads {text[:40]!r}; expected a text, number, true, false or null in JSON")
