"""A drawing as plain data, from which `picture.js` draws it, whichever scopes are open."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from archsearch.design.drawing import place
from archsearch.design.drawing.boxes import COSTS, Box, Contents, DrawingError
from archsearch.design.drawing.labels import Label
from archsearch.design.drawing.layout import MOST, Drawing, visible
from archsearch.design.drawing.palette import FILLS, FRAME, GROUNDS, INK, QUIET, STEPS, WIRE
from archsearch.design.drawing.plan import Plan, Planned, plan_all
from archsearch.design.drawing.scene import HEAD, MARGIN, MOST_WORDS, ROUND, SHEETS
from archsearch.design.drawing.words import clean
from archsearch.network.genotype import Genotype

ABOVE = 8.0


def drawing_data(genotype: Genotype) -> dict[str, Any]:
    """What a network is drawn from, whichever of its scopes are open and whichever cost the colours show a share of.

    - `boxes` by key (0 is the whole, and none), with `totals`: how many nodes, params, macs, memory; and `op`, an op in full.
    - `inside`: the keys of the boxes in each scope that can be opened; `plans`: how they stand there.
    - `widths` of wires by value; `look`: measures and colours; `steps` and `fills`: the scale of colours; `totals` of the network.

    Raises:
        DrawingError: more boxes or wires than can be drawn, even with all scopes folded.
    """
    drawing = Drawing(Contents(genotype), COSTS[0], tells_shares=False)
    depth, plans = plans_of(drawing)
    boxes = visible(drawing.root, depth)
    return {
        "boxes": {box.key: {**box_data(drawing, box, box.key in plans), **figures(box)} for box in boxes},
        "inside": {box.key: [child.key for child in box.children] for box in (drawing.root, *boxes) if box.key in plans},
        "plans": {key: [plan_data(planned.plan)] for key, planned in plans.items()},
        "widths": widths(drawing),
        "look": look(ABOVE, 0.0) | {"around": ABOVE},
        "steps": STEPS,
        "fills": FILLS,
        "totals": list(drawing.totals),
    }


def plans_of(drawing: Drawing) -> tuple[int, dict[int, Planned]]:
    """The plans of all scopes down to the greatest depth at which there are not too many boxes or wires. Raises DrawingError."""
    root, deepest = drawing.root, drawing.deepest
    for depth in range(deepest, -1, -1):
        shown = visible(root, depth)
        if len(shown) > MOST and depth:
            continue
        if len(shown) > MOST:
            raise DrawingError(f"{len(shown):,} boxes are over the limit of {MOST:,} for a drawing")
        opened = {0} | {box.key for box in shown if box.kind == "scope" and box.level <= depth}
        if not depth:
            return depth, plan_all(root, opened)
        with suppress(DrawingError):
            return depth, plan_all(root, opened)
    raise AssertionError("a drawing has a depth")


def figures(box: Box) -> dict[str, Any]:
    """What a box costs, and its op in full."""
    about = {} if box.op is None else {"op": clean(str(box.op)[:MOST_WORDS])}
    return {"totals": list(box.totals), "shape": list(box.shape), **about}


def box_data(drawing: Drawing, box: Box, opens: bool) -> dict[str, Any]:
    """A box as plain data; the head of a scope where it can be opened."""
    data = {**label_data(drawing.label(box)), "kind": box.kind, "name": box.name, "count": box.count, "level": box.level}
    return {**data, "head": label_data(drawing.head(box))} if opens else data


def label_data(label: Label) -> dict[str, Any]:
    """Lines of text as plain data."""
    return {"width": label.width, "height": label.height, "lines": label.lines}


def plan_data(plan: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    return {**{name: getattr(plan, name) for name in ("cells", "layers", "links", "line", "outward", "tops", "bottoms")},
            "boxes": [box.key for box in plan.boxes]}  # fmt: skip


def widths(drawing: Drawing) -> dict[int, float]:
    """The widths of the wires of all values that are drawn."""
    stands = drawing.contents.outline.stands
    return {value: drawing.width(value) for value in range(len(stands)) if stands[value] == value}


def look(above: float, wide: float) -> dict[str, Any]:
    """The measures and colours that the script draws with; room `above` the network, and how `wide` at least the picture is."""
    measures = ("APART", "ASIDE", "CLEAR", "STRAIGHT", "BEND", "STEEPEST", "MARGIN", "TOP", "PORT", "GUTTER", "TURN", "LANE")
    room = {"around": MARGIN, "above": above, "wide": wide, "head": HEAD, "round": ROUND, "sheets": SHEETS}
    colours = {"ink": INK, "quiet": QUIET, "wire": WIRE, "frame": FRAME, "grounds": GROUNDS}
    return {**{name.lower(): getattr(place, name) for name in measures}, **room, **colours}
