"""Examples of the multiplication by a fixed number."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import Example, of_shapes

EXAMPLES: dict[str, list[Example]] = {"scale": of_shapes(o.Scale(0.17), o.Scale(-2), o.Scale(1))}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = []
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Scale, {"factor": "half"}, r"scale: factor='half' must be a number"),
    (o.Scale, {"factor": True}, r"scale: factor=True must be a number"),
    (o.Scale, {"factor": float("nan")}, r"scale: factor=nan must be a number"),
    (o.Scale, {"factor": 0}, r"scale: factor=0\.0 leaves nothing; use zero instead"),
    (o.Scale, {"factor": 1e6}, r"scale: factor=1000000\.0 must be a number from -1000000\.0 up to, not with, 1000000\.0"),
]
