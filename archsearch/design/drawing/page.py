"""A drawing as one offline page on which scopes fold and unfold."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from archsearch.design.drawing import place
from archsearch.design.drawing.boxes import Box, DrawingError
from archsearch.design.drawing.labels import Label
from archsearch.design.drawing.layout import Layout, lay_out_to, visible
from archsearch.design.drawing.palette import FRAME, GROUNDS, INK, QUIET, WIRE, fill
from archsearch.design.drawing.plan import Plan, plan_all
from archsearch.design.drawing.scene import HEAD, MARGIN, ROUND, SHEETS, Scene, tooltip
from archsearch.design.drawing.svg import svg
from archsearch.support.offline_page import offline_page, script_json

HOW = "Click a scope to unfold it, and its name to fold it again. Open all scopes down to depth"
BODY = """<p id="folding" hidden>{how} <span id="depths">{depths}</span></p>
{picture}<script type="application/json" id="drawing">{data}</script>"""


def page(layout: Layout, scene: Scene) -> str:
    """The page as HTML text: the picture, and what its script needs to fold and unfold every scope."""
    layouts = drawn_depths(layout)
    buttons = "".join(f'<button data-depth="{depth}">{depth}</button>' for depth in range(len(layouts)))
    data = script_json(json.dumps(page_data(layout, scene, layouts), separators=(",", ":")))
    return offline_page(scene.title, BODY.format(how=HOW, depths=buttons, picture=svg(scene), data=data), "archsearch.design.drawing")


def drawn_depths(layout: Layout) -> list[Layout]:
    """The layout at every depth, as deep as there are not too many boxes or wires."""
    found: list[Layout] = []
    with suppress(DrawingError):
        for depth in range(layout.drawing.deepest + 1):
            found.append(layout if depth == layout.depth else lay_out_to(layout.drawing, depth))
    return found


def page_data(layout: Layout, scene: Scene, layouts: list[Layout]) -> dict[str, Any]:
    """Boxes, plans of all scopes that can be opened, and the columns at every depth."""
    drawing, scopes = layout.drawing, layouts[-1].opened
    plans = {key: [plan_data(planned.plan)] for key, planned in plan_all(drawing.root, scopes).items()}
    columns = {depth: several(one) for depth, one in enumerate(layouts)} | {layout.depth: several(layout)}
    shown = visible(drawing.root, len(layouts) - 1)
    boxes = {box.key: box_data(layout, box, box.key in scopes) for box in shown}
    widths = {
        value: drawing.width(value) for value in range(len(drawing.contents.sizes)) if drawing.contents.outline.stands[value] == value
    }
    return {"depth": layout.depth, "opened": sorted(layout.opened), "boxes": boxes, "plans": plans, "columns": columns, "widths": widths,
            "look": look(scene)}  # fmt: skip


def several(layout: Layout) -> dict[int, list[dict[str, Any]]]:
    """The scopes that are in columns at a depth."""
    return {key: list(map(plan_data, plans)) for key, plans in layout.columns.items() if len(plans) > 1}


def plan_data(plan: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    return {**{name: getattr(plan, name) for name in ("cells", "layers", "links", "line", "outward", "tops", "bottoms")},
            "boxes": [box.key for box in plan.boxes]}  # fmt: skip


def box_data(layout: Layout, box: Box, opens: bool) -> dict[str, Any]:
    """A box as plain data; the head of a scope where it can be opened."""
    drawing = layout.drawing
    label = label_data(drawing.label(box))
    data = {**label, "kind": box.kind, "name": box.name, "count": box.count, "level": box.level, "tip": tooltip(drawing, box)}
    data["fill"] = fill(drawing.share(box))
    return {**data, "head": label_data(drawing.head(box))} if opens else data


def label_data(label: Label) -> dict[str, Any]:
    """Lines of text as plain data."""
    return {"width": label.width, "height": label.height, "lines": label.lines}


def look(scene: Scene) -> dict[str, Any]:
    """The measures and colours that the script draws with."""
    measures = ("APART", "ASIDE", "CLEAR", "STRAIGHT", "BEND", "STEEPEST", "MARGIN", "TOP", "PORT", "GUTTER", "TURN", "LANE")
    room = {"around": MARGIN, "above": scene.origin[1], "wide": scene.legend_width, "head": HEAD, "round": ROUND, "sheets": SHEETS}
    colours = {"ink": INK, "quiet": QUIET, "wire": WIRE, "frame": FRAME, "grounds": GROUNDS}
    return {**{name.lower(): getattr(place, name) for name in measures}, **room, **colours}
