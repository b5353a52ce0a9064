"""Users' own files, and modules beside them, which they may import as any script may.

Their folders are not put on `sys.path`, where the modules of one would stand in for those of another, of archsearch or of a library.
A user's file gets an `import` of its own instead: what lies beside it is loaded under a name that belongs to its path.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

OWN = "archsearch_own_"
"""How the modules of users' own files are called, before the name of the file."""
FOLDER = "__archsearch_folder__"
"""Attribute of such a module: the folder whose modules it may import."""


class OwnFileError(ValueError):
    """A user's file that cannot be run; one line that says why."""


class OwnLoader(SourceFileLoader):
    """Loads a Python file that may import what lies in `folder`."""

    def __init__(self, name: str, path: str, folder: Path) -> None:
        super().__init__(name, path)
        self._folder = folder

    def exec_module(self, module: ModuleType) -> None:
        """Run the file with builtins of its own, as `exec` documents them."""
        setattr(module, FOLDER, self._folder)
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importer(self._folder)}
        super().exec_module(module)


class OwnFinder(MetaPathFinder):
    """Finds the modules inside packages that lie beside users' files."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a module in such a package, None of any other."""
        if not fullname.startswith(OWN):
            return None
        folder = getattr(sys.modules.get(fullname.partition(".")[0]), FOLDER, None)
        if folder is None:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = OwnLoader(fullname, str(spec.loader.path), folder)
        return spec


sys.meta_path.insert(0, OwnFinder())


@lru_cache(maxsize=64)
def load_file(path: str) -> ModuleType:
    """Run a Python file once and return its module; ops that it registers are known from then on. Raises OwnFileError."""
    try:
        return run_file(path)
    except (Exception, SystemExit) as error:  # the user's code may do anything
        raise OwnFileError(f"{path} fails when it is run: {type(error).__name__}: {error}") from error


def run_file(path: str) -> ModuleType:
    """Run a Python file and return its module, which has a name of its own; whatever the file raises comes through."""
    return run_as(own_name(path), path, Path(path).parent)


def own_name(path: str) -> str:
    """Name of the module of a user's file or package, which no other has."""
    return f"{OWN}{Path(path).stem}_{crc32(path.encode()):08x}"


def run_as(name: str, path: str, folder: Path, inside: list[str] | None = None) -> ModuleType:
    """Run a Python file as the module `name`, a package when it has places `inside`; one that fails is forgotten."""
    spec = spec_from_file_location(name, path, loader=OwnLoader(name, path, folder), submodule_search_locations=inside)
    if spec is None or spec.loader is None:
        raise ImportError("it cannot be read as Python")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def importer(folder: Path) -> Callable[..., ModuleType]:
    """An `__import__` that looks into the folder first."""

    def own_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> ModuleType:
        first, dot, rest = name.partition(".")
        beside = neighbour(folder, first) if level == 0 else None
        return builtins.__import__(name if beside is None else f"{beside}{dot}{rest}", globals, locals, fromlist, level)

    return own_import


def neighbour(folder: Path, name: str) -> str | None:
    """Name in `sys.modules` of the module or package of that name in the folder, loaded; None where it has none of its own."""
    if name in sys.stdlib_module_names or name == "archsearch" or name.startswith(OWN):
        return None
    spec, usual = PathFinder.find_spec(name, [str(folder)]), usual_place(name)
    if spec is None or (spec.origin is None and usual is not None) or (spec.origin is not None and spec.origin == usual):
        return None
    inside = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    own = own_name(str(folder / name) if inside else str(spec.origin))
    if own in sys.modules:
        return own
    if isinstance(spec.loader, SourceFileLoader):
        run_as(own, str(spec.loader.path), folder, inside)
    elif spec.origin is None:  # a folder without __init__.py
        bare = ModuleSpec(own, None, is_package=True)
        bare.submodule_search_locations = inside
        sys.modules[own] = module_from_spec(bare)
        setattr(sys.modules[own], FOLDER, folder)
    else:
        return None  # compiled: its name is part of it
    return own


def usual_place(name: str) -> str | None:
    """File from which the usual import takes a module, None where it finds none."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None) or ""
    spec = PathFinder.find_spec(name)
    return None if spec is None else spec.origin or ""
