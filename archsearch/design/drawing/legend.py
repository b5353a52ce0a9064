"""What stands above a network: its name and totals, and what colours, widths and numbers of repetitions mean."""

from __future__ import annotations

from collections.abc import Iterable

from archsearch.design.drawing.boxes import Box
from archsearch.design.drawing.labels import SMALL
from archsearch.design.drawing.layout import Drawing, Layout
from archsearch.design.drawing.palette import FILLS, INK, QUIET, STEPS, WIRE, wire_width
from archsearch.design.drawing.shapes import Curve, Move, Rect, Shape, Text
from archsearch.design.drawing.words import shortened, text_width
from archsearch.units import prefixed

LEFT, GAP, SWATCH = 20.0, 18.0, 30.0
TITLE = 17.0


def legend(layout: Layout, title: str, facts: str, shown: Iterable[Box]) -> tuple[list[Shape], float, float]:
    """The shapes from the upper left corner of the picture, and the room that they take; `shown`: the boxes that it has to explain."""
    drawing = layout.drawing
    name = shortened(title or "Network", 500, TITLE, bold=True)
    shapes: list[Shape] = [Text(LEFT, LEFT + 14, name, TITLE, True, INK)]
    beside = LEFT + text_width(name, TITLE, bold=True) + 14
    shapes.append(Text(beside, LEFT + 14, facts, SMALL, False, QUIET))
    right = beside + text_width(facts, SMALL)
    drawn, x = colours(drawing, LEFT, LEFT + 42)
    shapes += drawn
    drawn, x = widths(layout, x + 28, LEFT + 42)
    shapes += drawn
    if any(box.count > 1 for box in shown):
        drawn, x = repeats(x + 28, LEFT + 42)
        shapes += drawn
    return shapes, max(right, x) - LEFT, 66.0


def depth_words(layout: Layout) -> str:
    """How much is folded."""
    if layout.depth >= layout.drawing.deepest:
        return "all scopes open"
    return "all scopes folded" if layout.depth == 0 else f"scopes deeper than {layout.depth} folded"


def cost_words(drawing: Drawing) -> str:
    """The cost that colours show a share of, with its total and unit."""
    total = drawing.totals.of(drawing.cost)
    if drawing.cost == "memory":
        return f"Share of {prefixed(total, 'B')} of values (one sample, float32)"
    return f"Share of {prefixed(total)} {'params' if drawing.cost == 'params' else 'MACs (one sample)'}"


def colours(drawing: Drawing, x: float, y: float) -> tuple[list[Shape], float]:
    """The scale of colours."""
    words = cost_words(drawing)
    shapes: list[Shape] = [Text(x, y, words, SMALL, False, QUIET)]
    bounds = ["0", *[f"{step:.0%}"[:-1] for step in STEPS[1:]], "100 %"]
    for number, colour in enumerate(FILLS):
        left = x + number * SWATCH
        shapes.append(Rect(left, y + 7, SWATCH, 11, 0, colour, QUIET, 0.6))
    for number, bound in enumerate(bounds):
        at = x + (number + 1) * SWATCH - text_width(bound, SMALL - 1) / 2
        shapes.append(Text(at, y + 29, bound, SMALL - 1, False, QUIET))
    return shapes, max(x + len(FILLS) * SWATCH + 22, x + text_width(words, SMALL))


def widths(layout: Layout, x: float, y: float) -> tuple[list[Shape], float]:
    """The scale of widths: the least and the largest value of the network, and one between."""
    sizes = sorted(layout.drawing.contents.sizes)
    samples = sorted({10 ** len(str(max(size // 2, 1))) for size in (sizes[0], sizes[len(sizes) // 2], sizes[-1])})
    words = "Bytes of a value (one sample, float32)"
    shapes: list[Shape] = [Text(x, y, words, SMALL, False, QUIET)]
    at = x
    for size in samples:
        shapes.append(Curve((Move("M", (at, y + 12.5)), Move("L", (at + 34, y + 12.5))), WIRE, wire_width(size)))
        label = prefixed(size, "B", exact=True)
        shapes.append(Text(at, y + 29, label, SMALL - 1, False, QUIET))
        at += max(34, text_width(label, SMALL - 1)) + 18
    return shapes, max(at - 18, x + text_width(words, SMALL))


def repeats(x: float, y: float) -> tuple[list[Shape], float]:
    """What a count means."""
    words = ("\u00d78: eight equal scopes in a row,", "drawn once; numbers are of all")
    shapes: list[Shape] = [Rect(x + 3.5, y + 0.5, 20, 14, 4, FILLS[1], INK, 1.0), Rect(x, y - 3, 20, 14, 4, FILLS[1], INK, 1.0)]
    shapes += [Text(x + 34, y + 16 * number, text, SMALL, False, QUIET) for number, text in enumerate(words)]
    return shapes, x + 34 + max(text_width(text, SMALL) for text in words)
