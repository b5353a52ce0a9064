"""Types that a field of an op may have, and its values as JSON: numbers, texts, true and false, null, literals, enums, nested tuples."""

from __future__ import annotations

import types
from collections.abc import Hashable
from dataclasses import MISSING, Field, fields
from enum import Enum
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

PLAIN: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}
"""Types that JSON has itself, in words."""

MAX_NESTING = 4
ALLOWED = "int, float, bool, str, Literal, an Enum, tuple[int, ...], and these with | None"


@lru_cache(maxsize=1024)
def field_types(cls: Hashable) -> dict[str, Any]:
    """Type of every field of an op."""
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls)}  # type: ignore[arg-type]


@lru_cache(maxsize=1024)
def checks_of(cls: Hashable) -> tuple[tuple[str, Any, frozenset[type]], ...]:
    """Name and type of every field of an op, and the types of values that fit whatever they are."""
    return tuple((name, hint, frozenset(at_once(hint))) for name, hint in field_types(cls).items())


def at_once(hint: Any) -> set[type]:
    """Types all of whose values fit: those that JSON has itself, but for float, which may be no number."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return {option for option in options if option in PLAIN and option is not float}


def is_required(given: Field[Any]) -> bool:
    """Whether a field has no default."""
    return given.default is MISSING and given.default_factory is MISSING


def fault_of(hint: Any, nesting: int = 0) -> str:
    """Why values of a type cannot stand in a field, in words; nothing where they can."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        odd = [option for option in inner if type(option) not in PLAIN or option != option]
        return f"literal {odd[0]!r} is none of text, number, true, false and None" if odd else ""
    if origin in (Union, types.UnionType):
        if any(is_enum(option) for option in inner) and set(inner) - {type(None)} - {next(filter(is_enum, inner))}:
            return f"an enum beside other types cannot be told apart in JSON; use {ALLOWED}"
        return next(filter(None, (fault_of(option, nesting) for option in inner)), "")
    if origin is tuple:
        if nesting == MAX_NESTING:
            return f"tuples are nested more than {MAX_NESTING} deep"
        items = inner[:1] if inner[1:] == (Ellipsis,) else inner
        return next(filter(None, (fault_of(item, nesting + 1) for item in items)), "")
    if hint in PLAIN or is_enum(hint):
        return ""
    why = "which can change; " if (origin or hint) in (list, dict, set) else ""
    return f"its type {type_name(hint)[:60]} is not one that JSON carries, {why}use {ALLOWED}".replace("carries, use", "carries; use")


def is_enum(hint: Any) -> bool:
    """Whether a type is an enumeration."""
    return isinstance(hint, type) and issubclass(hint, Enum)


def holds(value: Any, hint: Any) -> bool:
    """Whether a value may stand in a field of that type, and comes back from JSON as itself."""
    data = to_data(value)
    return fits(data, hint) and bool(from_data(data, hint) == value)


def to_data(value: Any) -> Any:
    """A field's value as JSON has it: an enum's member by its name, a tuple as a list."""
    if isinstance(value, Enum):
        return value.name
    return [to_data(item) for item in value] if isinstance(value, tuple) else value


def from_data(data: Any, hint: Any) -> Any:
    """The value of that type that JSON data, which fit it, stand for."""
    if get_origin(hint) in (Union, types.UnionType):
        return from_data(data, next(option for option in get_args(hint) if fits(data, option)))
    if get_origin(hint) is tuple:
        return tuple([from_data(item, kind) for item, kind in zip(data, item_types(hint, len(data)), strict=True)])
    return hint[data] if is_enum(hint) else data


def item_types(hint: Any, count: int) -> tuple[Any, ...]:
    """Types of the items of a tuple that has so many."""
    items = get_args(hint)
    return (items[0],) * count if items[1:] == (Ellipsis,) else items


def fits(data: Any, hint: Any) -> bool:
    """Whether data read from JSON have the type of a field; true is no number."""
    origin = get_origin(hint)
    if origin is Literal:
        return any(type(data) is type(option) and data == option for option in get_args(hint))
    if origin in (Union, types.UnionType):
        return any(fits(data, option) for option in get_args(hint))
    if origin is tuple:
        if not isinstance(data, list):
            return False
        kinds = item_types(hint, len(data))
        return len(data) == len(kinds) and all(map(fits, data, kinds))
    if hint is float:
        return type(data) is int or (type(data) is float and isfinite(data))
    return type(data) is str and data in hint.__members__ if is_enum(hint) else type(data) is hint


def type_name(hint: Any) -> str:
    """A type in words for an error."""
    origin = get_origin(hint)
    if origin is Literal or is_enum(hint):
        options = [str(to_data(option)) for option in (hint if is_enum(hint) else get_args(hint))]
        return f"one of {', '.join(options[:12])}{', ...' if len(options) > 12 else ''}"
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(option) for option in get_args(hint))
    if origin is tuple:
        items = get_args(hint)
        return f"a list of {', '.join('more' if item is Ellipsis else type_name(item) for item in items)}" if items else "an empty list"
    return PLAIN.get(hint, getattr(hint, "__name__", str(hint)) if origin is None else str(hint))
