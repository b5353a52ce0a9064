"""The lines of text in a box, and the size of the box that holds them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from archsearch.design.drawing.boxes import Box, Totals
from archsearch.design.drawing.words import op_words, shape_words, share_words, shortened, text_width
from archsearch.units import prefixed

LARGE, SMALL = 12.5, 11.0
JOIN = " \u00b7 "
PAD, BETWEEN, ROW, FIRST, LAST = 11.0, 12.0, 15.0, 16.5, 8.0
NARROW, STEP, WIDE = 156.0, 36.0, 264.0
"""Widths of boxes: few different ones, so that a column looks even."""
HEAD_ROOM = 180.0
"""Largest width of the head of an open scope, which stands beside the wire that comes in."""


class Line(NamedTuple):
    """A text in a box: where its baseline starts (or ends, with `anchor` end) from the box's upper left corner."""

    text: str
    x: float
    y: float
    size: float
    bold: bool = False
    quiet: bool = False
    anchor: Literal["start", "end"] = "start"

    @property
    def width(self) -> float:
        """Estimated width in pixels."""
        return text_width(self.text, self.size, self.bold)


class Label(NamedTuple):
    """The text of a box, folded or an op, or the head of an open scope; the size is what it needs."""

    width: float
    height: float
    lines: tuple[Line, ...]


class Row(NamedTuple):
    """Text at the left and text at the right of one line."""

    left: str
    right: str = ""
    bold: bool = False
    right_bold: bool = False

    @property
    def size(self) -> float:
        """Size of the text at the left."""
        return LARGE if self.bold else SMALL

    @property
    def width(self) -> float:
        """Room that both need."""
        right = text_width(self.right, SMALL, self.right_bold) + BETWEEN if self.right else 0
        return text_width(self.left, self.size, self.bold) + right


def set_rows(rows: list[Row]) -> Label:
    """Rows as a box: as wide as they need within limits; what is too long is shortened, names first."""
    needed = max(row.width for row in rows) + 2 * PAD
    steps = max(0, -int((NARROW - needed) // STEP))
    width = min(NARROW + STEP * steps, WIDE)
    lines: list[Line] = []
    for number, row in enumerate(rows):
        y, room = FIRST + number * ROW, width - 2 * PAD
        spare = max(room - text_width(row.left, row.size, row.bold) - BETWEEN, 0.3 * room)
        right = shortened(row.right, spare, SMALL, row.right_bold) if row.right else ""
        beside = text_width(right, SMALL, row.right_bold) + BETWEEN if right else 0.0
        lines.append(Line(fitting(row.left, room - beside, row.size, row.bold), PAD, y, row.size, bold=row.bold))
        if right:
            lines.append(Line(right, width - PAD, y, SMALL, bold=row.right_bold, anchor="end"))
    return Label(width, FIRST + (len(rows) - 1) * ROW + LAST, tuple(lines))


def fitting(text: str, room: float, size: float, bold: bool) -> str:
    """The text; where it is too wide without the scopes around the last name, and then without its middle."""
    while "/" in text and " /" not in text and text_width(text, size, bold) > room:
        text = text.partition("/")[2]
    return shortened(text, room, size, bold)


def box_label(box: Box, share: float) -> Label:
    """What stands in an op, in a folded scope, or at an input or output."""
    shape, part = shape_words(box.shape), share_words(share)
    if box.op is not None:
        name = " ".join(text for text in (own_name(box), times(box.count)) if text)
        told = f"{shape}{JOIN}weights {box.mark}" if box.mark else shape
        return set_rows([Row(op_words(box.op), name, bold=True), Row(told, part)])
    if box.kind == "scope":
        totals = totals_words(box.totals)
        return set_rows([Row(box.shown, times(box.count), bold=True, right_bold=True), Row(totals), Row(shape, part)])
    title = f"Input {box.title}" if box.kind == "input" else box.title
    return set_rows([Row(title, shape, bold=True)])


def head_label(box: Box, share: float) -> Label:
    """What stands at the upper left of an open scope."""
    count = times(box.count)
    title = fitting(box.shown, HEAD_ROOM - (text_width(count, LARGE, bold=True) + 8 if count else 0), LARGE, bold=True)
    lines = [Line(title, 0, 13, LARGE, bold=True)]
    if count:
        lines.append(Line(count, lines[0].width + 8, 13, LARGE, bold=True))
    told = totals_words(box.totals).split(JOIN)
    told[-1] = JOIN.join(text for text in (told[-1], share_words(share)) if text)
    for number, text in enumerate(told):
        lines.append(Line(text, 0, 27.0 + 13.0 * number, SMALL, quiet=True))
    return Label(max(line.x + line.width for line in lines), lines[-1].y + 5.0, tuple(lines))


def own_name(box: Box) -> str:
    """The name of a box; nothing for an op that is called as what it is."""
    if box.op is None:
        return box.shown
    return "" if plain(box.title) in (plain(op_words(box.op)), plain(box.op.kind)) else box.title


def plain(text: str) -> str:
    """A name without what sets kinds of writing apart."""
    return text.lower().replace("_", "").replace(" ", "")


def times(count: int) -> str:
    """How often, with a cross before it; nothing for once."""
    return f"\u00d7{count}" if count > 1 else ""


def totals_words(totals: Totals) -> str:
    """Params and MACs of a scope; what there is none of is left out."""
    told = [f"{prefixed(number)} {unit}" for number, unit in ((totals.params, "params"), (totals.macs, "MACs")) if number]
    return JOIN.join(told) or f"{totals.nodes} op{'s' if totals.nodes != 1 else ''} without params"
