"""Options of strategies, evaluators and spaces as JSON, and back to what they were: lists stay lists, tuples tuples, paths paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Any

MOST_NESTED = 20


def to_plain(value: Any, what: str) -> Any:
    """The value as JSON takes it: an array is a tuple, `{"list": [..]}` a list, `{"path": ".."}` a path, `{"dict": {..}}` a dict.

    Raises:
        ValueError: anything else, which could not be read back; `what` says in the message whose it is.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and isfinite(value):
        return float(value)
    if isinstance(value, tuple):
        return [to_plain(item, what) for item in value]
    if isinstance(value, list):
        return {"list": [to_plain(item, what) for item in value]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: to_plain(item, what) for key, item in value.items()}}
    raise ValueError(
        f"{what} is {repr(value)[:60]}, which a run cannot keep; options are texts, finite numbers, true, false, None, paths, "
        "and lists, tuples or dicts of those"
    )


def options_to_plain(options: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """All options of a part. Raises ValueError, with the name of the option."""
    return {name: to_plain(value, f"option {name} of the {owner}") for name, value in options.items()}


def from_plain(data: Any, depth: int = 0) -> Any:
    """The value that `to_plain` gave this for. Raises ValueError for what it never gives."""
    if depth > MOST_NESTED:
        raise ValueError("an option is nested too deeply")
    if isinstance(data, list):
        return tuple(from_plain(item, depth + 1) for item in data)
    if not isinstance(data, dict):
        return data
    [(kind, inner)] = data.items() if len(data) == 1 else [("", None)]
    if kind not in KINDS or not isinstance(inner, KINDS[kind][0]):
        raise ValueError("an option is an object of an unknown kind; known: list, path, dict")
    return KINDS[kind][1](inner, depth + 1)


KINDS: dict[str, tuple[type, Callable[[Any, int], Any]]] = {
    "list": (list, lambda inner, depth: [from_plain(item, depth) for item in inner]),
    "path": (str, lambda inner, depth: Path(inner)),
    "dict": (dict, lambda inner, depth: {key: from_plain(item, depth) for key, item in inner.items()}),
}


def alike(a: Any, b: Any) -> bool:
    """Whether two options mean the same: a list and a tuple of equal values do, a path and its text too."""
    return bool(loosened(a) == loosened(b))


def loosened(value: Any) -> Any:
    """The value with tuples for lists and texts for paths, all the way down."""
    if isinstance(value, Mapping):
        return {key: loosened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(loosened, value))
    return str(value) if isinstance(value, PurePath) else value
