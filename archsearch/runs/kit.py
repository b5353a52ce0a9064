"""What travels to a machine that has none of this one's files: an object, the users' own files that it comes from, and what it reads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ray import cloudpickle

from archsearch.runs.executor import ExecutorError
from archsearch.support.own_code import OWN, load_file
from archsearch.support.parts import split_source

MOST_BYTES = 2**30
"""A larger file or folder does not travel: it has to lie at the same path everywhere."""


class Kit(NamedTuple):
    """An object in pickled form; the content of files by path; modules of users' own by name, with their files; files to be run first.

    `options` are those of the object that name files, all by absolute paths.
    """

    thing: bytes
    files: dict[str, bytes]
    modules: dict[str, str]
    mains: tuple[str, ...]
    options: dict[str, Any]


def pack(thing: Any, mains: Iterable[str] = (), options: Mapping[str, Any] | None = None) -> Kit:
    """A kit of an object, of the Python files that have to be run for it (with all that they have imported), and of files that it reads.

    Raises:
        ExecutorError: what cannot be sent, in one line.
    """
    modules = {name: file for name, module in list(sys.modules.items()) if name.startswith(OWN) and (file := module.__file__)}
    try:
        pickled = cloudpickle.dumps(thing)
    except Exception as error:  # what a user's class holds may fail in any way
        why = " ".join(str(error).split())[:150]
        raise ExecutorError(f"{type(thing).__name__} cannot be sent to other machines ({why}); give it plain data as fields") from error
    read = {
        str(path) for value in (options or {}).values() for text in texts(value) for path in inside(Path(split_source(text)[0] or text))
    }
    files = {path: Path(path).read_bytes() for path in sorted({*modules.values(), *mains, *read}) if Path(path).is_file()}
    return Kit(pickled, files, modules, tuple(mains), dict(options or {}))


def texts(value: Any) -> Iterator[str]:
    """The texts of an option that is one, a path, or a tuple of such."""
    if isinstance(value, tuple):
        yield from (text for item in value for text in texts(item))
    elif isinstance(value, str | Path):
        yield str(value)


def inside(place: Path) -> Iterator[Path]:
    """The files of a folder, or the file itself; none where there is too much to send."""
    files = [place] if place.is_file() else [path for path in sorted(place.rglob("*")) if path.is_file()]
    if sum(path.stat().st_size for path in files) <= MOST_BYTES:
        yield from files


def unpack(kit: Kit, folder: Path) -> Any:
    """The object again, its files in `folder`, and its options that name one of these so that they are found there.

    Modules of users' own have the names that they had where the kit was made; those that are known here are not run again, for an op is
    registered once. Raises OwnFileError, or whatever making the object raises.
    """
    for path, content in kit.files.items():
        target = within(folder, path)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    known = {file for name, file in kit.modules.items() if name in sys.modules}
    for main in kit.mains:
        if main not in known:
            load_file(str(within(folder, main)))
    loaded = {module.__file__: module for name, module in list(sys.modules.items()) if name.startswith(OWN)}
    for name, path in kit.modules.items():
        if (module := loaded.get(str(within(folder, path)))) is not None:
            sys.modules.setdefault(name, module)
    thing = cloudpickle.loads(kit.thing)
    changed = {name: moved(value, folder) for name, value in kit.options.items()}
    return replace(thing, **changed) if changed else thing


def within(folder: Path, path: str | Path) -> Path:
    """Where a file of another machine lies inside a folder."""
    whole = Path(path)
    return folder / whole.relative_to(whole.anchor)


def moved(value: Any, folder: Path) -> Any:
    """An option that names files, with these inside `folder` where they have been sent."""
    if isinstance(value, tuple):
        return tuple(moved(item, folder) for item in value)
    file, name = split_source(str(value))
    place = within(folder, file or str(value)) if Path(file or value).is_absolute() else Path()
    return type(value)(f"{place}{name if file else ''}") if place.name and place.exists() else value
