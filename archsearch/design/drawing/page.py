"""A drawing as one offline page on which scopes fold and unfold."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from html import escape
from importlib.resources import files
from typing import Any

from archsearch.design.drawing import place
from archsearch.design.drawing.boxes import Box, DrawingError
from archsearch.design.drawing.labels import Label
from archsearch.design.drawing.layout import Layout, lay_out_to, visible
from archsearch.design.drawing.palette import FRAME, GROUNDS, INK, QUIET, WIRE, fill
from archsearch.design.drawing.plan import Plan, plan_all
from archsearch.design.drawing.scene import HEAD, MARGIN, ROUND, SHEETS, Scene, tooltip
from archsearch.design.drawing.svg import svg

POLICY = "default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
HOW = "Click a scope to unfold it, and its name to fold it again. Open all scopes down to depth"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<p id="folding" hidden>{how} <span id="depths">{depths}</span></p>
{picture}<script type="application/json" id="drawing">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page(layout: Layout, scene: Scene) -> str:
    """The page as HTML text: the picture, and what its script needs to fold and unfold every scope."""
    script, style = (files("archsearch.design.drawing").joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    layouts = drawn_depths(layout)
    buttons = "".join(f'<button data-depth="{depth}">{depth}</button>' for depth in range(len(layouts)))
    policy = POLICY.format(digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode())
    data = script_json(page_data(layout, scene, layouts))
    texts = {"title": escape(scene.title), "how": HOW, "depths": buttons, "picture": svg(scene)}
    return PAGE.format(policy=policy, style=style, data=data, script=script, **texts)


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


def script_json(data: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(data, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
