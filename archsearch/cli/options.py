"""`NAME=VALUE` from the command line, typed by the defaults of what they set."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archsearch.cli import WrongUseError
from archsearch.support.nearest import nearest


def parse_pairs(pairs: Sequence[str], defaults: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Values by name, each of the type of its default. Raises WrongUseError for an unknown name or a value that does not fit."""
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise WrongUseError(f"{pair!r} must be NAME=VALUE")
        if name not in defaults:
            known = nearest(name, sorted(defaults)) if defaults else "it takes none"
            raise WrongUseError(f"{owner} has no setting {name!r}; {known}")
        found[name] = parse_value(text, defaults[name], f"{owner}: {name}={text}")
    return found


def parse_value(text: str, default: Any, what: str) -> Any:
    """Text as a value of the type of `default`. Raises WrongUseError."""
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if isinstance(default, tuple | list):
            kind = type(default[0]) if default else plain
            return tuple(kind(part) for part in text.split(",") if text)
        if default is None:
            return plain(text)
        return type(default)(text)
    except (KeyError, ValueError):
        raise WrongUseError(f"{what} must be {kind_name(default)}") from None


def plain(text: str) -> Any:
    """A number where the text is one, nothing for `none`, else the text."""
    if text.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def kind_name(default: Any) -> str:
    """Type of a default in words."""
    if isinstance(default, tuple | list):
        return f"values parted by commas, such as {','.join(map(str, default))}"
    names = {bool: "true or false", int: f"a whole number, such as {default}", float: f"a number, such as {default}"}
    return names.get(type(default), "a text")


def defaults_of(maker: Callable[..., Any]) -> dict[str, Any]:
    """Parameters of a class or function with their defaults, None where one has to be given."""
    return {p.name: None if p.default is p.empty else p.default for p in inspect.signature(maker).parameters.values()}


def required(maker: Callable[..., Any]) -> list[str]:
    """Parameters of a class or function that have to be given."""
    found = inspect.signature(maker).parameters.values()
    return [p.name for p in found if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def make(kind: str, name: str, table: Mapping[str, Callable[..., Any]], pairs: Sequence[str], **given: Any) -> Any:
    """An object of a table by its name and `NAME=VALUE` options. Raises WrongUseError."""
    if name not in table:
        raise WrongUseError(f"unknown {kind} {name!r}; {nearest(name, sorted(table))}")
    maker = table[name]
    try:
        return maker(**{**given, **parse_pairs(pairs, defaults_of(maker), f"{kind} {name!r}")})
    except WrongUseError:
        raise
    except (TypeError, ValueError) as error:  # an option that has to be given is missing
        raise WrongUseError(f"{kind} {name!r}: {error}") from error
