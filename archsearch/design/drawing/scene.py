"""A layout as shapes: what every writer of pictures draws, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archsearch.design.drawing.boxes import Box
from archsearch.design.drawing.labels import JOIN, totals_words
from archsearch.design.drawing.layout import Drawing, Layout, visible
from archsearch.design.drawing.legend import GAP, depth_words, legend
from archsearch.design.drawing.palette import FRAME, GROUNDS, INK, QUIET, WIRE, fill
from archsearch.design.drawing.place import MARGIN as INSIDE
from archsearch.design.drawing.place import TOP, Piece, Sheet, Spot
from archsearch.design.drawing.shapes import Arrow, Curve, Move, Rect, Shape, Text
from archsearch.design.drawing.words import clean

MOST_WORDS = 400
"""Letters of an op in a tooltip."""
MARGIN, HEAD, SHEETS, ROUND = 20.0, 7.0, 3.5, 12.0
"""Around the picture; length of an arrow's head besides its width; how far the sheets behind a repeated scope stand out; corners."""


class Scene(NamedTuple):
    """A picture: size in pixels, a text that stands for it, and its shapes; those of the network count from `origin`."""

    width: float
    height: float
    title: str
    legend: list[Shape]
    network: list[Shape]
    origin: tuple[float, float]
    legend_width: float


def scene(layout: Layout, title: str, still: bool = True) -> Scene:
    """Title and legend above, the network below, in the middle; a `still` picture says what is folded."""
    drawing, sheet = layout.drawing, layout.sheet
    facts = [totals_words(drawing.totals), *([depth_words(layout)] if still else [])]
    shown = visible(drawing.root, layout.depth) if still else drawing.root.walk()
    above, wide, high = legend(layout, title, JOIN.join(facts), shown)
    width = max(sheet.width, wide) + 2 * MARGIN
    origin = ((width - sheet.width) / 2, MARGIN + high + GAP)
    network = list(sheet_shapes(drawing, sheet, 0.0, 0.0, 0))
    words = f"{title or 'Network'}: {totals_words(drawing.totals)}"
    return Scene(width, origin[1] + sheet.height + MARGIN, words, above, network, origin, wide)


def sheet_shapes(drawing: Drawing, sheet: Sheet, x: float, y: float, depth: int) -> Iterator[Shape]:
    """What is in a scope: wires first, then boxes over their ends."""
    yield from wires(drawing, sheet, x, y)
    for spot in sheet.spots:
        yield from spot_shapes(drawing, spot, x + spot.x, y + spot.y, depth)


def wires(drawing: Drawing, sheet: Sheet, x: float, y: float) -> Iterator[Shape]:
    """One curve for every value, and an arrow at every box that it ends at."""
    moves: dict[int, list[Move]] = {}
    arrows = []
    for piece in sheet.pieces:
        moves.setdefault(piece.value, []).extend(piece_moves(piece, x, y))
        if piece.tip:
            arrows.append(Arrow(x + piece.to_x, y + piece.to_y, HEAD + drawing.width(piece.value) / 2, WIRE))
    for turn in sheet.turns:
        moves.setdefault(turn.value, []).extend(rounded([(x + to_x, y + to_y) for to_x, to_y in turn.points]))
    for value, path in sorted(moves.items()):
        yield Curve(tuple(path), WIRE, drawing.width(value))
    yield from arrows


def piece_moves(piece: Piece, x: float, y: float) -> Iterator[Move]:
    """Down, aside, and down again; short of the tip, so that the arrow is sharp."""
    end = y + piece.to_y - (HEAD - 1 if piece.tip else 0.0)
    start, to, bend = x + piece.x, x + piece.to_x, y + piece.bend
    yield Move("M", (start, y + piece.y))
    if piece.x == piece.to_x:
        yield Move("L", (to, end))
        return
    flat = min(y + piece.flat, end)
    middle = (bend + flat) / 2
    if piece.bend > piece.y:
        yield Move("L", (start, bend))
    yield Move("C", (start, middle, to, middle, to, flat))
    if end > flat:
        yield Move("L", (to, end))


def rounded(points: list[tuple[float, float]]) -> Iterator[Move]:
    """A line along corners, each of them round."""
    yield Move("M", points[0])
    for (from_x, from_y), (x, y), (to_x, to_y) in zip(points, points[1:], points[2:], strict=False):
        before = min(ROUND / max(abs(x - from_x) + abs(y - from_y), 1), 0.5)
        after = min(ROUND / max(abs(x - to_x) + abs(y - to_y), 1), 0.5)
        yield Move("L", (x + (from_x - x) * before, y + (from_y - y) * before))
        yield Move("C", (x, y, x, y, x + (to_x - x) * after, y + (to_y - y) * after))
    yield Move("L", points[-1])


def spot_shapes(drawing: Drawing, spot: Spot, x: float, y: float, depth: int) -> Iterator[Shape]:
    """A box with its text, or an open scope with all inside."""
    box, tip, inner = spot.box, tooltip(drawing, spot.box), spot.inner
    ground = fill(drawing.share(box)) if inner is None else GROUNDS[depth % 2]
    if box.count > 1:  # the edge of one more sheet behind
        yield Rect(x + SHEETS, y + SHEETS, spot.width, spot.height, 9, ground, INK if inner is None else FRAME, 1.0)
    if inner is not None:
        yield Rect(x, y, spot.width, spot.height, 10, ground, FRAME, 1.0, tip, box.key)
        yield from sheet_shapes(drawing, inner, x, y, depth + 1)
        for line in drawing.head(box).lines:
            colour = QUIET if line.quiet else INK
            yield Text(x + INSIDE + line.x, y + TOP + line.y, line.text, line.size, line.bold, colour, line.anchor)
        return
    radius = {"op": 4.0, "scope": 8.0}.get(box.kind, spot.height / 2)
    stroke, width = (QUIET, 0.9) if box.kind == "op" else (INK, 1.4)
    yield Rect(x, y, spot.width, spot.height, radius, ground, stroke, width, tip, box.key)
    for line in drawing.label(box).lines:
        yield Text(x + line.x, y + line.y, line.text, line.size, line.bold, INK, line.anchor)


def tooltip(drawing: Drawing, box: Box) -> str:
    """All that there is to say of a box."""
    shape = f"output {'x'.join(map(str, box.shape))}"
    if box.kind in ("input", "output"):
        return f"{box.kind} {box.name}\n{shape}"
    what = f"{box.totals.nodes} ops" if box.op is None else clean(str(box.op)[:MOST_WORDS])
    lines = [box.name, what, shape, totals_words(box.totals)]
    if drawing.share(box):
        lines.append(f"{drawing.share(box):.2%} of all {drawing.cost}")
    if box.count > 1:
        lines.append(f"{box.count} equal ones in a row, drawn once; numbers are of all")
    return "\n".join(lines)
