"""Checks of fields that a constructor of an op makes."""

from __future__ import annotations

from typing import Any

MAX_FIELD = 2**31


def check_sizes(op: Any, *names: str, least: int = 1) -> None:
    """Normalise the named size fields of `op` (a pair of equal numbers becomes one number) and check their range.

    Raises:
        ValueError: a size is no whole number, or out of range.
    """
    for name in names:
        value = getattr(op, name)
        if type(value) is int and least <= value <= MAX_FIELD:
            continue
        if isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int and least <= v <= MAX_FIELD for v in value):
            object.__setattr__(op, name, value[0] if value[0] == value[1] else tuple(value))
            continue
        raise ValueError(f"{op.kind}: {name}={value!r} must be a whole number of at least {least}, or two of them (height, width)")


def check_counts(op: Any, *names: str) -> None:
    """Check that the named fields of `op` are whole numbers of at least 1. Raises ValueError."""
    for name in names:
        value = getattr(op, name)
        if type(value) is not int or not 1 <= value <= MAX_FIELD:
            raise ValueError(f"{op.kind}: {name}={value!r} must be a whole number of at least 1")


def check_flags(op: Any, *names: str) -> None:
    """Check that the named fields of `op` are true or false. Raises ValueError."""
    for name in names:
        value = getattr(op, name)
        if type(value) is not bool:
            raise ValueError(f"{op.kind}: {name}={value!r} must be true or false")


def check_number(op: Any, name: str, low: float, high: float) -> None:
    """Check that a field is a number from `low` up to, not with, `high`, and make it a float. Raises ValueError."""
    value = getattr(op, name)
    if type(value) not in (int, float) or not low <= value < high:
        raise ValueError(f"{op.kind}: {name}={value!r} must be a number from {low} up to, not with, {high}")
    object.__setattr__(op, name, float(value))
