"""Drawings of genotypes: layered pictures with scopes that fold."""

from archsearch.drawing.boxes import COSTS, DrawingError
from archsearch.drawing.draw import FORMATS, draw, write_drawing

__all__ = ["COSTS", "FORMATS", "DrawingError", "draw", "write_drawing"]
