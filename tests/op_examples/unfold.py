"""Examples of windows laid out as channels."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import IMAGE, ODD, TOKENS, Example, at

EXAMPLES: dict[str, list[Example]] = {
    "unfold2d": [
        *at((IMAGE,), o.Unfold2d(), o.Unfold2d(2, 2), o.Unfold2d((1, 3), 1, (0, 1)), o.Unfold2d(3, 1, 2, 2)),
        *at((ODD,), o.Unfold2d(3, 2, 1), o.Unfold2d((7, 9))),
    ]
}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.Unfold2d(9), (IMAGE,), r"unfold2d: kernel=9 does not fit into \(4, 8, 8\); use a smaller kernel, or more padding"),
    (o.Unfold2d(), (TOKENS,), "unfold2d needs an image"),
]
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Unfold2d, {"kernel": 0}, "unfold2d: kernel=0 must be a whole number of at least 1"),
    (o.Unfold2d, {"padding": -1}, "unfold2d: padding=-1 must be a whole number of at least 0"),
]
