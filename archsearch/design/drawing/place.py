"""Where everything of a scope stands: a plan and the sizes of its boxes become coordinates.

`place.js` says the same for the page on which scopes fold and unfold; the two change together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from archsearch.design.drawing.boxes import Box
from archsearch.design.drawing.labels import Label
from archsearch.design.drawing.layering import Link
from archsearch.design.drawing.plan import SPINE, Ends, Plan

APART, ASIDE, CLEAR = 20.0, 7.0, 6.0
"""Between two boxes, beside a wire, and below a box."""
STRAIGHT, BEND, STEEPEST = 12.0, 0.12, 64.0
"""Height of the strip between two layers in which wires bend: least, for each pixel aside, and most."""
MARGIN, TOP, PORT = 13.0, 8.0, 15.0
"""Inside the frame of an open scope; PORT: the most between two wires at a border of a box."""
GUTTER, TURN, LANE = 36.0, 8.0, 10.0
"""Between two columns, and above and below them, where wires go from one to the next; room for each wire there."""


class Size(NamedTuple):
    """How far a box reaches from its middle line to the left and to the right, and its height; `tops` and `bottoms`: places of wires."""

    left: float
    right: float
    height: float
    tops: dict[int, float]
    bottoms: dict[int, float]


class Spot(NamedTuple):
    """A box in its scope, from the upper left corner of the scope; `inner`: what is in it when it is open."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    inner: Sheet | None


class Piece(NamedTuple):
    """Part of a wire: down from (x, y), a curve between `bend` and `flat`, and down to (to_x, to_y); `tip`: it ends at a box."""

    value: int
    x: float
    y: float
    bend: float
    flat: float
    to_x: float
    to_y: float
    tip: bool


class Turn(NamedTuple):
    """A wire from the foot of a column up through the gutter to the head of the next: corners of a line."""

    value: int
    points: tuple[tuple[float, float], ...]


@dataclass
class Sheet:
    """What is drawn in a scope: its size, the x of its spine, and the x of its ports from there."""

    width: float = 0.0
    height: float = 0.0
    middle: float = 0.0
    tops: dict[int, float] = field(default_factory=dict)
    bottoms: dict[int, float] = field(default_factory=dict)
    spots: list[Spot] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


Widths = Callable[[int], float]


class Texts(Protocol):
    """Who knows the texts of boxes."""

    def label(self, box: Box) -> Label: ...

    def head(self, box: Box) -> Label: ...


class Placer:
    """Places a tree of boxes. `columns`: the plans of a scope, side by side; `opened`: keys of the open scopes."""

    def __init__(self, columns: dict[int, list[Plan]], texts: Texts, widths: Widths, opened: Collection[int]) -> None:
        self.columns, self.opened = columns, opened
        self._texts, self._widths = texts, widths

    def sheet(self, box: Box) -> Sheet:
        """The inside of a scope, or of the root, which has no frame."""
        head, margin = (self._texts.head(box), MARGIN) if box.key else (None, 0.0)
        parts = [self._column(plan, None if number else head, margin) for number, plan in enumerate(self.columns[box.key])]
        return parts[0] if len(parts) == 1 else side_by_side(parts)

    def _size(self, box: Box, top: Ends, bottom: Ends) -> tuple[Size, Sheet | None]:
        if box.key in self.opened:
            inner = self.sheet(box)
            return Size(inner.middle, inner.width - inner.middle, inner.height, inner.tops, inner.bottoms), inner
        label = self._texts.label(box)
        half = label.width / 2
        return Size(half, half, label.height, attached(top, half), attached(bottom, half)), None

    def _column(self, plan: Plan, head: Label | None, margin: float) -> Sheet:
        filled = [self._size(box, top, bottom) for box, top, bottom in zip(plan.boxes, plan.tops, plan.bottoms, strict=True)]
        sizes = [size for size, _ in filled]
        reach = [self._reach(plan, cell, sizes) for cell in range(len(plan.cells))]
        xs = across(plan, reach)
        straighten_ports(plan, xs, reach, sizes)
        left = min(x - before for x, (before, _) in zip(xs, reach, strict=True))
        right = max(x + after for x, (_, after) in zip(xs, reach, strict=True))
        if head is not None:
            ports = [x for x, cell in zip(xs, plan.cells, strict=True) if cell.role == "in"]
            left = min(left, min(ports, default=0.0) - ASIDE - head.width)
        left, right = left - margin, right + margin
        return Column(plan, filled, xs, reach, self._widths).drawn(left, right, head, margin)

    def _reach(self, plan: Plan, cell: int, sizes: list[Size]) -> tuple[float, float]:
        role, number = plan.cells[cell]
        if role == "box":
            return sizes[number].left, sizes[number].right
        half = self._widths(number) / 2 + 1
        return half, half


def attached(ends: Ends, half: float) -> dict[int, float]:
    """Places of wires at a border of a box, from its middle; the straight one stands there."""
    middle = (len(ends.values) - 1) / 2 if ends.straight is None else ends.straight
    most = max(middle, len(ends.values) - 1 - middle, 1)
    step = min(PORT, (half - 10) / most)
    return {value: (number - middle) * step for number, value in enumerate(ends.values)}


def across(plan: Plan, reach: list[tuple[float, float]]) -> list[float]:
    """The x of every cell: the spine at 0, every other line as near to it as what stands between allows."""
    x = {SPINE: 0.0}
    cells: dict[int, list[tuple[int, int | None]]] = {}
    sides = dict(plan.outward)
    for layer in plan.layers:
        for number, cell in enumerate(layer):
            inner = number - sides.get(plan.line[cell], 0)
            cells.setdefault(plan.line[cell], []).append((cell, layer[inner] if 0 <= inner < len(layer) else None))
    for line, side in plan.outward:
        bounds = [0.0]
        for cell, beside in cells[line]:
            if beside is not None:
                apart = APART if plan.cells[cell].role == plan.cells[beside].role == "box" else ASIDE
                before, after = (beside, cell) if side > 0 else (cell, beside)
                bounds.append(side * x[plan.line[beside]] + reach[before][1] + apart + reach[after][0])
        x[line] = side * max(bounds)
    return [x[line] for line in plan.line]


def straighten_ports(plan: Plan, xs: list[float], reach: list[tuple[float, float]], sizes: list[Size]) -> None:
    """Put the ports of a scope right above or below where their wires end inside, where that leaves them apart and in order."""
    for down in (False, True):
        layer, links = (plan.layers[-1], plan.links[-1:]) if down else (plan.layers[0], plan.links[:1])
        if any(plan.cells[cell].role != ("out" if down else "in") for cell in layer):
            continue
        wanted: dict[int, list[float]] = {}
        for link in links[0] if links else ():
            port, other = (link.lower, link.upper) if down else (link.upper, link.lower)
            role, number = plan.cells[other]
            ends = (sizes[number].bottoms if down else sizes[number].tops) if role == "box" else {link.value: 0.0}
            wanted.setdefault(port, []).append(xs[other] + ends[link.value])
        places = [min(wanted.get(cell, [xs[cell]]), key=lambda x: abs(x - xs[cell])) for cell in layer]
        apart = zip(zip(layer, places, strict=True), zip(layer[1:], places[1:], strict=True), strict=False)
        if all(x + reach[cell][1] + 2 <= to - reach[other][0] for (cell, x), (other, to) in apart):
            for cell, x in zip(layer, places, strict=True):
                xs[cell] = x


class Bend(NamedTuple):
    """Where a link goes aside: from x to `to`, between two heights."""

    link: Link
    x: float
    to: float
    top: float
    flat: float


class Column:
    """One plan on its way down: x is counted from the spine."""

    def __init__(
        self, plan: Plan, sizes: list[tuple[Size, Sheet | None]], xs: list[float], reach: list[tuple[float, float]], widths: Widths
    ) -> None:
        self._plan, self._sizes, self._xs, self._reach, self._widths = plan, sizes, xs, reach, widths
        self._sky = Skyline()
        self._ys = [0.0] * len(xs)
        self._bends: list[Bend] = []

    def drawn(self, left: float, right: float, head: Label | None, margin: float) -> Sheet:
        """Everything between `left` and `right` of the spine, as a sheet whose upper left corner is the origin."""
        plan = self._plan
        if head is not None:
            self._sky.lower(left, left + MARGIN + head.width + 4, TOP + head.height)
        lowest = 0.0
        for number, layer in enumerate(plan.layers):
            lowest = max([lowest, *[self._stand(cell) for cell in layer if plan.cells[cell].role == "box"]])
            if number < len(plan.links):
                lowest = max(lowest, self._strips(number))
        tops, bottoms = (self._ports(role) for role in ("in", "out"))
        height = lowest + (min(margin, 2.0) if bottoms else margin)
        pieces = [self._piece(bend, left, height) for bend in self._bends]
        return Sheet(right - left, height, -left, tops, bottoms, self._spots(left), pieces)

    def _ports(self, role: str) -> dict[int, float]:
        return {cell.number: x for x, cell in zip(self._xs, self._plan.cells, strict=True) if cell.role == role}

    def _stand(self, cell: int) -> float:
        """Put a box as far up as it goes; return where it ends."""
        x, (before, after) = self._xs[cell], self._reach[cell]
        y = self._ys[cell] = self._sky.lowest(x - before, x + after)
        end = y + self._sizes[self._plan.cells[cell].number][0].height
        self._sky.lower(x - before - 3, x + after + 3, end + CLEAR)
        return end

    def _strips(self, gap: int) -> float:
        """Bend the wires below a layer, those that lie over each other in one strip; return the lowest end of a strip."""
        ends = [(self._end(link.upper, link.value, True), self._end(link.lower, link.value, False), link) for link in self._plan.links[gap]]
        spans = sorted((min(x, to) - self._half(link), max(x, to) + self._half(link), x, to, link) for x, to, link in ends)
        groups: list[list[tuple[float, float, float, float, Link]]] = []
        reached = float("-inf")
        for span in spans:
            if span[0] > reached:
                groups.append([])
            groups[-1].append(span)
            reached = max(reached, span[1])
        return max((self._strip(group) for group in groups), default=0.0)

    def _strip(self, group: list[tuple[float, float, float, float, Link]]) -> float:
        left, right = group[0][0], max(span[1] for span in group)
        top = self._sky.lowest(left, right)
        flat = top + min(STRAIGHT + BEND * max(abs(x - to) for _, _, x, to, _ in group), STEEPEST)
        self._sky.lower(left, right, flat)
        for _, _, x, to, link in group:
            self._bends.append(Bend(link, x, to, top, flat))
            if self._plan.cells[link.lower].role == "trunk":
                self._ys[link.lower] = flat
        return flat

    def _half(self, link: Link) -> float:
        return self._widths(link.value) / 2 + 3

    def _end(self, cell: int, value: int, down: bool) -> float:
        role, number = self._plan.cells[cell]
        size = self._sizes[number][0] if role == "box" else None
        return self._xs[cell] + (0.0 if size is None else (size.bottoms if down else size.tops)[value])

    def _spots(self, left: float) -> list[Spot]:
        spots = []
        for cell, (role, number) in enumerate(self._plan.cells):
            if role == "box":
                (before, after), (size, inner) = self._reach[cell], self._sizes[number]
                x = self._xs[cell] - before - left
                spots.append(Spot(self._plan.boxes[number], x, self._ys[cell], before + after, size.height, inner))
        return spots

    def _piece(self, bend: Bend, left: float, height: float) -> Piece:
        link, cells = bend.link, self._plan.cells
        (role, number), (end, target) = cells[link.upper], cells[link.lower]
        start = self._ys[link.upper] + (self._sizes[number][0].height if role == "box" else 0.0)
        to = height if end == "out" else self._ys[link.lower]
        tip = end == "box" and self._sizes[target][1] is None
        return Piece(link.value, bend.x - left, start, bend.top, bend.flat, bend.to - left, to, tip)


def side_by_side(parts: list[Sheet]) -> Sheet:
    """Columns from the left to the right; what passes between two of them goes from the foot of one up to the head of the next."""
    turn = TURN + LANE * max(len(part.bottoms) for part in parts[:-1])
    height = max(part.height for part in parts) + 2 * turn
    whole = Sheet(0.0, height, parts[0].middle, parts[0].tops)
    feet: list[tuple[int, float, float]] = []
    for number, part in enumerate(parts):
        gutter = whole.width
        at = gutter + (GUTTER + LANE * len(feet) if number else 0.0)
        whole.width = at + part.width
        whole.spots += [spot._replace(x=spot.x + at, y=spot.y + turn) for spot in part.spots]
        whole.pieces += [moved(piece, at, turn) for piece in part.pieces]
        heads = {value: at + part.middle + x for value, x in part.tops.items()}
        if number:
            whole.turns += [up_and_over(lane, foot, gutter, heads, turn) for lane, foot in enumerate(feet)]
        else:
            whole.turns += [Turn(value, ((x, 0.0), (x, turn))) for value, x in heads.items()]
        ends = sorted((x, value) for value, x in part.bottoms.items())
        feet = [(value, at + part.middle + x, turn + part.height) for x, value in reversed(ends)]
    whole.turns += [Turn(value, ((x, foot), (x, height))) for value, x, foot in feet]
    whole.bottoms = {value: x - whole.middle for value, x, _ in feet}
    return whole


def up_and_over(lane: int, foot: tuple[int, float, float], gutter: float, heads: dict[int, float], turn: float) -> Turn:
    """A wire from one column to the next; the rightmost one takes the first lane, so that none cross."""
    value, x, y = foot
    low, aside, high = y + TURN / 2 + LANE * lane, gutter + GUTTER / 2 + LANE * lane, TURN / 2 + LANE * lane
    return Turn(value, ((x, y), (x, low), (aside, low), (aside, high), (heads[value], high), (heads[value], turn)))


def moved(piece: Piece, right: float, down: float) -> Piece:
    """A piece of a wire in its place among columns."""
    return piece._replace(
        x=piece.x + right, y=piece.y + down, bend=piece.bend + down, flat=piece.flat + down, to_x=piece.to_x + right, to_y=piece.to_y + down
    )


class Skyline:
    """A height (downwards) for every x; `lowest` and `lower` take a stretch of it."""

    def __init__(self, level: float = 0.0) -> None:
        self._edges = [float("-inf")]
        self._levels = [level]

    def lowest(self, left: float, right: float) -> float:
        """The lowest point between two places."""
        return max(self._levels[bisect_right(self._edges, left) - 1 : max(bisect_left(self._edges, right), 1)])

    def lower(self, left: float, right: float, level: float) -> None:
        """Set the height between two places."""
        first, last = bisect_left(self._edges, left), bisect_right(self._edges, right)
        after = self._levels[last - 1]
        self._edges[first:last] = [left, right]
        self._levels[first:last] = [level, after]
