"""What makes a drawing right, by computation: nothing overlaps, every text fits, every wire ends at its boxes and runs through nothing."""

from __future__ import annotations

from itertools import combinations, pairwise

from archsearch.design.drawing.labels import Label
from archsearch.design.drawing.layout import Drawing
from archsearch.design.drawing.place import MARGIN, TOP, Piece, Sheet, Turn

NEAR = 0.02
Area = tuple[float, float, float, float]


def overlap(one: Area, other: Area) -> bool:
    """Whether two rectangles (left, top, right, bottom) have more than an edge in common."""
    apart = one[0] >= other[2] - NEAR or other[0] >= one[2] - NEAR or one[1] >= other[3] - NEAR or other[1] >= one[3] - NEAR
    return not apart


def inside(one: Area, other: Area) -> bool:
    return one[0] >= other[0] - NEAR and one[1] >= other[1] - NEAR and one[2] <= other[2] + NEAR and one[3] <= other[3] + NEAR


def assert_sheet(drawing: Drawing, sheet: Sheet, where: str = "", head: Area | None = None) -> None:
    """Check a scope and all scopes that are open inside."""
    areas = {
        spot.box.name + spot.box.kind + spot.box.title: (spot.x, spot.y, spot.x + spot.width, spot.y + spot.height) for spot in sheet.spots
    }
    assert len(areas) == len(sheet.spots)
    for name, area in areas.items():
        assert inside(area, (0, 0, sheet.width, sheet.height)), f"{where}: {name} sticks out"
    for (one, area), (other, second) in combinations(areas.items(), 2):
        assert not overlap(area, second), f"{where}: {one} and {other} overlap"
    solid = {**areas, **({"the head": head} if head else {})}
    if head:
        assert not any(overlap(head, area) for area in areas.values()), f"{where}: a box lies on the head"
    parts = [(piece, part) for piece in sheet.pieces for part in covered(piece, drawing.width(piece.value))]
    parts += [(turn, part) for turn in sheet.turns for part in turned(turn, drawing.width(turn.value))]
    for name, area in solid.items():
        for wire, part in parts:
            assert not overlap(part, area), f"{where}: {wire} runs through {name}"
    assert_ends(sheet, list(areas.values()), where)
    for spot in sheet.spots:
        if spot.inner is None:
            assert_label(drawing.label(spot.box), spot.width, spot.height)
        else:
            label = drawing.head(spot.box)
            assert_label(label, label.width + 10, label.height + 10, pad=0)
            assert_sheet(drawing, spot.inner, f"{where}/{spot.box.title}", (MARGIN, TOP, MARGIN + label.width, TOP + label.height - 3))


def arrows(sheet: Sheet) -> int:
    """Arrows in a scope and in all that are open inside."""
    return sum(piece.tip for piece in sheet.pieces) + sum(arrows(spot.inner) for spot in sheet.spots if spot.inner is not None)


def covered(piece: Piece, width: float) -> list[Area]:
    """The areas that a piece of wire takes: down, aside, down."""
    half = width / 2
    return [
        (piece.x - half, piece.y, piece.x + half, piece.bend),
        (min(piece.x, piece.to_x) - half, piece.bend, max(piece.x, piece.to_x) + half, piece.flat),
        (piece.to_x - half, piece.flat, piece.to_x + half, piece.to_y),
    ]


def turned(turn: Turn, width: float) -> list[Area]:
    half = width / 2
    return [
        (x - half, min(y, to_y), x + half, max(y, to_y)) if x == to_x else (min(x, to_x), y - half, max(x, to_x), y + half)
        for (x, y), (to_x, to_y) in pairwise(turn.points)
    ]


def assert_ends(sheet: Sheet, areas: list[Area], where: str) -> None:
    """Every wire starts at the foot of a box or comes in at the top, and ends at the head of a box or goes out at the foot."""
    joints = {(turn.value, *point) for turn in sheet.turns for point in (turn.points[0], turn.points[-1])}
    starts = joints | {(piece.value, piece.x, piece.y) for piece in sheet.pieces}
    ends = joints | {(piece.value, piece.to_x, piece.to_y) for piece in sheet.pieces}
    for piece in sheet.pieces:
        heights = (piece.y - NEAR, piece.bend, piece.flat, piece.to_y + NEAR)
        assert heights == tuple(sorted(heights)), f"{where}: {piece} goes up"
        foot = any(abs(area[3] - piece.y) < NEAR and area[0] <= piece.x <= area[2] for area in areas)
        assert foot or piece.y < NEAR or meets(piece.value, piece.x, piece.y, ends), f"{where}: {piece} starts nowhere"
        top = any(abs(area[1] - piece.to_y) < NEAR and area[0] <= piece.to_x <= area[2] for area in areas)
        out = abs(piece.to_y - sheet.height) < NEAR
        assert top or out or meets(piece.value, piece.to_x, piece.to_y, starts), f"{where}: {piece} ends nowhere"
        assert top or not piece.tip, f"{where}: the arrow of {piece} points at nothing"


def meets(value: int, x: float, y: float, points: set[tuple[int, float, float]]) -> bool:
    """Whether another piece of the value's wire is there."""
    return (value, x, y) in points or any(value == other and abs(x - at) < NEAR and abs(y - on) < NEAR for other, at, on in points)


def assert_label(label: Label, width: float, height: float, pad: float = 6) -> None:
    """Every text lies in its box and beside the others of its row."""
    spans = [(line.x - line.width * (line.anchor == "end"), line.y, line.x + line.width * (line.anchor == "start")) for line in label.lines]
    for (left, y, right), line in zip(spans, label.lines, strict=True):
        assert inside((left, y - line.size, right, y), (pad, 0, width - pad, height - 4)), f"{line.text!r} does not fit"
    for (left, y, right), (other_left, other_y, other_right) in combinations(spans, 2):
        assert y != other_y or right + 4 <= other_left or other_right + 4 <= left, "texts of a row overlap"
