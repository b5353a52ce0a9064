"""What stands in a box: an op in words, a shape, a share; and how wide a text is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any
from unicodedata import category

from archsearch.ops.base import Op

WIDTHS = (
    "32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 "
    "100 68 69 70 77 63 58 77 75 29 29 66 56 86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 "
    "50 61 63 55 63 62 35 63 63 28 28 58 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84"
)
ADVANCE = dict(zip(map(chr, range(32, 127)), map(int, WIDTHS.split()), strict=True)) | {"\u00b7": 32, "\u2013": 50, "\u00d7": 84}
"""Widths in hundredths of the size: those of DejaVu Sans, the widest sans serif that browsers fall back to."""
OTHER, BOLD = 100, 1.14
ELLIPSIS = "\u2026"
PART = re.compile(r"(?:P|R|Leaky)?ReLU6?|SiLU|RoI|L2|[A-Z]{2,}(?=[A-Z][a-z]|\d|$)|[A-Z][a-z]+|\d+d?|[A-Z]")


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width in pixels, rather too much than too little."""
    return sum([ADVANCE.get(letter, OTHER) for letter in text]) * size * (BOLD if bold else 1) / 100


def shortened(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, its middle left out where it is wider than `room` pixels."""
    if text_width(text, size, bold) <= room:
        return text
    for kept in range(min(len(text) - 1, 200), 0, -1):
        short = f"{text[: (kept + 1) // 2]}{ELLIPSIS}{text[len(text) - kept // 2 :]}"
        if text_width(short, size, bold) <= room:
            return short
    return ELLIPSIS


@lru_cache(maxsize=4096)
def op_words(op: Op) -> str:
    """An op in words: `Conv 7x7 /2`, `Batch norm`, `Attention 12 heads`; all its fields stand in the tooltip."""
    given = {one.name: getattr(op, one.name) for one in fields(op)}  # type: ignore[arg-type]
    telling = [form(given[name]) for name, form in TELLING.items() if name in given]
    return " ".join([clean(class_words(type(op).__name__, op.kind)), *[word for word in telling if word]])


def clean(text: str) -> str:
    """A text that may stand in any file: control characters and the like are replaced."""
    return "".join("\ufffd" if category(letter)[0] == "C" else letter for letter in text)


def class_words(name: str, kind: str) -> str:
    """The name of a class as words, without its number of axes: `BatchNorm2d` is `Batch norm`."""
    parts: list[str] = PART.findall(name)
    if not parts or "".join(parts) != name:
        parts = [kind.replace("_", " ")]
        return parts[0][:1].upper() + parts[0][1:]
    words = [part if sum(map(str.isupper, part)) > 1 else part.lower() for part in parts if not re.fullmatch(r"\dd", part)]
    words = ["leaky ReLU" if word == "LeakyReLU" else word for word in words]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def sizes(size: Any) -> tuple[int, ...]:
    """One or two whole numbers; none of anything else, which an op of the user's own may have."""
    both = size if isinstance(size, tuple) else (size,)
    return both if len(both) <= 2 and all(type(one) is int for one in both) else ()


def by(size: Any) -> str:
    """A size in one or two axes: 3 by 3."""
    given = sizes(size)
    return "\u00d7".join(map(str, given * 2 if len(given) == 1 else given))


def unless_one(before: str) -> Callable[[Any], str]:
    """A function that puts something before one or two numbers, and says nothing of 1."""
    return lambda size: "" if size == 1 or not sizes(size) else before + ",".join(map(str, sizes(size)))


def more(word: str) -> Callable[[Any], str]:
    """A function that puts a number before a word, and says nothing of 1."""
    return lambda number: f"{number} {word}" if type(number) is int and number > 1 else ""


def factor(by: Any) -> str:
    """By how much something grows."""
    return f"\u00d7{by:g}" if type(by) in (int, float) else ""


TELLING: dict[str, Callable[[Any], str]] = {
    "kernel": by,
    "stride": unless_one("/"),
    "dilation": unless_one("dilated "),
    "groups": more("groups"),
    "heads": more("heads"),
    "factor": factor,
    "scale": factor,
}
"""Fields that tell one op from the next at a glance, and how they are written."""


def shape_words(shape: tuple[int, ...]) -> str:
    """Axes with crosses between."""
    return "\u00d7".join(map(str, shape))


def share_words(share: float) -> str:
    """A share of the whole in percent; nothing for nothing."""
    if share <= 0:
        return ""
    if share < 0.001:
        return "<0.1 %"
    return f"{share:.1%}".replace("%", " %") if share < 0.0995 else f"{share:.0%}".replace("%", " %")
