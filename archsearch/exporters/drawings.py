"""The network drawn: SVG, and text for Graphviz and Mermaid."""

from __future__ import annotations

from archsearch.design.drawing import draw
from archsearch.exporters.base import Format, Material, one_file


def drawing(ending: str) -> Format:
    """A drawing of that kind. Writing it raises DrawingError for a network of too many boxes."""

    def drawn(material: Material) -> bytes:
        return draw(material.genotype, ending, title=material.title)

    return one_file(f"model.{ending}", drawn, engine="")


SVG, DOT, MERMAID = (drawing(ending) for ending in ("svg", "dot", "mmd"))
