"""What an exported folder says of the images that its network takes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from archsearch.exporters.base import ExportError, Preprocessing
from archsearch.support.reading import at, is_word, read_text, reason

CONSTANTS = {"MEAN": "mean", "STD": "std", "CLASSES": "classes"}
MOST_TEXT = 2**20
"""Of one constant."""


def read_preprocessing(path: Path) -> Preprocessing:
    """Means, stds and classes of a `model.py`, read as text: nothing in it is run. What it does not say stays empty.

    Raises:
        ExportError: it cannot be read, or says something else than numbers and names.
    """
    try:
        lines = [line for line in read_text(path).splitlines() if line.partition(" = ")[0] in CONSTANTS]
        found = {CONSTANTS[line.partition(" = ")[0]]: constant(line.partition(" = ")[2]) for line in lines}
        names, numbers = found.get("classes", ()), [value for name in ("mean", "std") for value in found.get(name, ())]
        if not all(map(is_word, names)) or not all(type(value) in (int, float) for value in numbers):
            raise ValueError("MEAN and STD must be numbers, CLASSES names")
        return Preprocessing.from_dict(found)
    except (OSError, ValueError, ExportError) as error:
        raise ExportError(at(path, f"{reason(error)}; give a folder that archsearch exported")) from error


def constant(text: str) -> tuple[Any, ...]:
    """A tuple of constants as Python writes it. Raises ValueError."""
    if len(text) > MOST_TEXT:
        raise ValueError(f"a constant has over {MOST_TEXT:,} characters")
    try:
        found = ast.literal_eval(text)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text[:40]!r} is no tuple of constants") from error
    if not isinstance(found, tuple):
        raise ValueError(f"{text[:40]!r} is no tuple of constants")  # noqa: TRY004 one kind of error for all damage
    return found
