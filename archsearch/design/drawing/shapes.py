"""The few shapes that pictures are made of; pixels, y downwards."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Rect(NamedTuple):
    """A rectangle with round corners; `tip` is shown when the mouse rests on it, `key` is the box that it stands for."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str
    stroke_width: float
    tip: str = ""
    key: int | None = None


class Text(NamedTuple):
    """One line of text; x is its start or its end, y its baseline."""

    x: float
    y: float
    text: str
    size: float
    bold: bool
    colour: str
    anchor: Literal["start", "end"] = "start"


class Move(NamedTuple):
    """One step of a curve: move to, line to, or a cubic Bézier curve to."""

    kind: Literal["M", "L", "C"]
    at: tuple[float, ...]


class Curve(NamedTuple):
    """A line of one width."""

    moves: tuple[Move, ...]
    colour: str
    width: float


class Arrow(NamedTuple):
    """The head of an arrow that points down at (x, y)."""

    x: float
    y: float
    size: float
    colour: str


Shape = Rect | Text | Curve | Arrow
