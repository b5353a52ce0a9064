"""Examples of activations beyond the common ones."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at, of_shapes

EXAMPLES: dict[str, list[Example]] = {
    "celu": of_shapes(o.CELU(), o.CELU(2)),
    "glu": of_shapes(o.GLU()),
    "hardshrink": of_shapes(o.Hardshrink(), o.Hardshrink(0)),
    "hardtanh": of_shapes(o.Hardtanh(), o.Hardtanh(-0.5, 0.5)),
    "log_sigmoid": of_shapes(o.LogSigmoid()),
    "log_softmax": of_shapes(o.LogSoftmax()),
    "maxout": [*of_shapes(o.Maxout(), o.Maxout(1)), *at((ODD,), o.Maxout(4)), *at((VECTOR,), o.Maxout(3))],
    "prelu": [*of_shapes(o.PReLU()), *at((IMAGE,), o.PReLU(True)), *at((VECTOR,), o.PReLU(True)), *at((GATE,), o.PReLU(True))],
    "rrelu": of_shapes(o.RReLU(), o.RReLU(0.25, 0.25)),
    "softmax": of_shapes(o.Softmax()),
    "softmin": of_shapes(o.Softmin()),
    "softshrink": of_shapes(o.Softshrink(), o.Softshrink(0)),
    "softsign": of_shapes(o.Softsign()),
    "tanhshrink": of_shapes(o.Tanhshrink()),
    "threshold": of_shapes(o.Threshold(), o.Threshold(0.1, -2)),
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.GLU(), ((3, 8, 8),), r"glu needs an even number of channels, got shape \(3, 8, 8\)"),
    (o.Maxout(4), (TOKENS,), r"maxout: pieces=4 must divide the channels of shape \(5, 6\)"),
    (o.PReLU(True), (TOKENS,), r"prelu with a slope for each channel needs an image or a vector, got shape \(5, 6\)"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.CELU, {"alpha": 0}, "celu: alpha=0 must be a number"),
    (o.GELU, {"tanh": 1}, "gelu: tanh=1 must be true or false"),
    (o.Hardshrink, {"threshold": -1}, "hardshrink: threshold=-1"),
    (o.Hardtanh, {"low": 1, "high": 1}, r"hardtanh: low=1\.0 must be under high=1\.0"),
    (o.Maxout, {"pieces": 0}, "maxout: pieces=0"),
    (o.PReLU, {"each": 1}, "prelu: each=1 must be true or false"),
    (o.RReLU, {"low": 0.5, "high": 0.25}, r"rrelu: low=0\.5 must be at most high=0\.25"),
    (o.Softshrink, {"threshold": "1"}, "softshrink: threshold='1'"),
    (o.Threshold, {"value": float("nan")}, "threshold: value=nan"),
]
