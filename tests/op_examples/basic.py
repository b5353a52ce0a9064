"""Examples of convolutions, pooling, activations, linear maps, norms and merges."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at, of_shapes

EXAMPLES: dict[str, list[Example]] = {
    "add": [
        *at((IMAGE,), o.Add()),
        *at((IMAGE,) * 2, o.Add()),
        *at((ODD,) * 3, o.Add()),
        *at((TOKENS,) * 2, o.Add()),
        *at((VECTOR,) * 4, o.Add()),
    ],
    "avg_pool2d": [
        *at((IMAGE,), o.AvgPool2d(), o.AvgPool2d(3, 1, 1, count_padding=False), o.AvgPool2d((2, 3), (1, 2), (0, 1)), o.AvgPool2d(1)),
        *at((ODD,), o.AvgPool2d(2, ceil=True), o.AvgPool2d(3, 2, 1, ceil=True), o.AvgPool2d((7, 9))),
    ],
    "batch_norm1d": at((VECTOR,), o.BatchNorm1d()),
    "batch_norm2d": [*at((IMAGE,), o.BatchNorm2d()), *at(((1, 3, 1),), o.BatchNorm2d())],
    "concat": [
        *at((IMAGE,), o.Concat()),
        *at((IMAGE, (2, 8, 8)), o.Concat()),
        *at((ODD,) * 3, o.Concat()),
        *at((TOKENS, (5, 2)), o.Concat()),
        *at(((1, 6), (1, 2)), o.Concat()),
        *at((VECTOR, VECTOR, (1,)), o.Concat()),
    ],
    "conv2d": [
        *at(
            (IMAGE,),
            o.Conv2d(6),
            o.Conv2d(6, bias=False),
            o.Conv2d(1, 1),
            o.Conv2d(8, 5, 2),
            o.Conv2d(4, (1, 7)),
            o.Conv2d(4, (3, 1), (2, 1)),
        ),
        *at(
            (IMAGE,),
            o.Conv2d(6, 3, padding=0),
            o.Conv2d(6, 3, padding=(2, 0)),
            o.Conv2d(6, 3, dilation=2),
            o.Conv2d(8, groups=4),
            o.Conv2d(4, 2),
        ),
        *at((ODD,), o.Conv2d(6, 3, 2, groups=2), o.Conv2d(3, (3, 5), (1, 2), None, (2, 1))),
    ],
    "depthwise_conv2d": [
        *at(
            (IMAGE,),
            o.DepthwiseConv2d(),
            o.DepthwiseConv2d(5, 2, bias=False),
            o.DepthwiseConv2d((1, 3), padding=0),
            o.DepthwiseConv2d(3, dilation=2),
        ),
        *at((ODD,), o.DepthwiseConv2d(3, 2, multiplier=2), o.DepthwiseConv2d(3, (2, 1), 1, 1, 3)),
    ],
    "div": [
        *at((IMAGE, IMAGE), o.Div()),
        *at((IMAGE, GATE), o.Div()),
        *at((GATE, (1, 8, 8)), o.Div()),
        *at(((5, 1), TOKENS), o.Div()),
        *at((VECTOR,) * 2, o.Div()),
    ],
    "dropout": of_shapes(o.Dropout(), o.Dropout(0), o.Dropout(0.25)),
    "elu": of_shapes(o.ELU(), o.ELU(0.5)),
    "flatten": [*of_shapes(o.Flatten()), *at((GATE,), o.Flatten())],
    "gelu": of_shapes(o.GELU(), o.GELU(True)),
    "global_avg_pool2d": [*at((IMAGE,), o.GlobalAvgPool2d()), *at((GATE,), o.GlobalAvgPool2d())],
    "hardsigmoid": of_shapes(o.Hardsigmoid()),
    "hardswish": of_shapes(o.Hardswish()),
    "identity": of_shapes(o.Identity()),
    "leaky_relu": of_shapes(o.LeakyReLU(), o.LeakyReLU(0.2), o.LeakyReLU(0.1, keep_output=True)),
    "linear": [
        *at((VECTOR,), o.Linear(10), o.Linear(1, bias=False)),
        *at((TOKENS,), o.Linear(3), o.Linear(3, bias=False)),
        *at(((1, 1),), o.Linear(1)),
    ],
    "max_pool2d": [
        *at((IMAGE,), o.MaxPool2d(), o.MaxPool2d(3, 2, 1), o.MaxPool2d((2, 3), 1, (0, 1)), o.MaxPool2d(3, 1, 1, 2), o.MaxPool2d(1)),
        *at((ODD,), o.MaxPool2d(2, ceil=True), o.MaxPool2d(3, 2, 1, 1, True), o.MaxPool2d(2, 3, 1, ceil=True)),
    ],
    "mish": of_shapes(o.Mish()),
    "mul": [
        *at((IMAGE, IMAGE), o.Mul()),
        *at((IMAGE, GATE), o.Mul()),
        *at((GATE, (1, 8, 8)), o.Mul()),
        *at((TOKENS, (5, 1)), o.Mul()),
        *at((VECTOR,) * 2, o.Mul()),
    ],
    "relu": of_shapes(o.ReLU()),
    "relu6": of_shapes(o.ReLU6()),
    "selu": of_shapes(o.SELU()),
    "separable_conv2d": [
        *at((IMAGE,), o.SeparableConv2d(6), o.SeparableConv2d(2, 5, 2, bias=False), o.SeparableConv2d(6, (1, 3), padding=0)),
        *at((ODD,), o.SeparableConv2d(4, 3, 2, dilation=2), o.SeparableConv2d(16, (3, 1), (2, 1))),
    ],
    "sigmoid": of_shapes(o.Sigmoid()),
    "silu": of_shapes(o.SiLU()),
    "softplus": of_shapes(o.Softplus()),
    "tanh": of_shapes(o.Tanh()),
    "zero": of_shapes(o.Zero()),
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.Add(), (), "add needs at least one input"),
    (o.Add(), ((8, 9, 12), (16, 9, 12)), r"add needs equal shapes, got \(8, 9, 12\) and \(16, 9, 12\); insert a 1x1 conv2d on input 2"),
    (o.Add(), ((8, 9, 12), (8, 9, 11)), "bring input 2 to the same size first"),
    (o.Concat(), (), "concat needs at least one input"),
    (o.Concat(), (IMAGE, ODD), "differ in the channels only"),
    (o.Concat(), (IMAGE, TOKENS), "differ in the channels only"),
    (o.Div(), (IMAGE, TOKENS), "div needs equal shapes, or a gate"),
    (o.Mul(), (IMAGE, ODD), "mul needs equal shapes, or a gate"),
    (o.Mul(), (IMAGE, VECTOR), "mul needs equal shapes, or a gate"),
    (o.Conv2d(4), (VECTOR,), r"conv2d needs an image \(C, H, W\), got shape \(6,\)"),
    (o.Conv2d(4, 9, padding=0), (IMAGE,), "kernel=9 with dilation=1 does not fit"),
    (o.Conv2d(4, groups=2), ((3, 8, 8),), "groups=2 must divide 3 input and 4 output channels"),
    (o.DepthwiseConv2d(9, padding=0), (IMAGE,), "depthwise_conv2d: kernel=9 with dilation=1 does not fit"),
    (o.SeparableConv2d(4, 5, padding=0, dilation=3), (IMAGE,), "separable_conv2d: kernel=5 with dilation=3 does not fit"),
    (o.MaxPool2d(3), ((4, 2, 2),), "max_pool2d: kernel=3 does not fit"),
    (o.AvgPool2d(3), (TOKENS,), "avg_pool2d needs an image"),
    (o.GlobalAvgPool2d(), (VECTOR,), "global_avg_pool2d needs an image"),
    (o.BatchNorm2d(), (VECTOR,), "batch_norm2d needs an image"),
    (o.BatchNorm1d(), (IMAGE,), "batch_norm1d needs a vector.*insert flatten before it"),
    (o.Linear(3), (IMAGE,), "linear needs a vector.*insert flatten before it"),
    (o.Conv2d(2**20, 1), ((1, 2**10, 2**10),), r"over the limit of 2\*\*31 elements; use smaller sizes"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Conv2d, {"channels": 0}, "conv2d: channels=0 must be a whole number of at least 1"),
    (o.Conv2d, {"channels": 2.0}, r"conv2d: channels=2\.0 must be a whole number"),
    (o.Conv2d, {"channels": True}, "conv2d: channels=True must be a whole number"),
    (o.Conv2d, {"channels": 4, "kernel": 0}, "conv2d: kernel=0 must be a whole number of at least 1, or two of them"),
    (o.Conv2d, {"channels": 4, "kernel": (3, 3, 3)}, r"kernel=\(3, 3, 3\) must be"),
    (o.Conv2d, {"channels": 4, "stride": -1}, "stride=-1 must be"),
    (o.Conv2d, {"channels": 4, "padding": -1}, "padding=-1 must be a whole number of at least 0"),
    (o.Conv2d, {"channels": 4, "dilation": "2"}, "dilation='2' must be"),
    (o.Conv2d, {"channels": 4, "groups": 0}, "groups=0 must be"),
    (o.Conv2d, {"channels": 2**40}, "channels=1099511627776 must be"),
    (o.DepthwiseConv2d, {"multiplier": 0}, "depthwise_conv2d: multiplier=0"),
    (o.SeparableConv2d, {"channels": None}, "separable_conv2d: channels=None"),
    (o.MaxPool2d, {"kernel": 2, "padding": 2}, "max_pool2d: padding=2 must be at most half of kernel=2"),
    (o.AvgPool2d, {"kernel": 0}, "avg_pool2d: kernel=0"),
    (o.AvgPool2d, {"kernel": 2, "stride": 0}, "avg_pool2d: stride=0"),
    (o.Linear, {"features": -3}, "linear: features=-3"),
    (o.Dropout, {"p": 1}, "dropout: p=1 must be a number from 0 up to, not with, 1"),
    (o.Dropout, {"p": float("nan")}, "dropout: p=nan"),
    (o.ELU, {"alpha": "1"}, "elu: alpha='1' must be a number"),
    (o.LeakyReLU, {"slope": -0.5}, "leaky_relu: slope=-0.5"),
]
# A field that says yes or no takes true and false only.
BAD_FIELDS += [
    (cls, {**given, name: 1}, f"{cls.kind}: {name}=1 must be true or false")
    for cls, given, name in (
        (o.Conv2d, {"channels": 4}, "bias"),
        (o.DepthwiseConv2d, {}, "bias"),
        (o.SeparableConv2d, {"channels": 4}, "bias"),
        (o.Linear, {"features": 2}, "bias"),
        (o.MaxPool2d, {}, "ceil"),
        (o.AvgPool2d, {}, "ceil"),
        (o.AvgPool2d, {}, "count_padding"),
    )
]
