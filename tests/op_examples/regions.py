"""Examples of features of boxes, and of the way back from max pooling."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import IMAGE, ODD, TOKENS, VECTOR, Example, at

BOXES, FEW = (5, 4), (1, 4)
EXAMPLES: dict[str, list[Example]] = {
    "flatten_boxes": [*at(((5, 4, 3, 2),), o.FlattenBoxes()), *at(((1, 4, 1, 1),), o.FlattenBoxes())],
    "max_unpool2d": [
        *at((IMAGE, IMAGE), o.MaxUnpool2d(), o.MaxUnpool2d(3, 2, 1), o.MaxUnpool2d(1)),
        *at((ODD, ODD), o.MaxUnpool2d(size=(15, 18)), o.MaxUnpool2d((3, 2), (1, 2), (1, 0), (7, 17))),
    ],
    "roi_align": [*at((IMAGE, BOXES), o.RoIAlign(3, 0.5)), *at((ODD, BOXES), o.RoIAlign((2, 4), 1, 1)), *at((IMAGE, FEW), o.RoIAlign())],
}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.FlattenBoxes(), (IMAGE,), r"flatten_boxes needs boxes \(N, C, H, W\), got shape \(4, 8, 8\); use flatten"),
    (o.MaxUnpool2d(), (VECTOR, VECTOR), "max_unpool2d needs an image"),
    (o.MaxUnpool2d(), (IMAGE, ODD), r"max_unpool2d needs an index for each value, got \(4, 8, 8\) and \(4, 7, 9\)"),
    (o.MaxUnpool2d(size=(15, 18)), (IMAGE, IMAGE), r"cannot come from an image of \(15, 18\); use a size near \(16, 16\)"),
    (o.RoIAlign(), (TOKENS, BOXES), "roi_align needs an image"),
    (o.RoIAlign(), (IMAGE, TOKENS), r"roi_align needs boxes \(N, 4\) as its second input, got shape \(5, 6\)"),
]
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.MaxUnpool2d, {"kernel": 0}, "max_unpool2d: kernel=0"),
    (o.MaxUnpool2d, {"size": (4, 0)}, r"max_unpool2d: size=\(4, 0\)"),
    (o.RoIAlign, {"size": 0}, "roi_align: size=0"),
    (o.RoIAlign, {"scale": 0}, "roi_align: scale=0 must be a number"),
    (o.RoIAlign, {"sampling": 0}, "roi_align: sampling=0"),
]

INDICES = {"max_unpool2d": (1,)}
"""Positions of inputs that are indices of max pooling."""
