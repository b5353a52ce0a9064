"""Source of classes that are not torch's own, with all that they read, so that a file can carry them."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from types import FunctionType, ModuleType
from typing import Any

from torch import nn

from archsearch.export.base import ExportError

TAKEN = frozenset({"Network", "load", "preprocess", "read_safetensors", "INPUTS", "CLASSES", "MEAN", "STD", "WEIGHTS"})
"""Names that the exported file itself defines."""


class Definitions:
    """Collects classes and functions to be written down, and the imports that they need."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """Source by name, in an order in which everything is defined before it is read."""
        self._known: dict[str, Any] = {}
        self._modules: set[str] = set()
        self._names: dict[str, set[str]] = {}

    def name_of(self, cls: type) -> str:
        """How the file calls a class; one that is not torch's is written down. Raises ExportError when it cannot be."""
        if getattr(nn, cls.__name__, None) is cls:
            return f"nn.{cls.__name__}"
        self.define(cls.__name__, cls)
        return cls.__name__

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

    def define(self, name: str, thing: Any) -> None:
        """Write down, or import, what a name stands for, and first all that it reads. Raises ExportError."""
        if name in TAKEN or self._known.setdefault(name, thing) is not thing:
            raise ExportError(f"{getattr(thing, '__module__', '')}.{name}: another thing in the file has that name; rename it")
        if name in self.texts or self._imported(name, thing):
            return
        if type(thing) in (bool, int, float, str, tuple, frozenset):
            self.texts[name] = f"{name} = {thing!r}"
            return
        if not isinstance(thing, type | FunctionType) or "<locals>" in thing.__qualname__:
            raise ExportError(f"{name} cannot be written as source; make it a class, a function or a constant at the top of its file")
        self._write(name, thing)

    def _imported(self, name: str, thing: Any) -> bool:
        home = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None) or ""
        if home.partition(".")[0] not in ("torch", *sys.stdlib_module_names) or not hasattr(thing, "__name__"):
            return False
        if not isinstance(thing, ModuleType):
            self.need(home, renamed(thing.__name__, name))
        elif home == name:
            self.need(home)
        else:
            parent, _, last = home.rpartition(".")
            self.need(parent, renamed(last, name)) if parent else self.need(f"{home} as {name}")
        return True

    def _write(self, name: str, thing: type | FunctionType) -> None:
        module = sys.modules[thing.__module__]
        if module.__name__.startswith("archsearch.") and not module.__name__.startswith("archsearch.layers."):
            raise ExportError(f"{module.__name__}.{name} cannot go into a file that runs without archsearch; use torch alone in modules")
        try:
            text = textwrap.dedent(inspect.getsource(thing))
        except (OSError, TypeError) as error:
            raise ExportError(f"the source of {module.__name__}.{name} cannot be found; define it in a file") from error
        self.texts[name] = ""
        for read in sorted({node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)} - {name}):
            if read in vars(module):
                self.define(read, vars(module)[read])
        del self.texts[name]
        self.texts[name] = text.rstrip()


def renamed(name: str, wanted: str) -> str:
    """`name`, or `name as wanted`."""
    return name if name == wanted else f"{name} as {wanted}"
