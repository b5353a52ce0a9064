"""A scatter of characters: two metrics on a screen that shows no pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log10
from typing import NamedTuple

from rich.text import Text

from archsearch.figures.scale import even_marks, is_wide, log_marks
from archsearch.units import prefixed, unit

BRIGHT, DIM = "bold magenta", "dim"
"""Styles that read on dark and on light; without colours the characters tell the points apart."""
BORDER = 0.04
"""Of its length an axis leaves free at either end."""


class Point(NamedTuple):
    """A network by two metrics; one on the front is `bright`."""

    x: float
    y: float
    bright: bool


class Letters(NamedTuple):
    """Characters that a scatter is drawn with."""

    bright: str
    dim: str
    side: str
    notch: str
    corner: str
    foot: str
    tick: str


DRAWN = Letters("\u25cf", "\u25e6", "\u2502", "\u2524", "\u2514", "\u2500", "\u252c")
PLAIN = Letters("*", ".", "|", "+", "+", "-", "+")
"""For output that takes no other characters."""


def letters_for(encoding: str) -> Letters:
    """The characters that an output of this encoding can show."""
    try:
        "".join(DRAWN).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return DRAWN


@dataclass(frozen=True)
class Axis:
    """One axis: where values of a metric stand on it, and which are marked."""

    metric: str
    low: float
    high: float
    log: bool
    marks: tuple[float, ...]

    @classmethod
    def over(cls, metric: str, values: Sequence[float]) -> Axis:
        """The axis for these values, which are not none."""
        low, high = min(values), max(values)
        if is_wide(values):
            room = (high / low) ** BORDER
            low, high = low / room, high * room
            inside = [mark for mark in log_marks(low, high) if low <= mark <= high]
            return cls(metric, low, high, True, tuple(inside or (low, high)))
        room = (high - low) * BORDER or abs(high) or 1.0
        low, high = (max(0.0, low - room) if low >= 0 else low - room), high + room
        return cls(metric, low, high, False, tuple(even_marks(low, high)))

    def place(self, value: float, cells: int) -> int:
        """Which of so many cells a value stands in, from 0."""
        low, high, at = (log10(each) if self.log else each for each in (self.low, self.high, value))
        return min(cells - 1, max(0, round((at - low) / (high - low) * (cells - 1))))

    def text(self, mark: float) -> str:
        """A mark in few characters."""
        of = unit(self.metric)
        if of.prefixed:
            return prefixed(mark, of.suffix, exact=True)
        return f"{mark * 100:.4g}%" if of.suffix == "%" else f"{mark:g}"


def scatter(points: Sequence[Point], x: str, y: str, width: int, height: int, letters: Letters = DRAWN) -> Text:
    """The points in a frame of so many characters: metric `x` to the right, `y` up; what is bright lies over what is dim."""
    across, up = Axis.over(x, [point.x for point in points]), Axis.over(y, [point.y for point in points])
    rows = height - 3  # a line for the names, the axis of x, and its marks
    beside: dict[int, str] = {}
    for mark in up.marks:
        beside.setdefault(rows - 1 - up.place(mark, rows), up.text(mark))
    left = max(map(len, beside.values()), default=0)
    cells = max(8, width - left - 2)
    field: dict[tuple[int, int], bool] = {}
    for point in points:
        at = (rows - 1 - up.place(point.y, rows), across.place(point.x, cells))
        field[at] = field.get(at, False) or point.bright
    text = Text(f"{unit(y).label} over {unit(x).label}\n", no_wrap=True, overflow="crop")
    for row in range(rows):
        text.append(f"{beside.get(row, ''):>{left}} {letters.notch if row in beside else letters.side}", style=DIM)
        for column in range(cells):
            bright = field.get((row, column))
            text.append(*((" ", "") if bright is None else (letters.bright, BRIGHT) if bright else (letters.dim, "")))
        text.append("\n")
    for line in foot(across, left, cells, letters):
        text.append(line, style=DIM)
    return text


def foot(axis: Axis, left: int, cells: int, letters: Letters) -> Iterator[str]:
    """The axis of x, and under it the marks, as many as have room."""
    line, words = [letters.foot] * cells, [" "] * (left + 2 + cells)
    free = 0
    for mark in axis.marks:
        text, column = axis.text(mark), axis.place(mark, cells)
        start = min(len(words) - len(text), max(0, left + 2 + column - len(text) // 2))
        if start >= free:
            line[column] = letters.tick
            words[start : start + len(text)] = text
            free = start + len(text) + 2
    yield f"{' ' * left} {letters.corner}{''.join(line)}\n"
    yield "".join(words).rstrip()
