"""Examples of convolutions beyond the plain ones, and of weight norm."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at

TABLE = ((0, 1), (3, 2, 1), (0,))
EXAMPLES: dict[str, list[Example]] = {
    "conv_transpose2d": [
        *at((IMAGE,), o.ConvTranspose2d(6), o.ConvTranspose2d(2, 3, 2, 1, 1, 2), o.ConvTranspose2d(6, (1, 4), 1, (0, 2))),
        *at((ODD,), o.ConvTranspose2d(6, 4, 2, 1, bias=False), o.ConvTranspose2d(8, 3, (2, 3), 1, (1, 0), 1, 2)),
        *at((GATE,), o.ConvTranspose2d(1, 1, 1)),
    ],
    "coord_conv2d": [
        *at((IMAGE,), o.CoordConv2d(6), o.CoordConv2d(6, 1, bias=False)),
        *at((ODD,), o.CoordConv2d(6, radius=True), o.CoordConv2d(6, (5, 3), 2, 0)),
        *at((GATE,), o.CoordConv2d(1, 1)),
    ],
    "locally_connected2d": [
        *at((IMAGE,), o.LocallyConnected2d(6), o.LocallyConnected2d(20, 1)),
        *at((ODD,), o.LocallyConnected2d(2, (1, 3), (2, 1), 0, False)),
    ],
    "sparse_conv2d": [
        *at((IMAGE,), o.SparseConv2d(TABLE), o.SparseConv2d(TABLE, 5, padding=0)),
        *at((ODD,), o.SparseConv2d(TABLE, (3, 1), 2, 0, False)),
        *at((GATE,), o.SparseConv2d()),
    ],
    "weight_standard_conv2d": [
        *at((IMAGE,), o.WeightStandardConv2d(6), o.WeightStandardConv2d(8, 1, 2, groups=2, bias=False, eps=0.1)),
        *at((IMAGE,), o.WeightStandardConv2d(6, (1, 3), gain=True, scale=0.5), o.WeightStandardConv2d(5, 3, bias=False, gain=True)),
    ],
    "weight_norm_conv2d": [
        *at((IMAGE,), o.WeightNormConv2d(6), o.WeightNormConv2d(8, 5, 2, 0, 1, 4, False)),
        *at((ODD,), o.WeightNormConv2d(2, (3, 5), (1, 2), None, (2, 1))),
    ],
    "weight_norm_linear": [*at((VECTOR,), o.WeightNormLinear(6)), *at((TOKENS,), o.WeightNormLinear(3), o.WeightNormLinear(6, False))],
}  # fmt: skip

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.ConvTranspose2d(4), (VECTOR,), "conv_transpose2d needs an image"),
    (o.ConvTranspose2d(4, groups=3), (IMAGE,), "conv_transpose2d: groups=3 must divide 4 input and 4 output channels"),
    (o.ConvTranspose2d(4, 1, 1, 4), (IMAGE,), r"conv_transpose2d: padding=4 cuts away all of \(4, 8, 8\)"),
    (o.CoordConv2d(4, 9, padding=0), (IMAGE,), "coord_conv2d: kernel=9 with dilation=1 does not fit"),
    (o.CoordConv2d(4), (VECTOR,), "coord_conv2d needs an image"),
    (o.LocallyConnected2d(4, 9, padding=0), (IMAGE,), "locally_connected2d: kernel=9 with dilation=1 does not fit"),
    (o.SparseConv2d(((0, 4),)), (IMAGE,), r"sparse_conv2d: the table reads channel 4 of shape \(4, 8, 8\); channels count from 0"),
    (o.SparseConv2d(TABLE), (TOKENS,), "sparse_conv2d needs an image"),
    (o.WeightStandardConv2d(4, groups=4, kernel=1), (IMAGE,), "weight_standard_conv2d: filters of one weight have no variance"),
    (o.WeightNormConv2d(4), ((2, 4, 8, 8),), "weight_norm_conv2d needs an image"),
    (o.WeightNormLinear(4), (IMAGE,), "linear needs a vector.*insert flatten before it"),
    (o.Conv2d(4, groups=3), ((5, 4, 8, 8),), "groups=3 must divide 4 input and 4 output channels"),
    (o.DepthwiseConv2d(), ((5, 4, 8, 8),), "depthwise_conv2d needs an image"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.ConvTranspose2d, {"channels": 0}, "conv_transpose2d: channels=0"),
    (o.ConvTranspose2d, {"channels": 4, "output_padding": 2}, "output_padding=2 must be under stride=2 or dilation=1"),
    (o.ConvTranspose2d, {"channels": 4, "bias": 1}, "conv_transpose2d: bias=1 must be true or false"),
    (o.CoordConv2d, {"channels": 4, "radius": 1}, "coord_conv2d: radius=1 must be true or false"),
    (o.CoordConv2d, {"channels": 4, "stride": 0}, "coord_conv2d: stride=0"),
    (o.LocallyConnected2d, {"channels": None}, "locally_connected2d: channels=None"),
    (o.SparseConv2d, {"table": ()}, r"sparse_conv2d: table=\(\) must list, for every output channel"),
    (o.SparseConv2d, {"table": ((0,), ())}, "must list, for every output channel"),
    (o.SparseConv2d, {"table": ((0, 0),)}, r"table row \(0, 0\) must be different whole numbers of at least 0"),
    (o.SparseConv2d, {"table": ((True,),)}, "must be different whole numbers"),
    (o.WeightStandardConv2d, {"channels": 4, "scale": 2}, "weight_standard_conv2d: scale=2.0 is that of a gain; give gain=True"),
    (o.WeightStandardConv2d, {"channels": 4, "gain": 1}, "weight_standard_conv2d: gain=1 must be true or false"),
    (o.WeightNormConv2d, {"channels": 4, "groups": 0}, "weight_norm_conv2d: groups=0"),
    (o.WeightNormLinear, {"features": 0}, "weight_norm_linear: features=0"),
    (o.WeightNormLinear, {"features": 2, "bias": 1}, "weight_norm_linear: bias=1 must be true or false"),
]
