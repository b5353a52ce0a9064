"""Examples of what scales a residual branch, or drops it."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, Example, at, of_shapes

EXAMPLES: dict[str, list[Example]] = {
    "layer_scale": [*of_shapes(o.LayerScale(), o.LayerScale(-0.5)), *at((GATE,), o.LayerScale(1))],
    "scalar_gate": of_shapes(o.ScalarGate(0.5), o.ScalarGate(-1)),
    "stochastic_depth": of_shapes(o.StochasticDepth(), o.StochasticDepth(0), o.StochasticDepth(0.5)),
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = []

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.LayerScale, {"init": "small"}, r"layer_scale: init='small' must be a number from -1000 up to, not with, 1000"),
    (o.ScalarGate, {"init": 1e9}, r"scalar_gate: init=1000000000\.0 must be a number"),
    (o.StochasticDepth, {"p": 1}, r"stochastic_depth: p=1 must be a number from 0 up to, not with, 1"),
]
