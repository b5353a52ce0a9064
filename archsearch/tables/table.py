"""A table of results, ready to be looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.spaces.catalogue import Key
from archsearch.support.nearest import nearest
from archsearch.support.reading import OBJECT, TEXT, expect, fields, parse
from archsearch.tables.file import Arrays, TableError, read_arrays
from archsearch.tables.formula import Floats, columns_of, metric_of
from archsearch.tables.rows import JSON, PLAIN, rows_by_choices

AUTO = "auto"
CELL_AUTO = {"metrics": ("error=1-val200_cifar10/100", "seconds=train_s_per_epoch_cifar10*100"), "tests": ("error=1-test200_cifar10/100",)}
"""What `auto` means for NAS-Bench-201; its training seconds are of twice the images."""
ABOUT = {"space": TEXT, "settings": OBJECT}
"""What a table says of itself that is read again."""
CELL_SETTING = {"input": (3, 32, 32), "classes": 10}


@dataclass(frozen=True, eq=False)
class Results:
    """What a table holds: the row of choices; values (rows, 1 or seeds) by metric; curves (rows, seeds, epochs); kinds of failures.

    `costs` are known costs (rows, 1), where the table has them; `space` is the space that it is of, `setting` its settings; `sampled`
    says that it holds a sample of the space alone.
    """

    name: str
    rows: dict[Key, int]
    metrics: dict[str, Floats]
    tests: dict[str, Floats]
    costs: dict[str, Floats]
    curves: dict[str, NDArray[Any]]
    failures: NDArray[Any] | None
    space: str
    setting: dict[str, Any]
    sampled: bool

    def __post_init__(self) -> None:
        length = max(self.rows.values()) + 1
        tests, costs = (prefixed(kind, arrays) for kind, arrays in (("test", self.tests), ("cost", self.costs)))
        failures = {} if self.failures is None else {"failures": self.failures}
        for axes, kinds, arrays in ((2, "biuf", self.metrics | tests | costs), (3, "biuf", self.curves), (2, "U", failures)):
            for name, array in arrays.items():
                if array.ndim != axes or len(array) < length or array.dtype.kind not in kinds or array.shape[1] == 0:
                    raise TableError(f"table {self.name}: {name!r} has shape {array.shape}, the choices have {length} rows")
        if not self.metrics:
            raise TableError(f"table {self.name} has no metrics; name some, such as error=1-accuracy/100")


def prefixed(kind: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays under names that say of what kind they are."""
    return {f"{kind} {name}": array for name, array in arrays.items()}


def averaged(values: NDArray[Any]) -> NDArray[Any]:
    """Means over the first axis, the seeds, of what is there; NaN where nothing is."""
    known = np.isfinite(values)
    if known.all():
        return np.asarray(values.mean(axis=0))
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))


def table_names() -> list[str]:
    """Names of the tables that come with archsearch."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.npz"))


def find_table(name_or_path: str) -> Path:
    """File of a table that comes with archsearch, or of your own. Raises TableError."""
    if name_or_path in table_names():
        return Path(__file__).parent / f"{name_or_path}.npz"
    path = Path(name_or_path)
    if path.suffix != ".npz":
        raise TableError(f"unknown table {name_or_path!r}; {nearest(name_or_path, table_names())}; or give a file.npz")
    if not path.is_file():
        raise TableError(f"no file {path}; give the path of a table, or the name of one that comes along: {', '.join(table_names())}")
    return path


@lru_cache(maxsize=4)
def load_table(data: str, beside: str = "", metrics: tuple[str, ...] = (AUTO,), tests: tuple[str, ...] = (AUTO,)) -> Results:
    """The results of a table by name or path, read once for each process; of the file `beside`, columns can be named too.

    `metrics` and `tests` are formulas (`metric_of`) or `auto`, for all that the table names so.

    Raises:
        TableError: a file that is no table, or a column that it does not have.
    """
    first = find_table(data)
    arrays, name = read_arrays(first), first.name
    columns = columns_of(arrays)
    if beside:
        columns |= columns_beside(arrays, read_arrays(find_table(beside)), beside)
    own = any(array.startswith((PLAIN, JSON)) for array in arrays)
    auto = {kind: named_so(arrays, kind) if own else CELL_AUTO[kind] for kind in CELL_AUTO}
    return Results(
        name,
        rows_by_choices(arrays, name),
        worked_out(metrics, auto["metrics"], columns, name),
        worked_out(tests, auto["tests"], columns, name),
        worked_out(named_so(arrays, "costs"), (), columns, name),
        {word.removeprefix("curves/"): array for word, array in arrays.items() if word.startswith("curves/")},
        arrays.get("failures"),
        *(space_of(arrays, name) if own else ("cell", CELL_SETTING, False)),
    )


def named_so(arrays: Arrays, kind: str) -> tuple[str, ...]:
    """Formulas of all arrays of a kind, each under its own name."""
    words = [name.removeprefix(f"{kind}/") for name in arrays if name.startswith(f"{kind}/")]
    return tuple(f"{word}={kind}.{word}" for word in words)


def worked_out(formulas: Sequence[str], auto: Sequence[str], columns: Mapping[str, NDArray[Any]], where: str) -> dict[str, Floats]:
    """Values by metric."""
    wanted = [formula for text in formulas for formula in (auto if text == AUTO else [text])]
    return dict(metric_of(formula, columns, where) for formula in wanted)


def columns_beside(arrays: Arrays, others: Arrays, where: str) -> dict[str, NDArray[Any]]:
    """Columns of a second file. Raises TableError unless it names the same networks in the same order."""
    if "arch" not in arrays or "arch" not in others or not np.array_equal(arrays["arch"], others["arch"]):
        raise TableError(f"table {where} does not hold the same networks: both need an array 'arch', row by row the same")
    return columns_of(others)


def space_of(arrays: Arrays, where: str) -> tuple[str, dict[str, Any], bool]:
    """Space and settings that a table of archsearch was made from, and whether of a sample; nothing where it does not say."""
    if "about" not in arrays:
        return "", {}, False
    try:
        about = expect(parse(str(arrays["about"])), dict, "it")
        known = fields({name: about[name] for name in ABOUT if name in about}, ABOUT, "it")
    except ValueError as error:
        raise TableError(f"table {where}: array 'about' cannot be read: {error}") from error
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in known["settings"].items()}
    return known["space"], settings, about.get("sample") is not None
