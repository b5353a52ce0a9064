"""Where in a module something stands, for messages: module path and source line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx

MADE_UP = re.compile(r"@\d+|\.?slice\([^)]*\)")
"""What torch adds to the path of a module: which call of it this is, and that it stands in a cut of a Sequential."""
FRAME = re.compile(r'File "([^"]+)", line (\d+)')
LIBRARY = str(Path(torch.__file__).parent)


class ImporterError(ValueError):
    """A module that cannot become a genotype; one line that names the operator, its module and source line, and what to do."""


class SharedWeightsError(ImporterError):
    """A module whose weights are used at two places."""


@dataclass(frozen=True)
class Place:
    """A call in a module's forward pass: dotted path of the innermost module, empty for the outermost, and the line that called."""

    path: str
    line: str = ""

    def __str__(self) -> str:
        module = f"module '{self.path}'" if self.path else "the outermost module"
        return f"{module} ({self.line})" if self.line else module


def place_of(node: fx.Node) -> Place:
    """Place of a call in a traced graph."""
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed([entry[0] for entry in stack.values()]), "")
    return Place(MADE_UP.sub("", path), line_of(node.meta.get("stack_trace") or ""))


def line_of(trace: str) -> str:
    """File and line of the innermost call that is not torch's own, else nothing."""
    own = [(file, line) for file, line in FRAME.findall(trace) if not file.startswith((LIBRARY, "<"))]
    return f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else ""


def described(error: BaseException) -> str:
    """An exception in one line: its class, and what it says up to an empty line."""
    text = str(error).strip().split("\n\n")[0]
    return f"{type(error).__name__}: {' '.join(text.split())[:300]}"


def first_line(error: BaseException) -> str:
    """What an exception says, without what follows its first line."""
    return (str(error).splitlines() or [""])[0][:200]


def refusal(what: str, place: Place, fix: str = "") -> ImporterError:
    """The error for something that no op expresses."""
    return ImporterError(f"{what} at {place}" + (f"; {fix}" if fix else ""))
