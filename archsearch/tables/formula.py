"""Metrics worked out from columns of a table: `error=1-val200_cifar10/100`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.support.nearest import nearest
from archsearch.tables.file import TableError

Floats = NDArray[np.float64]
OWN = ("metrics", "tests", "costs")
FORM = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?:(?P<less>\d+(?:\.\d+)?)-)?(?P<first>[^*/\s]+)(?P<rest>(?:[*/][^*/\s]+)*)")
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def columns_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Columns of numbers by name, each (rows, 1) or (rows, seeds).

    `metrics/error` of a table of archsearch is called `metrics.error`; of an array (rows, k) whose columns a text array of k words
    names, each is called `ARRAY.WORD`.
    """
    found = {name: array[:, None] for name, array in arrays.items() if array.ndim == 1 and array.dtype.kind in "biuf"}
    words = [array for array in arrays.values() if array.ndim == 1 and array.dtype.kind == "U"]
    for name, array in arrays.items():
        kind, _, word = name.partition("/")
        if word and kind in OWN and array.ndim in (1, 2) and array.dtype.kind in "biuf":
            found[f"{kind}.{word}"] = array.reshape(len(array), -1)
        for some in words:
            if array.ndim == 2 and array.dtype.kind == "f" and some.shape == array.shape[1:]:
                found |= {f"{name}.{word}": array[:, [place]] for place, word in enumerate(some.tolist())}
    return found


def metric_of(text: str, columns: Mapping[str, NDArray[Any]], where: str) -> tuple[str, Floats]:
    """Name and values (rows, 1 or seeds) of `NAME=COLUMN` or `NAME=NUMBER-COLUMN`, with factors `*X` and `/X`, X a column or a number.

    Raises:
        TableError: another form, or an unknown column.
    """
    found = FORM.fullmatch(text)
    if found is None:
        raise TableError(f"metric {text!r} must be NAME=COLUMN, such as error=1-val200_cifar10/100")
    value = factor(found["first"], columns, where)
    for sign, word in re.findall(r"([*/])([^*/]+)", found["rest"]):
        other = factor(word, columns, where)
        if value.ndim and other.ndim and (len(value) != len(other) or 1 < value.shape[1] != other.shape[1] > 1):
            raise TableError(f"table {where}: columns of {text[:60]!r} have shapes {value.shape} and {other.shape}, which do not fit")
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = value * other if sign == "*" else value / other
    if value.ndim == 0:
        raise TableError(f"metric {text!r} names no column; {nearest(found['first'], sorted(columns))}")
    return found["name"], float(found["less"]) - value if found["less"] else value


def factor(word: str, columns: Mapping[str, NDArray[Any]], where: str) -> Floats:
    """A number, or the values of a column. Raises TableError."""
    if NUMBER.fullmatch(word):
        return np.array(float(word))
    if word not in columns:
        raise TableError(f"table {where} has no column {word!r}; {nearest(word, sorted(columns))}")
    return columns[word].astype(np.float64)
