"""Examples of the batch norm of detectors."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch.ops.frozen_norm import FrozenBatchNorm2d
from tests.op_examples.shapes import IMAGE, ODD, VECTOR, Example, at

EXAMPLES: dict[str, list[Example]] = {
    "frozen_batch_norm2d": [*at((IMAGE,), FrozenBatchNorm2d(), FrozenBatchNorm2d(0.0)), *at((ODD,), FrozenBatchNorm2d())],
}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (FrozenBatchNorm2d(), (VECTOR,), "frozen_batch_norm2d needs an image"),
]
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (FrozenBatchNorm2d, {"eps": -1.0}, r"frozen_batch_norm2d: eps=-1\.0 must be a number from 0"),
]
