"""Strategies and evaluators by name, of archsearch or from a user's own file; and the name of one, for the record of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from archsearch.ops.base import nearest
from archsearch.space import OWN, load_file


def load_part(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """What a name of the table (name -> `module:Class`) stands for, or a name in a Python file: `file.py:Class`.

    A file is run: load only files that you trust.

    Raises:
        ValueError: an unknown name, or a file that has not got it. ImportError: it needs a library that is not installed.
    """
    file, _, inside = name.rpartition(".py:")
    if file:
        return _load_own(Path(f"{file}.py"), inside, kind)
    if name not in table:
        raise ValueError(f"unknown {kind} {name!r}; {nearest(name, sorted(table))}; or give one of your own as file.py:Class")
    module, _, cls = table[name].partition(":")
    return getattr(import_module(module), cls)


def _load_own(path: Path, name: str, kind: str) -> Any:
    if not path.is_file():
        raise ValueError(f"no file {path}; give a {kind} of your own as file.py:Class")
    found = getattr(load_file(str(path.resolve())), name, None)
    if not callable(found):
        raise ValueError(f"{path} has no {name!r}; give a {kind} of your own as file.py:Class")  # noqa: TRY004 a wrong name, as any
    return found


def name_of(part: object, table: Mapping[str, str]) -> str:
    """The name by which `load_part` finds the class of `part`: from the table, else its file, else its module."""
    home = f"{type(part).__module__}:{type(part).__qualname__}"
    file = getattr(sys.modules.get(type(part).__module__), "__file__", None)
    if file is not None and type(part).__module__.startswith(OWN):
        home = f"{file}:{type(part).__qualname__}"
    return next((name for name, known in table.items() if known == home), home)


def has_name(name: str, table: Mapping[str, str]) -> bool:
    """Whether `load_part` can find a strategy or evaluator that was recorded by this name."""
    return name in table or ".py:" in name


def own_files(*names: str) -> tuple[str, ...]:
    """The users' own files among the sources of a run, for workers to run before anything else: `file.py`, or `file.py:name`."""
    paths = [Path(f"{file}.py") for file, dot, _ in (name.rpartition(".py") for name in names) if dot]
    return tuple(str(path.resolve()) for path in paths if path.is_file())
