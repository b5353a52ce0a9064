"""Examples of attention over parts of the channels."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import Example, at

EXAMPLES: dict[str, list[Example]] = {
    "radix_softmax": at(((12, 1, 1),), o.RadixSoftmax(), o.RadixSoftmax(4), o.RadixSoftmax(2, 3), o.RadixSoftmax(1)),
}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.RadixSoftmax(), ((4, 2, 2),), r"radix_softmax needs \(C, 1, 1\) .* got \(4, 2, 2\); insert global_avg_pool2d"),
    (o.RadixSoftmax(2, 4), ((12, 1, 1),), r"radix=2 times groups=4, got \(12, 1, 1\)"),
    (o.RadixSoftmax(), ((6,),), "radix_softmax needs an image"),
]
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.RadixSoftmax, {"radix": 0}, "radix=0 must be a whole number of at least 1"),
    (o.RadixSoftmax, {"groups": 1.5}, "groups=1.5 must be"),
]
