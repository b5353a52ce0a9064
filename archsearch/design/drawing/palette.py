"""Colours and widths: one hue from light to dark for shares, and the logarithm of bytes for wires."""

from __future__ import annotations

from bisect import bisect_left
from math import log10

INK, QUIET, WIRE, FRAME, PAGE = "#16202b", "#4a5663", "#66788a", "#b4c0cc", "#ffffff"
GROUNDS = ("#f7f9fa", "#ffffff")
"""Ground of open scopes, by turns from the outside in."""
STEPS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
FILLS = ("#ffffff", "#edf5fc", "#d9eaf8", "#bedbf2", "#9cc8ea", "#78b2e0", "#559bd5", "#428fce")
"""Fill for no share, for one up to 1 %, up to 2 %, and so on; the ink is legible on each (WCAG 2.2: 4.5 to 1)."""
THIN, THICK = 1.2, 7.0


def fill(share: float) -> str:
    """The colour of a share of the whole."""
    return FILLS[bisect_left(STEPS[1:], share) + 1] if share > 0 else FILLS[0]


def wire_width(size: int) -> float:
    """Width in pixels of a wire that carries so many bytes: one more for ten times the bytes, 1.2 up to 1 kB, 7 at most."""
    return round(min(max(THIN, log10(max(size, 1)) - 2.0), THICK), 2)
