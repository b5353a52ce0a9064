"""Strategies and evaluators by name, of archsearch or from a user's own file; and the name of one, for the record of a run."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from archsearch.support.nearest import nearest
from archsearch.support.own_code import OWN, load_file


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
    cls = type(part)
    known = next((name for name, home in table.items() if registered(home) is cls), None)
    if known is not None:
        return known
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is not None and cls.__module__.startswith(OWN):
        return f"{file}:{cls.__qualname__}"
    return f"{cls.__module__}:{cls.__qualname__}"


def registered(home: str) -> object:
    """What `module:Class` of a table stands for, wherever it is defined; None before it is imported, when nothing can be of that class."""
    module, _, cls = home.partition(":")
    return getattr(sys.modules.get(module), cls, None)


def current(name: str, table: Mapping[str, str]) -> str:
    """The table's name for what an earlier version recorded by its module."""
    module, colon, cls = name.partition(":")
    homes = ((known, *home.partition(":")) for known, home in table.items())
    return next((known for known, room, _, of in homes if colon and of == cls and f"{module}.".startswith(f"{room}.")), name)


def has_name(name: str, table: Mapping[str, str]) -> bool:
    """Whether `load_part` can find a strategy or evaluator that was recorded by this name."""
    return name in table or ".py:" in name


def own_files(*names: str) -> tuple[str, ...]:
    """The users' own files among the sources of a run, for workers to run before anything else: `file.py`, or `file.py:name`."""
    paths = [Path(f"{file}.py") for file, dot, _ in (name.rpartition(".py") for name in names) if dot]
    return tuple(str(path.resolve()) for path in paths if path.is_file())


def split_source(text: str) -> tuple[str, str]:
    """File and the rest of `file.py` or `file.py:Name`; no file in any other text."""
    if text.endswith(".py"):
        return text, ""
    file, dot, inside = text.rpartition(".py:")
    return (f"{file}.py", f":{inside}") if dot else ("", text)


def absolute(text: str) -> str:
    """A source with the path of its file made absolute, so that it is found from any folder; what names no file stays."""
    file, inside = split_source(text)
    return f"{Path(file).resolve()}{inside}" if file else text


def moved(text: str, file: str) -> str:
    """A source with its file elsewhere, absolute."""
    given, name = split_source(file)
    return f"{Path(given or file).resolve()}{name or split_source(text)[1]}"


def code_digest(*texts: str) -> str:
    """sha256 of the files of users' own that these sources name; empty where they name none. Raises ValueError where one is not there."""
    digests = [sha256_of(Path(file)) for file, _ in map(split_source, texts) if file]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest() if digests else ""


def sha256_of(path: Path) -> str:
    """sha256 of a file. Raises ValueError when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
