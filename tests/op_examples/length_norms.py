"""Examples of norms by the length of the vector at every position."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, TOKENS, VECTOR, Example, at

EXAMPLES: dict[str, list[Example]] = {
    "l2_norm": [*at((VECTOR,), o.L2Norm()), *at((TOKENS,), o.L2Norm(), o.L2Norm(0.5), o.L2Norm(0)), *at(((5, 1),), o.L2Norm())],
    "l2_norm2d": [*at((IMAGE,), o.L2Norm2d(), o.L2Norm2d(0.5)), *at((GATE,), o.L2Norm2d())],
    "rms_norm": [
        *at((VECTOR,), o.RMSNorm(), o.RMSNorm(affine=False)),
        *at((TOKENS,), o.RMSNorm(), o.RMSNorm(0.1), o.RMSNorm(0.1, False), o.RMSNorm(0, False)),
    ],
    "rms_norm2d": [*at((IMAGE,), o.RMSNorm2d(), o.RMSNorm2d(0.1, False)), *at((GATE,), o.RMSNorm2d()), *at(((1, 3, 2),), o.RMSNorm2d())],
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.L2Norm(), (IMAGE,), "l2_norm needs a vector.*use l2_norm2d"),
    (o.L2Norm2d(), (TOKENS,), "l2_norm2d needs an image"),
    (o.RMSNorm(), (IMAGE,), "rms_norm needs a vector.*use rms_norm2d"),
    (o.RMSNorm2d(), (VECTOR,), "rms_norm2d needs an image"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.L2Norm, {"eps": -1}, "l2_norm: eps=-1 must be a number"),
    (o.L2Norm2d, {"eps": 1}, "l2_norm2d: eps=1 must be a number"),
    (o.RMSNorm, {"eps": 1}, "rms_norm: eps=1 must be a number"),
    (o.RMSNorm2d, {"affine": 1}, "rms_norm2d: affine=1 must be true or false"),
]
