"""Boxes of one scope in layers, top to bottom, and what carries a value past the layers between: trunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from archsearch.design.drawing.boxes import Box, DrawingError

MOST_PIECES = 12_000
"""Of wires in one scope: each layer that a value passes is one."""
Role = Literal["box", "trunk", "in", "out"]


class Cell(NamedTuple):
    """A place in a layer: of a box (`number` is its place among the boxes), or of a value that passes, comes in or goes out."""

    role: Role
    number: int


class Link(NamedTuple):
    """A piece of a wire from a cell to one in the next layer."""

    upper: int
    lower: int
    value: int


@dataclass
class Layered:
    """Cells by number, their numbers by layer from the left to the right, and the links below every layer but the last."""

    cells: list[Cell] = field(default_factory=list)
    layers: list[list[int]] = field(default_factory=list)
    links: list[list[Link]] = field(default_factory=list)

    def add(self, role: Role, number: int, layer: int) -> int:
        """Put a cell at the right end of a layer and return its number."""
        self.cells.append(Cell(role, number))
        self.layers[layer].append(len(self.cells) - 1)
        return len(self.cells) - 1


def layered(boxes: Sequence[Box], ins: Sequence[int], outs: Sequence[int]) -> Layered:
    """Boxes as far up as what they read allows; a value runs down from its source as one trunk, however many read it."""
    maker = {value: number for number, box in enumerate(boxes) for value in box.makes}
    readers: dict[int, list[int]] = {}
    for number, box in enumerate(boxes):
        for value in box.reads:
            readers.setdefault(value, []).append(number)
    level = levels(boxes, maker, readers, bool(ins))
    last = max(level, default=0) + bool(outs)
    drawn = Layered(layers=[[] for _ in range(last + 1)], links=[[] for _ in range(last)])
    check_size(maker, readers, level, last, outs)
    source = {value: (drawn.add("in", value, 0), 0) for value in ins}
    cell = {number: drawn.add("box", number, level[number]) for number in range(len(boxes))}
    source.update({value: (cell[number], level[number]) for value, number in maker.items()})
    for value, (start, top) in sorted(source.items()):
        ends = [(level[number], cell[number]) for number in readers.get(value, ())]
        if value in outs:
            ends.append((last, drawn.add("out", value, last)))
        run_trunk(drawn, value, start, top, ends)
    return drawn


def check_size(maker: dict[int, int], readers: dict[int, list[int]], level: list[int], last: int, outs: Sequence[int]) -> None:
    """Raise DrawingError when more wires pass by boxes than can be drawn."""
    passing = sum(
        max([last * (value in outs), *(level[reader] for reader in readers.get(value, ()))]) - level[box] for value, box in maker.items()
    )
    if passing > MOST_PIECES:
        raise DrawingError(
            f"{passing:,} pieces of wire are over the limit of {MOST_PIECES:,} for one scope; use a smaller depth, "
            "or group its nodes in scopes (names such as stage1/conv)"
        )


def run_trunk(drawn: Layered, value: int, start: int, top: int, ends: list[tuple[int, int]]) -> None:
    """Link a value from the cell that it starts at to its ends, with cells in the layers between."""
    at: dict[int, list[int]] = {}
    for end, cell in ends:
        at.setdefault(end, []).append(cell)
    upper, last = start, max(at, default=top)
    for layer in range(top, last):
        drawn.links[layer].extend(Link(upper, cell, value) for cell in at.get(layer + 1, ()))
        if layer + 1 < last:
            passing = drawn.add("trunk", value, layer + 1)
            drawn.links[layer].append(Link(upper, passing, value))
            upper = passing


def levels(boxes: Sequence[Box], maker: dict[int, int], readers: dict[int, list[int]], below_ports: bool) -> list[int]:
    """The layer of every box: one below the lowest that it reads; what reads nothing here comes right before it is needed."""
    sources = [{maker[value] for value in box.reads if value in maker} for box in boxes]
    waiting, level = [len(source) for source in sources], [int(below_ports)] * len(boxes)
    targets = [{reader for value in box.makes for reader in readers.get(value, ())} for box in boxes]
    ready = [number for number, count in enumerate(waiting) if not count]
    for number in ready:
        for target in sorted(targets[number]):
            level[target] = max(level[target], level[number] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for number, box in enumerate(boxes):
        if not box.reads and targets[number]:
            level[number] = max(level[number], min(level[target] for target in targets[number]) - 1)
    return level
