"""Examples of attention, and of the ways into windows and back.

Fused attention runs as such on real tensors alone: tests/test_attention.py has it.
"""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import IMAGE, TOKENS, VECTOR, Example, at

PACKED, QUERIES, OTHERS = (10, 36), (7, 12), (10, 24)
GRID, NARROW = (64, 6), (21, 4)
OF_WINDOWS = (64, 24)

EXAMPLES: dict[str, list[Example]] = {
    "attention": at((PACKED,), o.Attention(4, fused=False), o.Attention(1, fused=False)),
    "cross_attention": at((QUERIES, OTHERS), o.CrossAttention(3, fused=False), o.CrossAttention(1, fused=False)),
    "from_windows": [
        *at((GRID,), o.FromWindows(8, 8, 4), o.FromWindows(8, 8, (2, 4), (1, 0)), o.FromWindows(8, 8, 4, strided=True)),
        *at((GRID,), o.FromWindows(8, 8, 8), o.FromWindows(6, 8, 4), o.FromWindows(7, 5, 4, 2), o.FromWindows(6, 8, 8, strided=True)),
    ],
    "relative_attention": [
        *at((OF_WINDOWS,), o.RelativeAttention(2, 4), o.RelativeAttention(8, (2, 4), True)),
        *at((OF_WINDOWS,), o.RelativeAttention(1, (8, 8))),
    ],
    "window_attention": at(
        (OF_WINDOWS,), o.WindowAttention(2, 8, 8, 4), o.WindowAttention(4, 7, 6, 4, 2), o.WindowAttention(1, 8, 8, (2, 4), (1, 0))
    ),
    "windows": [
        *at((GRID,), o.Windows(8, 8, 4), o.Windows(8, 8, (2, 4), (0, 2)), o.Windows(8, 8, 4, strided=True), o.Windows(8, 8, 8)),
        *at((NARROW,), o.Windows(7, 3, 3), o.Windows(7, 3, 7), o.Windows(3, 7, 2, 1), o.Windows(3, 7, 4, strided=True)),
    ],
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.Attention(4), (IMAGE,), r"attention needs tokens \(T, D\), got shape \(4, 8, 8\)"),
    (o.Attention(4), (TOKENS,), "attention: 6 features are not 3 packed parts of 4 heads; give a multiple of 12, from a linear before it"),
    (o.CrossAttention(5), (QUERIES, OTHERS), "cross_attention: 12 features are not 5 heads; give a multiple of 5"),
    (o.CrossAttention(2), (QUERIES, PACKED), r"cross_attention needs \(T, D\) and \(S, 2 \* D\).*put linear\(24\) before the second"),
    (o.FromWindows(8, 8), (GRID,), "from_windows: height=8 x width=8 with size=7 needs 196 tokens, got shape"),
    (o.RelativeAttention(2, 3), (OF_WINDOWS,), "relative_attention: size=3 needs a multiple of 9 tokens.*insert windows before it"),
    (o.RelativeAttention(2, 3), (VECTOR,), "relative_attention needs tokens"),
    (o.WindowAttention(2, 8, 8), (OF_WINDOWS,), "window_attention: .* in windows of size=7 is 196 tokens.*insert windows with the same"),
    (o.WindowAttention(5, 8, 8, 4), (OF_WINDOWS,), "window_attention: 24 features are not 3 packed parts of 5 heads"),
    (o.Windows(4, 4), (GRID,), "windows: height=4 x width=4 with size=7 needs 16 tokens, got shape .* give the image's size"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Attention, {"heads": 0}, "attention: heads=0 must be a whole number of at least 1"),
    (o.Attention, {"heads": 2, "fused": 1}, "attention: fused=1 must be true or false"),
    (o.CrossAttention, {"heads": 1.5}, r"cross_attention: heads=1\.5 must be a whole number"),
    (o.RelativeAttention, {"heads": 2, "size": 0}, "relative_attention: size=0 must be a whole number"),
    (o.WindowAttention, {"heads": 2, "height": 8, "width": 0}, "window_attention: width=0 must be a whole number of at least 1"),
    (o.Windows, {"height": 8, "width": 8, "size": 4, "shift": 4}, "windows: shift=4 must be less than size=4"),
    (o.FromWindows, {"height": 8, "width": 8, "strided": "no"}, "from_windows: strided='no' must be true or false"),
]
