"""Drawings of genotypes: layered pictures with scopes that fold."""

from archsearch.design.drawing.boxes import COSTS, DrawingError
from archsearch.design.drawing.draw import FORMATS, draw, write_drawing

__all__ = ["COSTS", "FORMATS", "DrawingError", "draw", "write_drawing"]
