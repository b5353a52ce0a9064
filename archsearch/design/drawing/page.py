"""A drawing as one offline page on which scopes fold and unfold."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from archsearch.design.drawing.boxes import DrawingError
from archsearch.design.drawing.data import box_data, look, plan_data, widths
from archsearch.design.drawing.layout import Layout, lay_out_to, visible
from archsearch.design.drawing.palette import fill
from archsearch.design.drawing.plan import plan_all
from archsearch.design.drawing.scene import Scene, tooltip
from archsearch.design.drawing.svg import svg
from archsearch.support.offline_page import asset, bundle, offline_page, script_json

HERE = "design/drawing"
HOW = "Click a scope to unfold it, and its name to fold it again. Open all scopes down to depth"
BODY = """<p id="folding" hidden>{how} <span id="depths">{depths}</span></p>
{picture}<script type="application/json" id="drawing">{data}</script>"""


def page(layout: Layout, scene: Scene) -> str:
    """The page as HTML text: the picture, and what its script needs to fold and unfold every scope."""
    layouts = drawn_depths(layout)
    buttons = "".join(f'<button data-depth="{depth}">{depth}</button>' for depth in range(len(layouts)))
    data = script_json(json.dumps(page_data(layout, scene, layouts), separators=(",", ":")))
    body = BODY.format(how=HOW, depths=buttons, picture=svg(scene), data=data)
    return offline_page(scene.title, body, asset(f"{HERE}/page.css"), bundle(f"{HERE}/page.js"))


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
    boxes = {
        box.key: {**box_data(drawing, box, box.key in scopes), "tip": tooltip(drawing, box), "fill": fill(drawing.share(box))}
        for box in shown
    }
    return {"depth": layout.depth, "opened": sorted(layout.opened), "boxes": boxes, "plans": plans, "columns": columns,
            "widths": widths(drawing), "look": look(scene.origin[1], scene.legend_width)}  # fmt: skip


def several(layout: Layout) -> dict[int, list[dict[str, Any]]]:
    """The scopes that are in columns at a depth."""
    return {key: list(map(plan_data, plans)) for key, plans in layout.columns.items() if len(plans) > 1}
