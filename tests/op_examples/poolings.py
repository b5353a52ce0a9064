"""Examples of pooling beyond the plain ones, and of norms beyond batch norm."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at

EXAMPLES: dict[str, list[Example]] = {
    "adaptive_avg_pool2d": [
        *at((IMAGE,), o.AdaptiveAvgPool2d(1), o.AdaptiveAvgPool2d((1, 2)), o.AdaptiveAvgPool2d(8)),
        *at((ODD,), o.AdaptiveAvgPool2d(3), o.AdaptiveAvgPool2d(9)),
    ],
    "adaptive_max_pool2d": [*at((IMAGE,), o.AdaptiveMaxPool2d(1)), *at((ODD,), o.AdaptiveMaxPool2d((3, 4)), o.AdaptiveMaxPool2d(9))],
    "fractional_max_pool2d": [
        *at((IMAGE,), o.FractionalMaxPool2d()),
        *at((ODD,), o.FractionalMaxPool2d((2, 3), (3, 2)), o.FractionalMaxPool2d(1, ratio=0.9), o.FractionalMaxPool2d(7, size=(1, 1))),
    ],
    "global_max_pool2d": [*at((IMAGE,), o.GlobalMaxPool2d()), *at((GATE,), o.GlobalMaxPool2d())],
    "group_norm": [*at((IMAGE,), o.GroupNorm(2), o.GroupNorm(1, 0.1)), *at((ODD,), o.GroupNorm(4)), *at((GATE,), o.GroupNorm(2))],
    "instance_norm2d": [*at((IMAGE,), o.InstanceNorm2d(), o.InstanceNorm2d(True)), *at((ODD,), o.InstanceNorm2d(True, 1e-3))],
    "local_response_norm": [
        *at((IMAGE,), o.LocalResponseNorm(), o.LocalResponseNorm(3, 0.1, 0.5, 2)),
        *at((ODD,), o.LocalResponseNorm(9)),
        *at(((1, 3, 2),), o.LocalResponseNorm(1)),
    ],
    "lp_pool2d": [*at((IMAGE,), o.LPPool2d(), o.LPPool2d(1, 3, 2)), *at((ODD,), o.LPPool2d(3, (2, 3), 1, True))],
    "max_pool_indices2d": [
        *at((IMAGE,), o.MaxPoolIndices2d(), o.MaxPoolIndices2d(3, 2, 1), o.MaxPoolIndices2d(1)),
        *at((ODD,), o.MaxPoolIndices2d((2, 3), 1, (0, 1), 2, True)),
    ],
}  # fmt: skip

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.AdaptiveAvgPool2d(3), (TOKENS,), "adaptive_avg_pool2d needs an image"),
    (o.AdaptiveMaxPool2d(3), (VECTOR,), "adaptive_max_pool2d needs an image"),
    (o.FractionalMaxPool2d(3, 7), (IMAGE,), r"fractional_max_pool2d: \(7, 7\) windows with kernel=3 do not fit into \(4, 8, 8\)"),
    (o.FractionalMaxPool2d(), (GATE,), "do not fit"),
    (o.GlobalMaxPool2d(), (TOKENS,), "global_max_pool2d needs an image"),
    (o.GroupNorm(3), (IMAGE,), "group_norm: groups=3 must divide 4 channels; use fewer groups"),
    (o.GroupNorm(2), (TOKENS,), "group_norm needs an image"),
    (o.InstanceNorm2d(), (GATE,), r"instance_norm2d needs more than one pixel, got shape \(4, 1, 1\)"),
    (o.LocalResponseNorm(), (VECTOR,), "local_response_norm needs an image"),
    (o.LPPool2d(2, 9), (IMAGE,), "lp_pool2d: kernel=9 does not fit"),
    (o.MaxPoolIndices2d(9), (IMAGE,), "max_pool_indices2d: kernel=9 does not fit"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.AdaptiveAvgPool2d, {"size": 0}, "adaptive_avg_pool2d: size=0"),
    (o.AdaptiveMaxPool2d, {"size": (1, 2, 3)}, r"adaptive_max_pool2d: size=\(1, 2, 3\)"),
    (o.FractionalMaxPool2d, {"size": 3, "ratio": 0.5}, "fractional_max_pool2d: size=3 and ratio=0.5 are given; give one of them"),
    (o.FractionalMaxPool2d, {"ratio": 1}, "fractional_max_pool2d: ratio=1 must be a number"),
    (o.FractionalMaxPool2d, {"kernel": 0}, "fractional_max_pool2d: kernel=0"),
    (o.GroupNorm, {"groups": 0}, "group_norm: groups=0"),
    (o.GroupNorm, {"groups": 2, "eps": -1}, "group_norm: eps=-1"),
    (o.InstanceNorm2d, {"affine": 1}, "instance_norm2d: affine=1 must be true or false"),
    (o.LocalResponseNorm, {"size": 4}, "local_response_norm: size=4 must be odd"),
    (o.LocalResponseNorm, {"k": 0}, "local_response_norm: k=0 must be a number"),
    (o.LPPool2d, {"p": 1.5}, r"lp_pool2d: p=1\.5 must be a whole number"),
    (o.LPPool2d, {"ceil": 1}, "lp_pool2d: ceil=1 must be true or false"),
    (o.MaxPoolIndices2d, {"padding": 2}, "max_pool_indices2d: padding=2 must be at most half of kernel=2"),
]
