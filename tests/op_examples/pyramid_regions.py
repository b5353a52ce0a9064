"""Examples of the ops of detectors."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch.ops.pyramid_regions import BoxRows, JoinTokens, MultiScaleRoIAlign, Pyramid, PyramidConv2d, Reshape
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at

LEVELS = ((4, 3), (2, 2), (1, 1))
ROW = (4, 1, 17)
EXAMPLES: dict[str, list[Example]] = {
    "box_rows": [
        *at((IMAGE,), BoxRows(2), BoxRows(4), BoxRows(1)),
        *at((ODD,), BoxRows(2)),
        *at((GATE,), BoxRows(2)),
        *at(((1, 3, 2),), BoxRows(1)),
    ],
    "join_tokens": [*at((TOKENS, (2, 6), (1, 6)), JoinTokens()), *at((TOKENS,), JoinTokens())],
    "multi_scale_roi_align": [
        *at((IMAGE, (4, 4, 4), (3, 4)), MultiScaleRoIAlign(2, (1 / 4, 1 / 8))),
        *at((IMAGE, (3, 4)), MultiScaleRoIAlign(3, (1 / 16,), sampling=1)),
    ],
    "pyramid": [*at((IMAGE, ODD, GATE), Pyramid()), *at((ODD,), Pyramid())],
    "pyramid_conv2d": [
        *at((ROW,), PyramidConv2d(6, 3, LEVELS), PyramidConv2d(2, 1, LEVELS, bias=False), PyramidConv2d(6, 5, ((17, 1),))),
    ],
    "reshape": [
        *at((VECTOR,), Reshape((2, 3)), Reshape((3, 2, 1)), Reshape((6,))),
        *at((IMAGE,), Reshape((16, 16)), Reshape((2, 2, 8, 8))),
        *at((TOKENS,), Reshape((30,))),
    ],
}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (BoxRows(3), (IMAGE,), r"box_rows: width=3 must divide the channels of \(4, 8, 8\)"),
    (BoxRows(3), (VECTOR,), "box_rows needs an image"),
    (JoinTokens(), (), "join_tokens needs at least one input"),
    (JoinTokens(), (TOKENS, (5, 4)), r"join_tokens needs tokens of one width, got \(5, 6\), \(5, 4\); insert a linear"),
    (JoinTokens(), (TOKENS, IMAGE), "join_tokens needs tokens"),
    (MultiScaleRoIAlign(2, (0.5,)), (IMAGE, IMAGE), r"needs boxes \(N, 4\) as its last input, got \(4, 8, 8\)"),
    (MultiScaleRoIAlign(2, (0.5,)), ((3, 4),), "1 scales need as many images, got 0"),
    (MultiScaleRoIAlign(2, (0.5,)), (VECTOR, (3, 4)), "multi_scale_roi_align needs an image"),
    (MultiScaleRoIAlign(2, (0.5, 0.25)), (IMAGE, (3, 4, 4), (3, 4)), "needs equal channels at all levels"),
    (Pyramid(), (), "pyramid needs at least one input"),
    (Pyramid(), (IMAGE, (3, 8, 8)), r"pyramid needs equal channels at all levels, got \(4, 8, 8\) and \(3, 8, 8\); insert a 1x1 conv2d"),
    (PyramidConv2d(4, 3, LEVELS), (IMAGE,), r"need a pyramid \(C, 1, 17\), got \(4, 8, 8\)"),
    (Reshape((7,)), (VECTOR,), r"reshape: \(7,\) has 7 elements, \(6,\) has 6; give a shape of as many"),
]
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (BoxRows, {"width": 0}, "box_rows: width=0 must be"),
    (MultiScaleRoIAlign, {"size": 0}, "multi_scale_roi_align: size=0 must be"),
    (MultiScaleRoIAlign, {"scales": (0.5, 1.5)}, r"scales=\(0\.5, 1\.5\) must be numbers over 0"),
    (MultiScaleRoIAlign, {"scales": ()}, r"scales=\(\) must be numbers"),
    (PyramidConv2d, {"channels": 0}, "pyramid_conv2d: channels=0 must be"),
    (PyramidConv2d, {"channels": 4, "kernel": 2}, "kernel=2 must be odd"),
    (PyramidConv2d, {"channels": 4, "sizes": ()}, r"sizes=\(\) must be pairs"),
    (PyramidConv2d, {"channels": 4, "sizes": ((1, 0),)}, r"sizes=\(\(1, 0\),\) must be pairs"),
    (PyramidConv2d, {"channels": 4, "sizes": (1, 2)}, r"sizes=\(1, 2\) must be pairs"),
    (PyramidConv2d, {"channels": 4, "bias": 1}, "bias=1 must be true or false"),
    (Reshape, {"shape": ()}, "a tensor has 1 to 4 axes"),
    (Reshape, {"shape": (0, 3)}, "every axis must be a whole number of at least 1"),
]
