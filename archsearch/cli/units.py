"""Numbers with units, as people write them on a command line."""

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
