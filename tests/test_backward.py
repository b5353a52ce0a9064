"""Gradients that meet: where torch adds into a tensor that is there, and where the sum is a new one, because that is a view."""

from __future__ import annotations

from math import prod

import pytest

from archsearch import Builder, Genotype, Op, analyse, compile_network
from archsearch import ops as o
from tests.meta_tracker import allocated_peak, training_step
from tests.networks_of_examples import KINDS, indexed

OVER = {
    "local_response_norm": "its own two gradients are added in place, one after the other",
    "attention": "unfused, with one sample",
    "cross_attention": "unfused, with one sample",
    **dict.fromkeys(("context", "lookup", "scores", "weighted_sum"), "several heads, with one sample"),
    "unfold2d": "its gradient may be added to in place, though it lies in a larger tensor",
    "weight_norm_linear": "the lengths of its rows",
    "coord_conv2d": "one channel, 1x1",
}
"""Kinds whose peak beside another reader may be over torch's by a little, and what is not told apart there."""


def beside(op: Op, shapes: tuple[tuple[int, ...], ...], other: Op, first: bool) -> Genotype:
    """Both ops read what has weights before it, in one order or the other."""
    b = Builder(*shapes)
    before = [b(o.Conv2d(shape[0], 1) if len(shape) == 3 else o.Linear(shape[-1]), x) for shape, x in zip(shapes, b.inputs, strict=True)]
    read = lambda: b(op, *indexed(b, op, before))  # noqa: E731
    results = (read(), b(other, before[0])) if first else (b(other, before[0]), read())
    return b.genotype(*results)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_gradients_of_two_readers_meet_as_in_torch(kind: str) -> None:
    for op, shapes in KINDS[kind]:
        if not all(len(shape) in (1, 2, 3) and prod(shape) for shape in shapes):
            continue  # boxes: no op with weights makes them
        for first in (False, True):
            for batch in (2, 3) if kind == "batch_norm1d" else (1, 2, 3):
                genotype = beside(op, shapes, o.Sigmoid(), first)
                ours = analyse(genotype, batch).training_peak_bytes
                theirs = training_step(compile_network(genotype), list(shapes), batch, "sgd").peak
                assert ours == theirs or (kind in OVER and ours > theirs), (op, first, batch, ours, theirs)


@pytest.mark.parametrize("view", [o.Flatten(), o.Reshape((4, 64)), o.Tokens()], ids=str)
def test_a_sum_with_a_view_is_a_new_tensor_for_the_allocator_too(view: Op) -> None:
    b = Builder((4, 8, 8))
    x = b(o.Conv2d(4, 1), b.input)
    genotype = b.genotype(b(o.Sigmoid(), x), b(o.Sigmoid(), b(view, x)))
    assert analyse(genotype, 2).training_peak_bytes == allocated_peak(compile_network(genotype), [(4, 8, 8)], 2)


@pytest.mark.parametrize("view", [o.Flatten(), o.Sigmoid()], ids=str)
def test_the_gradient_of_a_value_with_two_readers_goes_when_it_is_used(view: Op) -> None:
    b = Builder((4, 8, 8))
    x = b(o.Conv2d(4, 1), b(o.Conv2d(16, 1), b(o.Conv2d(16, 1), b.input)))
    genotype = b.genotype(b(o.Sigmoid(), x), b(o.Sigmoid(), b(view, x)))
    step = training_step(compile_network(genotype), [(4, 8, 8)], 2, "sgd")
    assert analyse(genotype, 2).training_peak_bytes == step.peak
