"""Numbers with units, as people write and read them."""

from __future__ import annotations

import re

from archsearch.cli import WrongUseError

COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def parse_count(text: str) -> int:
    """50k, 5M or 1.5G as a whole number. Raises WrongUseError."""
    return parse(text, COUNTS, "a number such as 20000, 50k or 5M")


def parse_bytes(text: str) -> int:
    """64MB (10^6) or 64MiB (2^20) as bytes. Raises WrongUseError."""
    return parse(text, BYTES, "a size such as 500kB, 64MB or 2GiB")


def parse(text: str, units: dict[str, int], what: str) -> int:
    """A positive number with one of these units. Raises WrongUseError."""
    match = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)\s*([a-zA-Z]*)", text.strip())
    if not match or match[2].lower() not in units:
        raise WrongUseError(f"{text!r} must be {what}")
    value = round(float(match[1]) * units[match[2].lower()])
    if value < 1:
        raise WrongUseError(f"{text!r} must be over 0")
    return value


def show_count(value: float) -> str:
    """Three digits and a unit: 16.8 k."""
    return scaled(value, ["", " k", " M", " G", " T"])


def show_bytes(value: float) -> str:
    """Three digits and a unit: 1.05 MB."""
    return scaled(value, [" B", " kB", " MB", " GB", " TB"])


def show_percent(fraction: float) -> str:
    """A fraction in percent: 1.39%."""
    return f"{100 * fraction:.2f}%"


def scaled(value: float, units: list[str]) -> str:
    """The value in the largest unit that leaves at least 1 before the point."""
    step = 0
    while abs(value) >= 999.5 and step < len(units) - 1:
        value, step = value / 1000, step + 1
    digits = f"{value:.0f}" if step == 0 and float(value).is_integer() else f"{value:.3g}"
    return digits + units[step]
