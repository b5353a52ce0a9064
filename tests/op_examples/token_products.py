"""Examples of the products that attention is made of."""

from __future__ import annotations

from typing import Any

from archsearch import Op
from archsearch import ops as o
from tests.op_examples.shapes import IMAGE, ODD, TOKENS, VECTOR, Example, at

QUERIES, KEYS, VALUES = (7, 12), (5, 12), (5, 24)

EXAMPLES: dict[str, list[Example]] = {
    "context": [*at((KEYS, VALUES), o.Context(), o.Context(3)), *at(((1, 12), (1, 24)), o.Context(2))],
    "lookup": [*at(((3, 4, 5), QUERIES), o.Lookup()), *at(((1, 12, 3), QUERIES), o.Lookup()), *at(((3, 4, 5), (1, 12)), o.Lookup())],
    "row_softmax": [*at((IMAGE,), o.RowSoftmax()), *at((ODD,), o.RowSoftmax())],
    "scores": [*at((QUERIES, KEYS), o.Scores(), o.Scores(3)), *at(((1, 12), KEYS), o.Scores(2))],
    "weighted_sum": [
        *at(((3, 7, 5), VALUES), o.WeightedSum()),
        *at(((1, 7, 5), VALUES), o.WeightedSum()),
        *at(((2, 1, 5), VALUES), o.WeightedSum()),
    ],
}

MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = [
    (o.Context(5), (KEYS, VALUES), "context: 12 features are not 5 heads; give a multiple of 5"),
    (o.Context(), (KEYS, QUERIES), r"context needs as many tokens twice, got \(5, 12\) and \(7, 12\); read both from the same tokens"),
    (o.Lookup(), ((3, 4, 5), VALUES), r"lookup needs 12 features for matrices of shape \(3, 4, 5\), got \(5, 24\)"),
    (o.RowSoftmax(), (TOKENS,), "row_softmax needs an image"),
    (o.Scores(2), (QUERIES, VALUES), r"scores needs \(T, D\) and \(S, D\), got .* put linear\(12\) before the second"),
    (o.Scores(2), (QUERIES, VECTOR), "scores needs tokens"),
    (o.WeightedSum(), ((3, 7, 4), VALUES), r"weighted_sum needs 4 tokens for weights of shape \(3, 7, 4\), got \(5, 24\)"),
]

BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = [
    (o.Context, {"heads": 0}, "context: heads=0 must be a whole number of at least 1"),
    (o.Scores, {"heads": 1.5}, r"scores: heads=1\.5 must be a whole number"),
]
