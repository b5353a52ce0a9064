"""A drawing as text that other tools lay out: DOT for Graphviz, and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archsearch.design.drawing.boxes import Box
from archsearch.design.drawing.labels import JOIN, own_name, times, totals_words
from archsearch.design.drawing.layout import Layout
from archsearch.design.drawing.palette import FILLS, FRAME, GROUNDS, INK, PAGE, QUIET, WIRE, fill
from archsearch.design.drawing.scene import tooltip
from archsearch.design.drawing.words import op_words, shape_words, share_words


class Edge(NamedTuple):
    """A value on its way from a drawn box to another; both are folded, or no scopes."""

    start: Box
    end: Box
    value: int


def edges(layout: Layout) -> list[Edge]:
    """All values between drawn boxes, in the order of the boxes that read them."""
    shown = [box for box in drawn(layout) if box.key not in layout.opened]
    maker = {value: box for box in shown for value in box.makes}
    return [Edge(maker[value], box, value) for box in shown for value in box.reads]


def drawn(layout: Layout) -> Iterator[Box]:
    """Open scopes and the boxes in them, from the outside in."""
    waiting = [layout.drawing.root]
    while waiting:
        box = waiting.pop()
        if box.key:
            yield box
        if box.key in layout.opened:
            waiting.extend(reversed(box.children))


def told(layout: Layout, box: Box) -> list[str]:
    """The lines of text in a box: what it is, its totals when it is a scope, its output and its share."""
    drawing, title = layout.drawing, JOIN.join(text for text in (own_name(box), times(box.count)) if text)
    if box.kind in ("input", "output"):
        return [f"Input {title}" if box.kind == "input" else title, shape_words(box.shape)]
    mark = f"weights {box.mark}" if box.mark else ""
    last = [text for text in (shape_words(box.shape), mark, share_words(drawing.share(box))) if text]
    if box.op is not None:
        return [text for text in (op_words(box.op), title, JOIN.join(last)) if text]
    if box.key in layout.opened:
        return [title, JOIN.join([totals_words(box.totals), *last[1:]])]
    return [title, totals_words(box.totals), JOIN.join(last)]


def heading(layout: Layout, title: str) -> str:
    """Name and totals of the network, and what colours show."""
    drawing = layout.drawing
    return f"{title or 'Network'}{JOIN}{totals_words(drawing.totals)}{JOIN}colour: share of {drawing.cost}"


def dot(layout: Layout, title: str) -> str:
    """DOT: scopes are clusters, widths of edges go with the bytes of values."""
    font = f'fontname="Helvetica", fontcolor="{INK}"'
    lines = [
        "digraph network {",
        f"  graph [rankdir=TB, {font}, fontsize=12, labelloc=t, label={quoted(heading(layout, title))}];",
        f'  node [shape=box, style="rounded,filled", {font}, fontsize=11, color="{QUIET}", margin="0.15,0.07"];',
        f'  edge [color="{WIRE}", arrowsize=0.7];',
        *(line for child in layout.drawing.root.children for line in dot_box(layout, child, 1)),
        *(f"  n{start.key} -> n{end.key} [penwidth={layout.drawing.width(value)}];" for start, end, value in edges(layout)),
        "}\n",
    ]
    return "\n".join(lines)


def dot_box(layout: Layout, box: Box, depth: int) -> Iterator[str]:
    """A node, or a cluster with all inside."""
    label, tip, inset = quoted("\n".join(told(layout, box))), quoted(tooltip(layout.drawing, box)), "  " * depth
    if box.key in layout.opened:
        ground = GROUNDS[(depth - 1) % 2]
        yield f"{inset}subgraph cluster_n{box.key} {{"
        yield f'{inset}  graph [style="rounded,filled", color="{FRAME}", fillcolor="{ground}", labeljust=l, label={label}, tooltip={tip}];'
        for child in box.children:
            yield from dot_box(layout, child, depth + 1)
        yield f"{inset}}}"
        return
    ends = box.kind in ("input", "output")
    look = f'fillcolor="{PAGE if ends else fill(layout.drawing.share(box))}", color="{INK if box.kind != "op" else QUIET}"'
    look += ', style="rounded,filled,bold"' if ends else ", peripheries=2" if box.count > 1 else ""
    yield f"{inset}n{box.key} [label={label}, tooltip={tip}, {look}];"


def quoted(text: str) -> str:
    """A text as a DOT string: nothing in it ends the string or is taken for an escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'"{escaped}"'


def mermaid(layout: Layout, title: str) -> str:
    """Mermaid: scopes are subgraphs."""
    links = edges(layout)
    lines = ["---", f"title: {yaml(heading(layout, title))}", "---", "flowchart TB"]
    for child in layout.drawing.root.children:
        lines += mermaid_box(layout, child, 1)
    lines += [f"  n{start.key} --> n{end.key}" for start, end, _ in links]
    lines += [f"  classDef s{number} fill:{colour},stroke:{QUIET},color:{INK}" for number, colour in enumerate(FILLS)]
    lines.append(f"  classDef scope fill:{GROUNDS[0]},stroke:{FRAME},color:{INK}")
    by_width: dict[float, list[str]] = {}
    for number, (_, _, value) in enumerate(links):
        by_width.setdefault(layout.drawing.width(value), []).append(str(number))
    lines += [f"  linkStyle {','.join(numbers)} stroke:{WIRE},stroke-width:{width}px" for width, numbers in sorted(by_width.items())]
    return "\n".join([*lines, ""])


def mermaid_box(layout: Layout, box: Box, depth: int) -> Iterator[str]:
    """A node, or a subgraph with all inside."""
    lines, inset = told(layout, box), "  " * depth
    label = "<br/>".join(map(entities, lines))
    if box.key in layout.opened:
        short = JOIN.join([lines[0], lines[1].partition(JOIN)[0]])  # Mermaid draws over the second line of such a title
        yield f'{inset}subgraph n{box.key} ["{entities(short)}"]'
        for child in box.children:
            yield from mermaid_box(layout, child, depth + 1)
        yield f"{inset}end"
        yield f"{inset}class n{box.key} scope"
        return
    start, end = {"op": ("[", "]"), "scope": ("[[", "]]") if box.count > 1 else ("(", ")")}.get(box.kind, ("([", "])"))
    step = 0 if box.kind in ("input", "output") else FILLS.index(fill(layout.drawing.share(box)))
    yield f'{inset}n{box.key}{start}"{label}"{end}:::s{step}'


def entities(text: str) -> str:
    """A text for Mermaid: everything but letters, digits and a few plain signs by its number."""
    return "".join(letter if letter.isalnum() or letter in " .,-/\u00d7\u00b7\u2026" else f"#{ord(letter)};" for letter in text)


def yaml(text: str) -> str:
    """A text as a YAML string in quotes; nothing in it looks like HTML, which Mermaid would read."""
    escaped = text.replace("<", "\u2039").replace(">", "\u203a").replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
