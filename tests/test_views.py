"""Memory behind views of larger values: what ops copy there, and keep, is counted as torch has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import Builder, Genotype, Op, TensorSpec, Value, analyse, compile_network
from archsearch import ops as o
from archsearch.ops.layout import Layout, even
from tests.meta_tracker import inference, training_step
from tests.networks_of_examples import KINDS, indexed


def figures(genotype: Genotype, batch: int, dtype: str = "float32") -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Peaks of inference and training and what is saved: ours, and torch's."""
    network, shapes = compile_network(genotype).to(getattr(torch, dtype)), [spec.shape for spec in genotype.inputs]
    analysis = analyse(genotype, batch, dtype)
    forward, step = inference(network, shapes, batch, dtype), training_step(network, shapes, batch, "sgd", dtype)
    ours = (analysis.inference_peak_bytes, analysis.training_peak_bytes, analysis.saved_bytes)
    return ours, (forward.peak, step.peak, step.saved)


def chain(shape: tuple[int, ...], *ops: Op) -> Genotype:
    """The ops one after the other."""
    b = Builder(shape)
    x = b.input
    for op in ops:
        x = b(op, x)
    return b.genotype(x)


C, CROP, HALF, ROWS, LAST = o.Conv2d(8), o.Crop2d(1, 1, 8, 8), o.Slice(0, 4), o.Crop2d(2, 0, 8), o.Conv2d(4)
WIDE = o.Linear(12)
IMAGES: list[tuple[Op, ...]] = [
    (C, CROP, o.Flatten(), o.Linear(5)),
    (C, HALF, o.Flatten(), o.Linear(5)),
    (C, CROP, o.Reshape((16, 4, 8)), LAST),
    (C, ROWS, o.Reshape((8, 16, 8)), LAST),
    (C, ROWS, o.Reshape((16, 8, 8)), LAST),
    (C, CROP, LAST),
    (C, HALF, LAST),
    (C, HALF, o.ReLU(), LAST),
    (C, HALF, o.BatchNorm2d()),
    (C, CROP, o.Tokens(), o.Linear(4)),
    (C, ROWS, o.Tokens(), o.Linear(4)),
    (C, o.Slice(0, 1), o.Tokens(), o.Linear(4)),
    (C, HALF, o.PixelShuffle(2), o.Conv2d(2)),
    (C, CROP, o.PixelUnshuffle(2), o.Conv2d(2)),
    (C, HALF, o.ChannelShuffle(2), o.Conv2d(2)),
    (C, CROP, o.AvgPool2d(2), o.Conv2d(2)),
    (C, CROP, o.MaxPool2d(2), o.Conv2d(2)),
    (C, CROP, o.Upsample(2), o.Conv2d(2)),
    (C, CROP, o.GlobalAvgPool2d(), o.Conv2d(2)),
    (C, CROP, o.GroupNorm(2), o.Conv2d(2)),
    (C, HALF, o.GroupNorm(2), o.Conv2d(2)),
    (C, CROP, o.InstanceNorm2d(), o.Conv2d(2)),
    (C, CROP, o.InstanceNorm2d(affine=True), o.Conv2d(2)),
    (C, CROP, o.LayerNorm2d(), o.Conv2d(2)),
    (C, CROP, o.Softmax(), o.Conv2d(2)),
    (C, CROP, o.SeparableConv2d(4)),
    (C, CROP, o.Pyramid(), o.Conv2d(4, 1)),
    (C, CROP, o.Dropout(0.5), o.GroupNorm(2), LAST),
    (C, CROP, o.Identity(), o.Flatten(), o.Linear(5)),
    (C, CROP, HALF, o.Flatten(), o.Linear(5)),
    (C, HALF),
]
TOKENS: list[tuple[Op, ...]] = [
    (WIDE, o.Slice(0, 6), o.Linear(4)),
    (WIDE, o.Slice(0, 6), o.Flatten(), o.Linear(4)),
    (WIDE, o.Slice(0, 6), o.LayerNorm(), o.Linear(4)),
    (WIDE, o.Slice(0, 6), o.Attention(2), o.Linear(4)),
    (WIDE, o.Slice(0, 6), o.Transpose(), o.Linear(4)),
    (WIDE, o.Slice(0, 1), o.Transpose(), o.Linear(4)),
    (WIDE, o.TakeToken(0), o.Linear(4)),
    (WIDE, o.TakeToken(0), o.Flatten(), o.ReLU(), o.Linear(4)),
    (WIDE, o.TakeToken(0), o.LayerNorm()),
    (WIDE, o.Slice(0, 6), o.FromWindows(2, 3, (2, 3)), o.Linear(4)),
    (WIDE, o.Slice(0, 6), o.Windows(2, 3, (2, 3)), o.Linear(4)),
]


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("ops", [*IMAGES, *TOKENS], ids=lambda ops: "-".join(op.kind for op in ops))
def test_straight_code_behind_a_view_holds_what_torch_holds(ops: tuple[Op, ...], batch: int) -> None:
    ours, theirs = figures(chain((3, 16, 16) if ops in IMAGES else (6, 8), *ops), batch)
    assert ours == theirs


def queries(b: Builder) -> Value:
    return b(o.CrossAttention(1, fused=False), b(o.Slice(0, 6), b(WIDE, b.input)), b(WIDE, b.input))


def halves_added(b: Builder) -> Value:
    return b(o.Add(), b(o.Slice(0, 6), b(WIDE, b.input)), b(o.Slice(6), b(WIDE, b.input)))


def two_readers(b: Builder) -> Value:
    cut = b(o.Slice(0, 6), b(WIDE, b.input))
    return b(o.Add(), b(o.Flatten(), cut), b(o.Flatten(), b(o.ReLU(), cut)))


@pytest.mark.parametrize("of", [queries, halves_added, two_readers])
def test_ops_of_several_inputs_behind_a_view_hold_what_torch_holds(of: Callable[[Builder], Value]) -> None:
    b = Builder((6, 8))
    ours, theirs = figures(b.genotype(of(b)), 3)
    assert ours == theirs


def behind_cuts(op: Op, shapes: tuple[tuple[int, ...], ...], across: bool) -> Genotype:
    """The op with all its inputs cut from larger values: rows and columns of images, else channels."""
    crops = [across and len(shape) == 3 for shape in shapes]
    b = Builder(*[larger(shape, crop) for shape, crop in zip(shapes, crops, strict=True)])
    cut = []
    for x, shape, crop in zip(b.inputs, shapes, crops, strict=True):
        made = b(o.Sigmoid(), x)
        cut.append(b(o.Crop2d(1, 1, *shape[1:]) if crop else o.Slice(0, TensorSpec(shape).width), made))
    return b.genotype(b(op, *indexed(b, op, tuple(cut))))


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_op_behind_a_view_holds_no_more_than_said(kind: str, across: bool) -> None:
    for op, shapes in KINDS[kind]:
        ours, theirs = figures(behind_cuts(op, shapes, across), 3)
        assert all(mine >= found for mine, found in zip(ours, theirs, strict=True)), (op, ours, theirs)


def larger(shape: tuple[int, ...], crop: bool) -> tuple[int, ...]:
    """The shape that one is cut from."""
    if crop:
        return (shape[0], shape[1] + 2, shape[2] + 1)
    return (shape[0] + 2, *shape[1:]) if len(shape) == 3 else (*shape[:-1], shape[-1] + 2)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
def test_reshapes_are_views_where_torch_makes_them(sizes: list[int], data: st.DataObject) -> None:
    whole = torch.zeros(2, *[size + data.draw(st.integers(0, 1)) for size in sizes])
    part = whole[(slice(None), *[slice(0, size) for size in sizes])]
    wanted = data.draw(st.sampled_from(shapes_of(part[0].numel())))
    try:
        steps = part.view(2, *wanted).stride()
    except RuntimeError:
        steps = None
    found = Layout(tuple(part.shape), part.stride()).viewed(wanted)
    assert (found is None) == (steps is None)
    if found is not None and steps is not None:
        assert [(size, step) for size, step in zip(*found, strict=True) if size > 1] == [
            (size, step) for size, step in zip((2, *wanted), steps, strict=True) if size > 1
        ]
        assert found.is_even() == part.view(2, *wanted).is_contiguous()


def shapes_of(elements: int) -> list[tuple[int, ...]]:
    """Shapes of up to three axes with so many elements."""
    parts = [number for number in range(1, elements + 1) if elements % number == 0]
    two = [(number, elements // number) for number in parts]
    return [(elements,), *two, *[(one, *pair) for one, rest in two for pair in two if one * pair[0] * pair[1] == elements and rest]]


def test_a_whole_value_is_even() -> None:
    assert even(2, (3, 4)) == Layout((2, 3, 4), (12, 4, 1))
    assert even(2, (3, 4)).is_even()
