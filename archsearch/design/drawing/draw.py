"""A genotype as a picture, a page, or a text for other tools."""

from __future__ import annotations

from pathlib import Path

from archsearch.design.drawing import graphviz
from archsearch.design.drawing.boxes import Contents, DrawingError
from archsearch.design.drawing.diagram import dot, mermaid
from archsearch.design.drawing.layout import Drawing, lay_out
from archsearch.design.drawing.page import page
from archsearch.design.drawing.scene import scene
from archsearch.design.drawing.svg import svg
from archsearch.design.drawing.words import clean
from archsearch.network.genotype import Genotype
from archsearch.support.writing import whole

FORMATS = ("svg", "png", "dot", "mmd", "html")


def draw(genotype: Genotype, format: str = "svg", *, cost: str = "macs", depth: int | None = None, title: str = "") -> bytes:
    """Draw a genotype from top to bottom, its scopes as boxes, repeated ones once.

    Colours show the share of a cost, widths of wires the bytes of values. The layout is our own and the same on every machine; PNG is
    painted by Graphviz, which has to be installed for that alone.

    Args:
        genotype: The network.
        format: svg, png, dot (Graphviz text), mmd (Mermaid text) or html (scopes fold and unfold).
        cost: What colours show the share of: params, macs, or memory (bytes of the values made, for one sample in float32).
        depth: Scopes deeper than this are folded, 0 folds all; None: the deepest that fits one screen of 1,200 x 900.
        title: A name that stands above.

    Raises:
        DrawingError: an unknown format or cost, a depth below 0, over 3,000 boxes, or a PNG without Graphviz.
    """
    if format not in FORMATS:
        raise DrawingError(f"format {format!r} is unknown; known: {', '.join(FORMATS)}")
    title = clean(title)
    layout = lay_out(Drawing(Contents(genotype), cost), depth)
    if format == "png":
        return graphviz.png(scene(layout, title))
    if format == "html":
        return page(layout, scene(layout, title, still=False)).encode()
    text = {"dot": dot, "mmd": mermaid}[format](layout, title) if format in ("dot", "mmd") else svg(scene(layout, title))
    return text.encode()


def write_drawing(genotype: Genotype, path: str | Path, *, cost: str = "macs", depth: int | None = None, title: str = "") -> Path:
    """Draw a genotype into a file, whole or not at all; the format is the ending of its name.

    Raises:
        DrawingError: as `draw`, or the file cannot be written.
    """
    target = Path(path)
    ending = target.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise DrawingError(f"{target}: no drawing ends in {target.suffix or 'nothing'}; known: .{', .'.join(FORMATS)}")
    drawn = draw(genotype, ending, cost=cost, depth=depth, title=title)
    try:
        with whole(target) as draft:
            draft.write_bytes(drawn)
    except OSError as error:
        raise DrawingError(
            f"{target} cannot be written: {error.strerror or error}; free space or rights, or choose another path"
        ) from error
    return target
