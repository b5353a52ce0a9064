"""Examples of ops that change the size of images, and of those that cut, order and add channels."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at, of_shapes

EXAMPLES: dict[str, list[Example]] = {
    "channel_shuffle": [*at((IMAGE,), o.ChannelShuffle(), o.ChannelShuffle(1), o.ChannelShuffle(4)), *at((GATE,), o.ChannelShuffle(2))],
    "crop2d": [
        *at((IMAGE,), o.Crop2d(), o.Crop2d(1, height=3), o.Crop2d(left=1), o.Crop2d(left=2, width=3)),
        *at((ODD,), o.Crop2d(1, 2, 3, 4), o.Crop2d(6, 8, 1, 1)),
    ],
    "pad2d": [
        *at((IMAGE,), o.Pad2d(), o.Pad2d(1, 2, 3, 4), o.Pad2d(1, 1, 1, 1, value=-1e30), o.Pad2d(0, 1, 0, 1, "reflect")),
        *at((ODD,), o.Pad2d(1, 1, 0, 3, "replicate"), o.Pad2d(bottom=8, mode="replicate"), o.Pad2d(6, 0, 8, 8, "reflect")),
    ],
    "pad_channels": [
        *of_shapes(o.PadChannels(), o.PadChannels(1, 2), o.PadChannels(after=3)),
        *at((ODD,), o.PadChannels(4)),
    ],
    "pixel_shuffle": [*at((IMAGE,), o.PixelShuffle(), o.PixelShuffle(1)), *at(((9, 1, 2),), o.PixelShuffle(3))],
    "pixel_unshuffle": [
        *at((IMAGE,), o.PixelUnshuffle(), o.PixelUnshuffle(1), o.PixelUnshuffle(8)),
        *at(((1, 6, 3),), o.PixelUnshuffle(3)),
    ],
    "slice": [
        *of_shapes(o.Slice(), o.Slice(1, 3), o.Slice(2), o.Slice(0, 4)),
        *at((GATE,), o.Slice(3)),
    ],
    "upsample": [
        *at((IMAGE,), o.Upsample(), o.Upsample(1), o.Upsample(3, mode="nearest"), o.Upsample(size=8, mode="bicubic")),
        *at((ODD,), o.Upsample((2, 3), mode="nearest-exact"), o.Upsample(size=(8, 13), align_corners=True)),
        *at((GATE,), o.Upsample(size=(5, 7)), o.Upsample(size=(3, 1), mode="nearest")),
    ],
}  # fmt: skip

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.ChannelShuffle(3), (IMAGE,), "channel_shuffle: groups=3 must divide 4 channels"),
    (o.ChannelShuffle(2), (TOKENS,), "channel_shuffle needs an image"),
    (o.Crop2d(5, 0, 4, 4), (IMAGE,), r"crop2d: crop2d\(top=5, height=4, width=4\) reaches over the border of \(4, 8, 8\); cut a smaller"),
    (o.Crop2d(left=8), (IMAGE,), "reaches over the border"),
    (o.Pad2d(1), (VECTOR,), "pad2d needs an image"),
    (o.Pad2d(8, mode="reflect"), (IMAGE,), r"a mirrored border must be smaller than the image \(4, 8, 8\)"),
    (o.PixelShuffle(3), (IMAGE,), r"pixel_shuffle: 4 channels are no multiple of factor\*\*2 = 9; insert a 1x1 conv2d"),
    (o.PixelUnshuffle(2), (ODD,), r"pixel_unshuffle: factor=2 must divide height and width of \(4, 7, 9\); insert pad2d"),
    (o.Slice(4), (IMAGE,), r"slice: channels 4 to None are not in shape \(4, 8, 8\); choose from its 4"),
    (o.Slice(2, 7), (TOKENS,), r"slice: channels 2 to 7 are not in shape \(5, 6\); choose from its 6"),
    (o.Upsample(), (TOKENS,), "upsample needs an image"),
    (o.Upsample(size=(9, 7)), (IMAGE,), r"upsample: size=\(9, 7\) is smaller than shape \(4, 8, 8\); use adaptive_avg_pool2d"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.ChannelShuffle, {"groups": 0}, "channel_shuffle: groups=0 must be"),
    (o.Crop2d, {"top": -1}, "crop2d: top=-1 must be a whole number of at least 0"),
    (o.Crop2d, {"height": 0}, "crop2d: height=0 must be a whole number of at least 1"),
    (o.Pad2d, {"left": True}, "pad2d: left=True must be a whole number"),
    (o.Pad2d, {"mode": "circular"}, "pad2d: mode='circular' is unknown; known: reflect, replicate, zeros"),
    (o.Pad2d, {"mode": "reflect", "value": 1.0}, "pad2d: value=1.0 has no meaning in mode reflect"),
    (o.Pad2d, {"value": float("inf")}, "pad2d: value=inf must be a number"),
    (o.PadChannels, {"after": 1.5}, r"pad_channels: after=1\.5 must be"),
    (o.PixelShuffle, {"factor": 0}, "pixel_shuffle: factor=0 must be"),
    (o.PixelUnshuffle, {"factor": "2"}, "pixel_unshuffle: factor='2' must be"),
    (o.Slice, {"start": -1}, "slice: start=-1 must be a whole number of at least 0"),
    (o.Slice, {"start": 3, "stop": 3}, "slice: stop=3 must be over start=3"),
    (o.Slice, {"stop": 0}, "slice: stop=0 must be a whole number of at least 1"),
    (o.Upsample, {"scale": 2, "size": 4}, "upsample: scale=2 and size=4 are given; give one of them"),
    (o.Upsample, {"scale": 0}, "upsample: scale=0 must be"),
    (o.Upsample, {"size": 1.5}, r"upsample: size=1\.5 must be"),
    (o.Upsample, {"mode": "linear"}, "upsample: mode='linear' is unknown; did you mean bilinear"),
    (o.Upsample, {"mode": "nearest", "align_corners": True}, "align_corners=True needs mode bilinear or bicubic, not nearest"),
    (o.Upsample, {"align_corners": 1}, "upsample: align_corners=1 must be true or false"),
]
