"""Hypothesis strategy for random networks over every kind of op, made of the ops' examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product

from hypothesis import strategies as st

from archsearch import Builder, Genotype, Op, ShapeError, Value
from archsearch import ops as o
from tests.op_examples import EXAMPLES, INDICES

KINDS = {kind: cases for kind, cases in EXAMPLES.items() if not cases[0][0].integer}
SHAPES = [
    (4, 8, 8),
    (4, 8, 8),
    (4, 7, 9),
    (4, 4, 4),
    (4, 1, 1),
    (12, 1, 1),
    (5, 6),
    (64, 24),
    (64, 6),
    (63, 6),
    (10, 36),
    (7, 12),
    (5, 4),
    (6,),
]
MOST_TRIED = 60


@st.composite
def networks_of_examples(draw: Callable[..., object], most: int = 8, behind_weights: bool = True) -> Genotype:
    """Networks with one to three inputs and up to three outputs, over all kinds of ops; indices of max pooling go where they are read."""
    b = Builder(*draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3)))
    values = [weighted(b, x) if behind_weights and draw(st.integers(0, 3)) else x for x in b.inputs]
    for _ in range(draw(st.integers(1, most))):
        op, shapes = draw(st.sampled_from(KINDS[draw(st.sampled_from(sorted(KINDS)))]))
        fitting = list(islice(operands(op, len(shapes), values[-5:]), MOST_TRIED))
        if not fitting:
            continue
        values.append(b(op, *indexed(b, op, draw(st.sampled_from(fitting)))))
    return b.genotype(*draw(st.lists(st.sampled_from(values[-4:]), min_size=1, max_size=3)))


def weighted(b: Builder, x: Value) -> Value:
    """The value behind a convolution or linear map of its own width, so that a gradient passes it."""
    return b(o.Conv2d(x.shape[-3], 1), x) if len(x.shape) > 2 else b(o.Linear(x.shape[-1]), x)


def operands(op: Op, number: int, values: Sequence[Value]) -> Iterator[tuple[Value, ...]]:
    """All choices of so many inputs that the op takes."""
    for chosen in product(values, repeat=number):
        try:
            op.infer(*(value.spec for value in chosen))
        except ShapeError:
            continue
        yield chosen


def indexed(b: Builder, op: Op, values: tuple[Value, ...]) -> list[Value]:
    """The values, indices of max pooling in their place where the op reads those."""
    return [b(o.MaxPoolIndices2d(1), x) if place in INDICES.get(op.kind, ()) else x for place, x in enumerate(values)]
