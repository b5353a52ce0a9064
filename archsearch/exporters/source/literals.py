"""Constants as Python source."""

from __future__ import annotations

import math
from typing import Any


def source_of(value: Any) -> str | None:
    """Python source of a constant, of lists, tuples and dicts of such; None for anything else."""
    if value is None or type(value) in (bool, int, str):
        return double_quoted(value) if type(value) is str else str(value)
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if type(value) is dict:
        pairs = [(source_of(key), source_of(item)) for key, item in value.items()]
        return None if any(None in pair for pair in pairs) else f"{{{', '.join(f'{key}: {item}' for key, item in pairs)}}}"
    if type(value) not in (list, tuple):
        return None
    items = [source_of(item) for item in value]
    if None in items:
        return None
    inner = ", ".join(map(str, items))
    if type(value) is list:
        return f"[{inner}]"
    return f"({inner},)" if len(items) == 1 else f"({inner})"


def double_quoted(text: str) -> str:
    """Source of a text, in double quotes where that needs no escape."""
    return repr(text) if '"' in text or "'" in repr(text)[1:-1] or "\\" in repr(text) else f'"{text}"'


def type_of(value: Any) -> str:
    """A type as it is annotated."""
    if type(value) is tuple and value:
        types = [type_of(item) for item in value]
        return f"tuple[{', '.join(types)}]" if len(types) <= 3 else f"tuple[{' | '.join(sorted({*types}))}, ...]"
    return "None" if value is None else type(value).__name__
