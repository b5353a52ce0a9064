"""Examples of numbers beside a value, and of the gate that channels make of their lengths."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at, of_shapes

EXAMPLES: dict[str, list[Example]] = {
    "factor": [
        *of_shapes(o.Factor(), o.Factor((0,)), o.Factor((0,), learned=False)),
        *at((IMAGE,), o.Factor((1, 2)), o.Factor((0, 1, 2), False), o.Factor((0, 2))),
        *at((TOKENS,), o.Factor((1,)), o.Factor((0, 1))),
        *at((GATE,), o.Factor((0, 1))),
    ],
    "latents": [
        *of_shapes(o.Latents((6,)), o.Latents((3, 6)), o.Latents((2, 4, 4))),
        *at((TOKENS,), o.Latents((1,)), o.Latents((2, 1, 1))),
    ],
    "offset": [
        *of_shapes(o.Offset(), o.Offset((0,)), o.Offset((0,), learned=False)),
        *at((IMAGE,), o.Offset((1, 2)), o.Offset((0, 1, 2), False), o.Offset((0, 2))),
        *at((TOKENS,), o.Offset((1,)), o.Offset((0, 1))),
        *at((GATE,), o.Offset((0, 1))),
    ],
    "response_gate": [*at((IMAGE,), o.ResponseGate(), o.ResponseGate(0.1)), *at((ODD,), o.ResponseGate()), *at((GATE,), o.ResponseGate())],
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.Factor((1,)), (VECTOR,), r"factor: axes=\(1,\) are not all in shape \(6,\); give axes under 1"),
    (o.Offset((2,)), (TOKENS,), r"offset: axes=\(2,\) are not all in shape \(5, 6\)"),
    (o.ResponseGate(), (TOKENS,), "response_gate needs an image"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Factor, {"axes": (1, 0)}, r"factor: axes=\(1, 0\) must be axes from 0 to 3 in order, each once"),
    (o.Factor, {"axes": 1}, "factor: axes=1 must be axes"),
    (o.Offset, {"axes": (0, 0)}, r"offset: axes=\(0, 0\) must be axes"),
    (o.Offset, {"learned": 1}, "offset: learned=1 must be true or false"),
    (o.Latents, {"shape": ()}, "."),
    (o.Latents, {"shape": (0, 2)}, "."),
    (o.Latents, {"shape": 3}, "."),
    (o.ResponseGate, {"eps": 0}, "response_gate: eps=0 must be a number"),
]
