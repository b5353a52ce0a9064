"""Examples of calls of torch's own operators."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import Example

IMAGE = (4, 6, 5)
EXAMPLES: dict[str, list[Example]] = {
    "aten": [
        (o.Aten("neg.default(x0)"), (IMAGE,)),
        (o.Aten("rsub.Scalar(x0, 1.5)"), ((3, 8),)),
        (o.Aten("reshape.default(x0, [N, 2, 60])"), (IMAGE,)),
    ]
}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.Aten("sin.default(x0)"), (IMAGE, IMAGE), r"aten does not take 2 inputs"),
    (o.Aten("add.Tensor(x0, x1)"), (IMAGE, (4, 6, 7)), r"aten: the program does not run on \(4, 6, 5\), \(4, 6, 7\): RuntimeError"),
    (
        o.Aten("sum.default(x0)"),
        (IMAGE,),
        r"aten: the program makes shapes \(\) and \(\) of 2 and 3 samples; the first axis must be theirs",
    ),
    (o.Aten("gt.Scalar(x0, 0)"), (IMAGE,), r"aten: the program makes numbers of type bool; let it end in float32"),
    (
        o.Aten("repeat.default(x0, [1, 9999999, 1, 9]); amax.default(v0, [1], true)"),
        (IMAGE,),
        r"a tensor of [\d,]+ elements, over the limit",
    ),
    (o.Aten("split.Tensor(x0, 2, 1)"), (IMAGE,), r"aten: the program ends in several values"),
]
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Aten, {"program": "sin.default(x0"}, r"a program has '' where , is due"),
    (o.Aten, {"program": "sin.default(x0) sin.default(x0)"}, r"a program has 'sin.default' where end is due"),
    (
        o.Aten,
        {"program": "os.system('rm')"},
        r"aten: 'os.system' is no operator that a program may call; it must be a pure function of ATen",
    ),
    (o.Aten, {"program": "relu_.default(x0)"}, r"'relu_.default' is no operator"),
    (o.Aten, {"program": "rand_like.default(x0)"}, r"'rand_like.default' is no operator"),
    (o.Aten, {"program": "from_file.default('a')"}, r"'from_file.default' is no operator"),
    (o.Aten, {"program": "sin.default(v0)"}, r"aten: sin.default reads v0, which is not there"),
    (o.Aten, {"program": "mul.Tensor(x0, w0)"}, r"aten: mul.Tensor reads w0, which is not there"),
    (o.Aten, {"program": "sin.default(x0)", "weights": ("3",)}, r"aten: w0 is read by no call; leave it out"),
    (o.Aten, {"program": "sin.default(x1)"}, r"aten: x0 is read by no call; leave it out"),
    (o.Aten, {"program": "mul.Tensor(x0, w0)", "weights": ("3x",)}, r"a weight is '3x'; write its sides as 64x3x3"),
    (o.Aten, {"program": "mul.Tensor(x0, w0)", "weights": ("fixed complex64 3",)}, r"a weight is 'fixed complex64 3'"),
    (o.Aten, {"program": "; ".join(["sin.default(x0)"] * 65)}, r"a program has over 64 calls"),
    (o.Aten, {"program": " " * 9000}, r"a program of 9,000 letters is over the limit of 8,000"),
    (o.Aten, {"program": "mul.Scalar(x0, [[[[1]]]])"}, r"a program has '\[' where an argument is due"),
    (o.Aten, {"program": "sin.default(x0); \u2603"}, r"a program cannot be read at"),
]
