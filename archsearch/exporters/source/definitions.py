"""Source of classes that are not torch's own, with all that they read, so that a file can carry them."""

from __future__ import annotations

import ast
import json
import math
import sys
from collections import OrderedDict
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.exporters.base import ExportError
from archsearch.exporters.source.literals import source_of
from archsearch.exporters.source.statements import SIMPLE, reads_of, statements, text_of

TAKEN = frozenset(
    {"Network", "load", "preprocess", "classify_images", "self_check", "read_safetensors"}
    | {"INPUTS", "CLASSES", "MEAN", "STD", "WEIGHTS", "EXPECTED"}
)
"""Names that the exported file itself defines."""

IMPORTED = {
    "json": json,
    "math": math,
    "sys": sys,
    "torch": torch,
    "OrderedDict": OrderedDict,
    "Path": Path,
    "Tensor": Tensor,
    "nn": nn,
    "F": nn.functional,
}
"""What the exported file itself imports."""

ROOTS = frozenset({"torch", "__future__", *sys.stdlib_module_names})
"""Packages that the exported file may import."""


class Definitions:
    """Collects classes, functions and constants to be written down, and the imports that they need."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """Source by name, in an order in which everything is defined before it is read."""
        self._known: dict[str, Any] = dict(IMPORTED)
        self._modules: set[str] = set()
        self._names: dict[str, set[str]] = {}
        self._written: set[tuple[str, int]] = set()

    def name_of(self, cls: type) -> str:
        """How the file calls a class; one that is not torch's is written down. Raises ExportError when it cannot be."""
        name: str = cls.__name__
        if getattr(nn, name, None) is cls:
            return f"nn.{name}"
        module = sys.modules.get(cls.__module__)
        if module is None or vars(module).get(name) is not cls:
            raise ExportError(f"class {cls.__qualname__} is not made at the top of a file; move it there")
        self.define(name, module)
        return name

    def names(self) -> set[str]:
        """Names that stand for something in the file."""
        return {*TAKEN, *self._known}

    def imports(self) -> list[str]:
        """Import statements, sorted: the standard library, a blank line, torch."""
        plain = [(module.partition(".")[0] == "torch", f"import {module}") for module in self._modules]
        named = [
            (module.partition(".")[0] == "torch", f"from {module} import {', '.join(sorted(names))}")
            for module, names in self._names.items()
        ]
        lines = [[text for is_torch, text in (*sorted(plain), *sorted(named)) if is_torch == group] for group in (False, True)]
        return [*lines[0], "", *lines[1]]

    def need(self, module: str, *names: str) -> None:
        """Import a module, or names from it."""
        if names:
            self._names.setdefault(module, set()).update(names)
        else:
            self._modules.add(module)

    def define(self, name: str, module: ModuleType) -> None:
        """Write down, or import, what a name of a module stands for, and first all that it reads. Raises ExportError."""
        thing = vars(module)[name]
        if name in TAKEN or not same(self._known.setdefault(name, thing), thing):
            raise ExportError(f"{name} in {file_of(module)}: another thing in the exported file has that name; rename it")
        if name in self.texts:
            return
        if (text := literal(thing)) is not None:
            self.texts[name] = f"{name} = {text}"
            return
        statement = statement_of(name, module)
        if isinstance(statement, ast.Import):
            self._import(name, statement, module)
        elif isinstance(statement, ast.ImportFrom):
            self._import_from(name, statement, module)
        elif (key := (module.__name__, statement.lineno)) not in self._written:
            self._written.add(key)
            self._write(name, module, text_of(module, statement))

    def _import(self, name: str, statement: ast.Import, module: ModuleType) -> None:
        full = next(alias.name for alias in statement.names if name == (alias.asname or alias.name.partition(".")[0]))
        if full.partition(".")[0] not in ROOTS:
            raise foreign(name, full, module, "" if not beside(full, module) else f"; write from {full} import ... in its place")
        parent, _, last = full.rpartition(".")
        if name in (full, full.partition(".")[0]):
            self.need(full)
        elif parent:
            self.need(parent, renamed(last, name))
        else:
            self.need(f"{full} as {name}")

    def _import_from(self, name: str, statement: ast.ImportFrom, module: ModuleType) -> None:
        given = "." * statement.level + (statement.module or "")
        home = resolve_name(given, module.__package__) if statement.level else given
        original = next(alias.name for alias in statement.names if name == (alias.asname or alias.name))
        if home.partition(".")[0] in ROOTS:
            self.need(home, renamed(original, name))
        elif beside(home, module) and hasattr(sys.modules[home], original):
            self.define(original, sys.modules[home])
            if original != name:
                self.texts[name] = f"{name} = {original}"
        else:
            raise foreign(name, home, module)

    def _write(self, name: str, module: ModuleType, text: str) -> None:
        self.texts[name] = ""  # what reads itself is not written again
        reads = reads_of(text)
        for read in sorted((reads.running - {name}) & vars(module).keys()):
            self.define(read, module)
        for read in sorted((reads.noted - reads.running - {name}) & vars(module).keys()):
            self._note(read, module)
        del self.texts[name]
        self.texts[name] = text

    def _note(self, name: str, module: ModuleType) -> None:
        """Define what an annotation names if that can be; as annotations are not run, it may be missing."""
        before = dict(self.texts), dict(self._known), set(self._modules), {k: set(v) for k, v in self._names.items()}, set(self._written)
        try:
            self.define(name, module)
        except ExportError:
            self.texts, self._known, self._modules, self._names, self._written = before


def statement_of(name: str, module: ModuleType) -> ast.stmt:
    """The one statement that makes a name. Raises ExportError."""
    try:
        found = statements(module).get(name, [])
    except (OSError, SyntaxError) as error:
        raise ExportError(f"the source of {module.__name__}.{name} cannot be found; define it in a file") from error
    if not found:
        raise ExportError(f"{name} in {file_of(module)} is made by no statement at the top of the file; write it there by its name")
    defined = isinstance(found[-1], ast.FunctionDef | ast.ClassDef)
    if not isinstance(found[-1], SIMPLE) or (len(found) > 1 and not defined):
        raise ExportError(f"{name} in {file_of(module)}, line {found[-1].lineno}, cannot be carried; make it by one plain statement")
    return found[-1]


def foreign(name: str, home: str, module: ModuleType, fix: str = "; use torch alone in modules, or put it into the file") -> ExportError:
    """The error about a name that comes from a package the exported file must do without."""
    return ExportError(f"{name} in {file_of(module)} comes from {home}, which cannot go into a file that needs torch alone{fix}")


def beside(home: str, module: ModuleType) -> bool:
    """Whether a module is a file in the folder of another one, so that it can be carried along."""
    file, other = (getattr(found, "__file__", None) for found in (sys.modules.get(home), module))
    return file is not None and other is not None and Path(file).resolve().parent == Path(other).resolve().parent


def file_of(module: ModuleType) -> str:
    """Name of a module's file, for people."""
    return Path(getattr(module, "__file__", None) or module.__name__).name


def same(one: Any, other: Any) -> bool:
    """Whether two things that one name stands for are one, or constants that are equal."""
    return one is other or (type(one) is type(other) and (text := literal(one)) is not None and text == literal(other))


def literal(value: Any) -> str | None:
    """Source of a constant that nothing can change; None for anything else."""
    changes = type(value) in (list, dict) or (type(value) is tuple and any(literal(item) is None for item in value))
    return None if changes else source_of(value)


def renamed(name: str, wanted: str) -> str:
    """`name`, or `name as wanted`."""
    return name if name == wanted else f"{name} as {wanted}"
