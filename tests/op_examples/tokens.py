"""Examples of ops between images and tokens, over tokens, and of layer norms."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import GATE, IMAGE, ODD, TOKENS, VECTOR, Example, at

GRID, ONE_TOKEN = (63, 6), (1, 6)

EXAMPLES: dict[str, list[Example]] = {
    "class_token": [*at((TOKENS,), o.ClassToken()), *at((ONE_TOKEN,), o.ClassToken())],
    "image": [*at((GRID,), o.Image(7, 9), o.Image(1, 63)), *at((ONE_TOKEN,), o.Image(1, 1)), *at(((6, 1),), o.Image(2, 3))],
    "layer_norm": [*at((TOKENS,), o.LayerNorm(), o.LayerNorm(1e-6)), *at((VECTOR,), o.LayerNorm())],
    "layer_norm2d": [
        *at((IMAGE,), o.LayerNorm2d(), o.LayerNorm2d(1e-5)),
        *at((GATE,), o.LayerNorm2d()),
        *at(((2, 3, 1),), o.LayerNorm2d()),
    ],
    "mean_tokens": [*at((TOKENS,), o.MeanTokens()), *at((ONE_TOKEN,), o.MeanTokens())],
    "patch_merge": [*at((GRID,), o.PatchMerge(7, 9), o.PatchMerge(9, 7)), *at(((64, 4),), o.PatchMerge(8, 8))],
    "position_embedding": [*at((TOKENS,), o.PositionEmbedding()), *at((ONE_TOKEN,), o.PositionEmbedding())],
    "take_token": [*at((TOKENS,), o.TakeToken(), o.TakeToken(4)), *at((ONE_TOKEN,), o.TakeToken())],
    "tokens": [*at((IMAGE,), o.Tokens()), *at((ODD,), o.Tokens()), *at((GATE,), o.Tokens()), *at(((1, 3, 5),), o.Tokens())],
    "transpose": [*at((TOKENS,), o.Transpose()), *at((ONE_TOKEN,), o.Transpose()), *at(((6, 1),), o.Transpose())],
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.ClassToken(), (IMAGE,), r"class_token needs tokens \(T, D\), got shape \(4, 8, 8\)"),
    (o.Image(2, 3), (TOKENS,), r"image: height=2 x width=3 needs 6 tokens, got shape \(5, 6\); give the image's size"),
    (o.Image(2, 3), (VECTOR,), "image needs tokens"),
    (o.LayerNorm(), (IMAGE,), r"layer_norm needs a vector \(F,\) or tokens \(T, D\), got shape \(4, 8, 8\); use layer_norm2d"),
    (o.LayerNorm2d(), (TOKENS,), "layer_norm2d needs an image"),
    (o.MeanTokens(), (VECTOR,), "mean_tokens needs tokens"),
    (o.PatchMerge(2, 2), (TOKENS,), "patch_merge: height=2 x width=2 needs 4 tokens"),
    (o.PositionEmbedding(), (IMAGE,), "position_embedding needs tokens"),
    (o.TakeToken(5), (TOKENS,), "take_token: index=5 is not among 5 tokens; use 0 to 4"),
    (o.Tokens(), (TOKENS,), "tokens needs an image"),
    (o.Transpose(), (VECTOR,), "transpose needs tokens"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Image, {"height": 0, "width": 3}, "image: height=0 must be a whole number of at least 1"),
    (o.LayerNorm, {"eps": 1}, "layer_norm: eps=1 must be a number from 0 up to, not with, 1"),
    (o.LayerNorm2d, {"eps": -1e-6}, "layer_norm2d: eps=-1e-06 must be a number"),
    (o.PatchMerge, {"height": 2, "width": 2.0}, r"patch_merge: width=2\.0 must be a whole number"),
    (o.TakeToken, {"index": -1}, "take_token: index=-1 must be a whole number of at least 0"),
]
