"""What of a scope's drawing holds whether the boxes inside are folded or open: layers, order, and what stands in one line."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archsearch.design.drawing.boxes import Box
from archsearch.design.drawing.layering import Cell, Layered, Link, layered
from archsearch.design.drawing.ordering import Neighbours, neighbours, order

SPINE = 0


class Ends(NamedTuple):
    """Values at one border of a box from the left to the right, and the place of the one whose wire is straight."""

    values: tuple[int, ...] = ()
    straight: int | None = None


@dataclass(frozen=True)
class Plan:
    """A scope's inside. `line[c]`: the vertical line that cell c stands in; line 0, the spine, has a cell in every layer.

    `outward`: all other lines with their side (-1 left, 1 right), each after those between it and the spine.
    `tops` and `bottoms`: by the place of a box, the wires at its borders.
    """

    boxes: tuple[Box, ...]
    cells: tuple[Cell, ...]
    layers: tuple[tuple[int, ...], ...]
    links: tuple[tuple[Link, ...], ...]
    line: tuple[int, ...]
    outward: tuple[tuple[int, int], ...]
    tops: tuple[Ends, ...]
    bottoms: tuple[Ends, ...]


class Planned(NamedTuple):
    """A scope's plan, and the wires at its borders that it was made for."""

    plan: Plan
    top: Ends
    bottom: Ends


def plan_all(root: Box, opened: Collection[int]) -> dict[int, Planned]:
    """The plans of open scopes by their keys, from the outermost in: the order outside is the order of the wires at a scope's borders."""
    plans: dict[int, Planned] = {}
    waiting = [(root, Ends(), Ends())]
    while waiting:
        box, top, bottom = waiting.pop()
        found = plan(box.children, top, bottom)
        plans[box.key] = Planned(found, top, bottom)
        for child, above, below in zip(box.children, found.tops, found.bottoms, strict=True):
            if child.kind == "scope" and child.key in opened:
                waiting.append((child, above, below))
    return plans


def plan(boxes: Sequence[Box], top: Ends, bottom: Ends) -> Plan:
    """Plan boxes between values that come in at the top and go out at the bottom."""
    drawn = layered(boxes, top.values, bottom.values)
    spine = spine_of(drawn, top, bottom)
    order(drawn, spine, top.values, bottom.values)
    upper, lower = neighbours(drawn)
    line = lines(drawn, spine, upper, lower)
    place = {cell: number for layer in drawn.layers for number, cell in enumerate(layer)}
    ends = (borders(drawn, boxes, line, place, down) for down in (False, True))
    return Plan(tuple(boxes), tuple(drawn.cells), tuple(map(tuple, drawn.layers)), tuple(map(tuple, drawn.links)), tuple(line),
                outwards(drawn, line, place), *ends)  # fmt: skip


def spine_of(drawn: Layered, top: Ends, bottom: Ends) -> list[int]:
    """A chain with one cell in every layer that holds most boxes, between the straight wires outside where it can."""
    score: dict[int, float] = {cell: 0.5 * is_straight(drawn.cells[cell], "in", top) for cell in drawn.layers[0]}
    score.update({cell: score[cell] + (drawn.cells[cell].role == "box") for cell in drawn.layers[0]})
    before: dict[int, int] = {}
    for links in drawn.links:
        for link in sorted(links):
            if link.upper not in score:
                continue
            cell = drawn.cells[link.lower]
            worth = score[link.upper] + (cell.role == "box") + 0.5 * is_straight(cell, "out", bottom)
            if worth > score.get(link.lower, -1):
                score[link.lower], before[link.lower] = worth, link.upper
    ends = [cell for cell in drawn.layers[-1] if cell in score]
    spine = [max(ends, key=lambda cell: (score[cell], -cell))] if ends else []
    while spine and spine[-1] in before:
        spine.append(before[spine[-1]])
    return spine[::-1]


def is_straight(cell: Cell, role: str, ends: Ends) -> bool:
    """Whether a cell is the port of the value that comes straight from above, or goes straight on."""
    return cell.role == role and ends.straight is not None and cell.number == ends.values[ends.straight]


def lines(drawn: Layered, spine: Sequence[int], upper: Neighbours, lower: Neighbours) -> list[int]:
    """Which cells stand in one vertical line: the spine, then trunks, then boxes with the middle one of their neighbours; none cross."""
    spined, line = set(spine), [-1] * len(drawn.cells)
    for cell in spine:
        line[cell] = SPINE
    count = 1
    for gap, links in enumerate(drawn.links):
        above = {cell: number for number, cell in enumerate(drawn.layers[gap])}
        below = {cell: number for number, cell in enumerate(drawn.layers[gap + 1])}
        for cell in above:
            if line[cell] < 0:
                line[cell], count = count, count + 1
        taken: list[tuple[int, int]] = []
        for _, high, low in sorted(wish(drawn, link, spined, (upper, lower), (above, below)) for link in links):
            if fits(taken, high, low):
                line[drawn.layers[gap + 1][low]] = line[drawn.layers[gap][high]]
                insort(taken, (high, low))
    for cell, number in enumerate(line):
        if number < 0:
            line[cell], count = count, count + 1
    return line


def wish(
    drawn: Layered, link: Link, spine: set[int], near: tuple[Neighbours, Neighbours], place: tuple[dict[int, int], dict[int, int]]
) -> tuple[tuple[int, int], int, int]:
    """How late a link may be made straight (the spine first), and the places of its ends."""
    (upper, lower), (above, below) = near, place
    high, low = above[link.upper], below[link.lower]
    inside = (link.upper in spine) + (link.lower in spine)
    trunks = (drawn.cells[link.upper].role == "trunk") + (drawn.cells[link.lower].role == "trunk")
    aside = abs(2 * sorted(map(above.__getitem__, upper[link.lower])).index(high) - len(upper[link.lower]) + 1)
    aside += abs(2 * sorted(map(below.__getitem__, lower[link.upper])).index(low) - len(lower[link.upper]) + 1)
    return (0 if inside == 2 else 9 if inside == 1 else 1 if trunks == 2 else 2, aside), high, low


def fits(taken: list[tuple[int, int]], high: int, low: int) -> bool:
    """Whether a straight link between these places crosses none of those that are there, and shares no end with them."""
    at = bisect_left(taken, (high, low))
    left = at == 0 or (taken[at - 1][0] < high and taken[at - 1][1] < low)
    return left and (at == len(taken) or (taken[at][0] > high and taken[at][1] > low))


def outwards(drawn: Layered, line: Sequence[int], place: dict[int, int]) -> tuple[tuple[int, int], ...]:
    """All lines but the spine, each after the ones between it and the spine."""
    side: dict[int, int] = {}
    inner: dict[int, set[int]] = {}
    for layer in drawn.layers:
        middle = next((number for number, cell in enumerate(layer) if line[cell] == SPINE), -1)
        for number, cell in enumerate(layer):
            if number == middle:
                continue
            side[line[cell]] = 1 if number > middle else -1
            towards = layer[number - 1 if number > middle else number + 1] if number or middle > 0 else None
            inner.setdefault(line[cell], set()).update(() if towards is None else {line[towards]})
    ready: set[int] = {SPINE}
    found: list[tuple[int, int]] = []
    waiting = sorted(side, key=lambda one: side[one])
    while waiting:
        free = [one for one in waiting if inner[one] <= ready] or waiting[:1]
        found.extend((one, side[one]) for one in free)
        ready.update(free)
        waiting = [one for one in waiting if one not in ready]
    return tuple(found)


def borders(drawn: Layered, boxes: Sequence[Box], line: Sequence[int], place: dict[int, int], down: bool) -> tuple[Ends, ...]:
    """The wires at the top of every box, or at its bottom, from the left to the right."""
    far: dict[int, dict[int, list[int]]] = {}
    straight: dict[int, list[int]] = {}
    for links in drawn.links:
        for link in links:
            own, other = (link.upper, link.lower) if down else (link.lower, link.upper)
            cell = drawn.cells[own]
            if cell.role == "box":
                far.setdefault(cell.number, {}).setdefault(link.value, []).append(place[other])
                if line[own] == line[other]:
                    straight.setdefault(cell.number, []).append(link.value)
    found = []
    for number, box in enumerate(boxes):
        places, middle = far.get(number, {}), sorted(straight.get(number, ()))
        mean = {value: sum(at) / len(at) for value, at in places.items()}
        values = sorted(box.makes if down else box.reads, key=lambda value: (mean.get(value, 0.0), value))
        found.append(Ends(tuple(values), values.index(middle[len(middle) // 2]) if middle else None))
    return tuple(found)
