"""A whole drawing placed: which scopes are open, and long ones in columns side by side, so that one screen holds it."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

from archsearch.design.drawing.boxes import COSTS, Box, Contents, DrawingError, Totals
from archsearch.design.drawing.labels import Label, box_label, head_label
from archsearch.design.drawing.palette import wire_width
from archsearch.design.drawing.place import GUTTER, LANE, TURN, Placer, Sheet
from archsearch.design.drawing.plan import SPINE, Ends, Plan, Planned, plan, plan_all

SCREEN = (1160.0, 776.0)
"""Room for the network itself on one screen of 1,200 x 900."""
INNER = 560.0
"""An open scope that is higher may be parted into columns."""
BUNDLE, BUNDLED = 4, 1.1
"""Values that may go together from one column of the root to the next, and from how many screens on they may."""
READABLE, MOST = 140, 3000
"""Boxes that may fit one screen, and boxes that are drawn at all."""


class Drawing:
    """What is drawn of a genotype: its boxes, their texts, the share of a cost that each stands for, the width of each value.

    Without `tells_shares` the texts say nothing of shares, so that they hold for every cost.
    """

    def __init__(self, contents: Contents, cost: str, tells_shares: bool = True) -> None:
        if cost not in COSTS:
            raise DrawingError(f"cost {cost!r} is unknown; known: {', '.join(COSTS)}")
        self.contents, self.cost, self.tells_shares = contents, cost, tells_shares
        self.label = lru_cache(maxsize=None)(self._label)
        self.head = lru_cache(maxsize=None)(self._head)
        self.width = [wire_width(size) for size in contents.sizes].__getitem__

    @property
    def root(self) -> Box:
        """The box of all boxes."""
        return self.contents.root

    @property
    def totals(self) -> Totals:
        """Of the whole network."""
        return self.root.totals

    @cached_property
    def deepest(self) -> int:
        """The level of the deepest scope."""
        return max(box.level for box in self.root.walk())

    def share(self, box: Box) -> float:
        """What part of the cost a box stands for, from 0 to 1."""
        return box.totals.of(self.cost) / max(self.totals.of(self.cost), 1)

    def _label(self, box: Box) -> Label:
        return box_label(box, self.share(box) if self.tells_shares else 0.0)

    def _head(self, box: Box) -> Label:
        return head_label(box, self.share(box) if self.tells_shares else 0.0)


class Layout(NamedTuple):
    """A drawing in place: `depth` to which scopes are open, the columns of every open scope, and the sheet that holds all."""

    drawing: Drawing
    depth: int
    opened: frozenset[int]
    columns: dict[int, list[Plan]]
    sheet: Sheet


def lay_out(drawing: Drawing, depth: int | None = None) -> Layout:
    """Place a drawing with scopes open down to a depth; None: the deepest that one screen holds.

    Raises:
        DrawingError: a depth below 0, or more boxes than can be drawn.
    """
    if depth is not None:
        return lay_out_to(drawing, depth)
    best = lay_out_to(drawing, 0)
    for deeper in range(1, drawing.deepest + 1):
        if len(visible(drawing.root, deeper)) > READABLE:
            break
        try:
            found = lay_out_to(drawing, deeper)
        except DrawingError:  # too many wires
            break
        if badness(found.sheet) > 1:
            break
        best = found
    return best


def lay_out_to(drawing: Drawing, depth: int) -> Layout:
    """Place a drawing with scopes open down to a depth. Raises DrawingError."""
    if depth < 0:
        raise DrawingError(f"depth={depth} must be at least 0, which folds every scope")
    shown = visible(drawing.root, depth)
    if len(shown) > MOST:
        least = len(visible(drawing.root, 0))
        hint = (
            f"a smaller depth folds more ({least:,} boxes at 0)"
            if least <= MOST
            else "group its nodes in scopes (names such as stage1/conv)"
        )
        raise DrawingError(f"{len(shown):,} boxes are over the limit of {MOST:,} for a drawing; {hint}")
    opened = frozenset({0} | {box.key for box in shown if box.kind == "scope" and box.level <= depth})
    planned = plan_all(drawing.root, opened)
    columns = {key: [found.plan] for key, found in planned.items()}
    placer = Placer(columns, drawing, drawing.width, opened)
    return Layout(drawing, depth, opened, columns, fit(placer, drawing.root, planned))


def visible(root: Box, depth: int) -> list[Box]:
    """The boxes that are drawn when scopes are open down to a depth; open scopes count."""
    shown = list(root.children)
    for box in shown:
        if box.kind == "scope" and box.level <= depth:
            shown.extend(box.children)
    return shown


def badness(sheet: Sheet) -> float:
    """How many screens wide or high a sheet is."""
    return max(sheet.width / SCREEN[0], sheet.height / SCREEN[1])


def fit(placer: Placer, root: Box, planned: dict[int, Planned]) -> Sheet:
    """Place all, in columns where one is too long: those of the root, or those of inner scopes as well, whichever fits better."""
    whole = placer.sheet(root)
    if badness(whole) <= 1:
        return whole
    found = []
    for inner in (False, True):
        placer.columns.update({key: [one.plan] for key, one in planned.items()})
        if inner:
            part_all(placer, root, planned, INNER)
        part(placer, root, planned[0], SCREEN[1])
        found.append((placer.sheet(root), dict(placer.columns)))
    sheet, columns = min(found, key=lambda pair: badness(pair[0]))
    placer.columns.update(columns)
    return sheet


def part_all(placer: Placer, box: Box, planned: dict[int, Planned], room: float) -> None:
    """Part the open scopes inside a box, the innermost first."""
    for child in box.children:
        if child.key in placer.opened:
            part_all(placer, child, planned, room)
            part(placer, child, planned[child.key], room)


def part(placer: Placer, box: Box, planned: Planned, room: float) -> None:
    """Give a scope that is higher than there is room as many columns as fill a screen best."""
    sheet = placer.sheet(box)
    if sheet.height <= room:
        return
    best, least = column_groups(between_cuts(planned.plan, sheet, 1), room, sheet.height)
    if least > BUNDLED and not box.key:
        few, less = column_groups(between_cuts(planned.plan, sheet, BUNDLE), room, sheet.height)
        best, least = (few, less) if less < least else (best, least)
    if len(best) > 1:
        placer.columns[box.key] = column_plans(planned, best)


class Block(NamedTuple):
    """Boxes between two places where few values pass; `passes`: those below, from the left to the right, with the straight one."""

    boxes: tuple[Box, ...]
    height: float
    left: float
    right: float
    passes: Ends


def column_groups(blocks: list[Block], room: float, height: float) -> tuple[list[list[Block]], float]:
    """The blocks in as many columns as fill a screen best, and how many screens they then need."""
    best, least = [blocks], height / room
    for count in range(2, min(len(blocks), 12) + 1):
        groups = balanced(blocks, count)
        wide = sum(max(block.right for block in group) - min(block.left for block in group) for group in groups) + GUTTER * (count - 1)
        high = max(sum(block.height for block in group) for group in groups) + 2 * (TURN + LANE)
        now = max(wide / SCREEN[0], high / room)
        if now < least:
            best, least = groups, now
        if least <= 1:
            break
    return best, least


def between_cuts(planned: Plan, sheet: Sheet, most: int) -> list[Block]:
    """A plan parted at every layer below which there are at most so many values."""
    spots = {spot.box.key: spot for spot in sheet.spots}
    last = max(number for number, layer in enumerate(planned.layers) if any(planned.cells[cell].role == "box" for cell in layer))
    blocks: list[Block] = []
    here: list[Box] = []
    top = 0.0
    for number, layer in enumerate(planned.layers[: last + 1]):
        here += [planned.boxes[planned.cells[cell].number] for cell in layer if planned.cells[cell].role == "box"]
        passes = passing(planned, number) if number < last else Ends()
        if not here or (number < last and not (1 <= len(passes.values) <= most and not ends_below(planned, number))):
            continue
        drawn = [spots[box.key] for box in here]
        bottom = max(spot.y + spot.height for spot in drawn)
        sides = min(spot.x for spot in drawn), max(spot.x + spot.width for spot in drawn)
        blocks.append(Block(tuple(here), bottom - top, *sides, passes))
        here, top = [], bottom
    return blocks


def ends_below(planned: Plan, layer: int) -> bool:
    """Whether an output stands right below a layer: it stays with what it comes from."""
    below = (planned.cells[cell] for cell in planned.layers[layer + 1])
    return any(role == "box" and planned.boxes[number].kind == "output" for role, number in below)


def passing(planned: Plan, layer: int) -> Ends:
    """The values below a layer, from the left to the right as they come out of it."""
    place = {cell: number for number, cell in enumerate(planned.layers[layer])}
    starts: dict[int, tuple[int, int]] = {}
    straight = None
    for link in sorted(planned.links[layer]):
        cell = planned.cells[link.upper]
        order = planned.bottoms[cell.number].values.index(link.value) if cell.role == "box" else 0
        starts[link.value] = (place[link.upper], order)
        if planned.line[link.upper] == planned.line[link.lower] == SPINE:
            straight = link.value
    values = tuple(sorted(starts, key=starts.__getitem__))
    return Ends(values, None if straight is None else values.index(straight))


def balanced(blocks: list[Block], count: int) -> list[list[Block]]:
    """Blocks in at most so many groups, in order, the highest group as low as can be."""
    low, high = max(block.height for block in blocks), sum(block.height for block in blocks)
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if len(filled(blocks, middle)) <= count else (middle, high)
    return filled(blocks, high)


def filled(blocks: list[Block], height: float) -> list[list[Block]]:
    """Groups filled one after the other up to a height."""
    groups: list[list[Block]] = []
    free = 0.0
    for block in blocks:
        if not groups or block.height > free:
            groups.append([])
            free = height
        groups[-1].append(block)
        free -= block.height
    return groups


def column_plans(planned: Planned, groups: list[list[Block]]) -> list[Plan]:
    """A plan for every column: what passes between them goes out of one and into the next."""
    plans, top = [], planned.top
    for group in groups:
        bottom = group[-1].passes if group is not groups[-1] else planned.bottom
        plans.append(plan([box for block in group for box in block.boxes], top, bottom))
        top = bottom
    return plans
