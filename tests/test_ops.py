"""One contract for every op, judged by torch: an op is tested by standing in EXAMPLES."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archsearch import Builder, Cost, Genotype, Op, ShapeError, TensorSpec, Window, analyse, compile_network, layers, register
from archsearch import ops as o
from archsearch.design.edit.widths import shaped, size, width
from archsearch.network.builder import Value
from archsearch.network.genotype_json import op_from_dict, op_to_dict
from archsearch.ops import OPS
from tests.meta_tracker import inference, state_of, training_step
from tests.op_examples import BAD_FIELDS, EXAMPLES, INDICES, MISFITS
from tests.op_examples.shapes import IMAGE

CASES = [
    pytest.param(op, shapes, id=f"{op}@{'+'.join('x'.join(map(str, s)) for s in shapes)}")
    for cases in EXAMPLES.values()
    for op, shapes in cases
]


NARROW_ON_THE_CPU = {"instance_norm2d", "batch_norm1d", "batch_norm2d", "weight_standard_conv2d"}
"""Ops whose statistics have the narrow dtype on the CPU, and are of float32 elsewhere, as they are counted."""


def runs_in_half(op: Op) -> bool:
    """Whether torch's CPU kernels take float16 here: random slopes do not, and borders have to be finite in it."""
    return op.kind != "rrelu" and abs(getattr(op, "value", 0)) < 60_000


def specs(shapes: tuple[tuple[int, ...], ...]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(shape) for shape in shapes)


def with_weights_before(op: Op, shapes: tuple[tuple[int, ...], ...]) -> Genotype:
    """The op behind one convolution or linear layer an input, so that gradients pass it, and an activation behind it."""
    b = Builder(*shapes)
    values = [b(o.Conv2d(x.shape[-3], 1) if len(x.shape) > 2 else o.Linear(x.shape[-1]), x) for x in b.inputs]
    return b.genotype(b(o.Sigmoid(), b(op, *with_indices(b, op, values))))


def alone(op: Op, shapes: tuple[tuple[int, ...], ...]) -> Genotype:
    """The op by itself."""
    b = Builder(*shapes)
    return b.genotype(b(op, *with_indices(b, op, b.inputs)))


def with_indices(b: Builder, op: Op, values: Sequence[Value]) -> list[Value]:
    """The values, indices of max pooling in their place where the op reads those."""
    return [b(o.MaxPoolIndices2d(1), x) if place in INDICES.get(op.kind, ()) else x for place, x in enumerate(values)]


def tensors(op: Op, shapes: tuple[tuple[int, ...], ...], batch: int) -> list[torch.Tensor]:
    """Random values, or whole numbers where the op reads indices."""
    values = [torch.rand(batch, *shape) for shape in shapes]
    return [x.long() if place in INDICES.get(op.kind, ()) else x for place, x in enumerate(values)]


def test_every_op_has_an_example() -> None:
    assert EXAMPLES.keys() == {kind for kind, cls in OPS.items() if cls.__module__.startswith("archsearch.ops")}
    assert all(op.kind == kind for kind, cases in EXAMPLES.items() for op, _ in cases)


@pytest.mark.parametrize(("op", "shapes"), CASES)
def test_facts_agree_with_torch(op: Op, shapes: tuple[tuple[int, ...], ...]) -> None:
    xs = specs(shapes)
    module = op.build(layers, *xs)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        result = module.eval()(*tensors(op, shapes, 1))
    cost = op.cost(*xs)
    assert op.infer(*xs).shape == tuple(result.shape[1:])
    assert cost.params == sum(p.numel() for p in module.parameters())
    assert cost.buffers == sum(b.numel() for b in module.buffers())
    assert cost.counters == sum(b.dtype == torch.int64 for b in module.buffers())
    assert 2 * cost.macs == counter.get_total_flops()


TYPES = (("float32", 2), ("bfloat16", 3), ("float32", 3), ("float64", 2), ("float16", 2))
"""What memory is compared in; behind weights, where order alone is another, the first two."""


@pytest.mark.parametrize("before", [False, True], ids=["alone", "behind weights"])
@pytest.mark.parametrize(("op", "shapes"), CASES)
def test_memory_agrees_with_torch(op: Op, shapes: tuple[tuple[int, ...], ...], before: bool) -> None:
    genotype = with_weights_before(op, shapes) if before else alone(op, shapes)
    for dtype, batch in TYPES[:2] if before else TYPES:
        if dtype == "float16" and not runs_in_half(op):
            continue
        network = compile_network(genotype).to(getattr(torch, dtype))
        analysis, step = analyse(genotype, batch, dtype), training_step(network, shapes, batch, "sgd", dtype)
        ours = (analysis.state_bytes, analysis.inference_peak_bytes, analysis.training_peak_bytes, analysis.saved_bytes)
        state = sum(tensor.untyped_storage().nbytes() for tensor in state_of(network))
        theirs = (state, inference(network, shapes, batch, dtype).peak, step.peak, step.saved)
        if dtype in ("bfloat16", "float16") and op.kind in NARROW_ON_THE_CPU:
            assert all(mine >= found for mine, found in zip(ours, theirs, strict=True)), (dtype, batch, ours, theirs)
        else:
            assert ours == theirs, (dtype, batch)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_op_says_whether_it_is_random(kind: str) -> None:
    differ = []
    for op, shapes in EXAMPLES[kind]:
        module = op.build(layers, *specs(shapes)).train()
        values = [x - 0.5 if x.is_floating_point() else x for x in tensors(op, shapes, 4)]
        with torch.no_grad():
            differ.append(not torch.equal(module(*values), module(*values)))
    assert any(differ) == OPS[kind].random


@pytest.mark.parametrize(("op", "shapes"), CASES)
def test_op_round_trips_through_json(op: Op, shapes: tuple[tuple[int, ...], ...]) -> None:
    b = Builder(*shapes)
    genotype = b.genotype(b(op, *b.inputs))
    assert op_from_dict(json.loads(json.dumps(op_to_dict(op))), "node") == op
    assert Genotype.from_json(genotype.to_json()) == genotype


@pytest.mark.parametrize(("op", "shapes"), CASES)
def test_zeros_where_the_op_says_so_and_only_there(op: Op, shapes: tuple[tuple[int, ...], ...]) -> None:
    torch.manual_seed(0)
    values = tensors(op, shapes, 2)
    result = op.build(layers, *specs(shapes)).eval()(*values)
    assert op.is_zero == (not result.any())
    assert not op.is_identity(len(shapes)) or torch.equal(result, values[0])
    assert not op.keeps_elements or torch.equal(result.flatten(1), values[0].flatten(1))
    signed = [x if x.dtype == torch.int64 else x - 0.5 for x in values]
    assert not op.never_negative or op.build(layers, *specs(shapes)).eval()(*signed).min() >= 0
    if op.commutative:
        torch.testing.assert_close(op.build(layers, *specs(shapes[::-1]))(*values[::-1]), result)


@pytest.mark.parametrize(("op", "shapes", "message"), MISFITS)
def test_shapes_that_do_not_fit_are_refused_with_a_fix(op: Op, shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        op.infer(*specs(shapes))


@pytest.mark.parametrize(("cls", "fields", "message"), BAD_FIELDS)
def test_fields_out_of_range_are_refused(cls: type[Op], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**fields)


def test_one_spelling_for_equal_fields() -> None:
    assert o.Conv2d(4, (3, 3), padding=1) == o.Conv2d(4) == o.Conv2d(4, [3, 3])
    assert o.MaxPool2d(2) == o.MaxPool2d((2, 2), 2)
    assert o.Dropout(0) == o.Dropout(0.0)
    assert str(o.Conv2d(8, 5, bias=False)) == "conv2d(channels=8, kernel=5, bias=False)"
    assert str(o.Conv2d(8, 5, padding=0)) == "conv2d(channels=8, kernel=5, padding=0)"


def test_an_op_that_cannot_be_measured_says_what_to_do() -> None:
    @register("broken")
    @dataclass(frozen=True)
    class Broken(Op):
        def infer(self, x: TensorSpec) -> TensorSpec:
            return x

        def build(self, layers: Any, x: TensorSpec) -> nn.Module:
            return layers.Linear(x.shape[-1] + 1, 3)

    with pytest.raises(
        ValueError, match=r"broken states no cost, and its module does not run on torch's meta device .*give it `cost` and `saved`"
    ):
        Broken().cost(TensorSpec((4,)))
    del OPS["broken"]


def test_norm_over_vectors_is_measured_too() -> None:
    @register("normed")
    @dataclass(frozen=True)
    class Normed(Op):
        def infer(self, x: TensorSpec) -> TensorSpec:
            return x

        def build(self, layers: Any, x: TensorSpec) -> nn.Module:
            return layers.BatchNorm1d(x.channels)

    assert Normed().cost(TensorSpec((4,))) == o.BatchNorm1d().cost(TensorSpec((4,)))
    measured = Normed().saved(TensorSpec((4,)))
    assert replace(measured, anew=False, handed="whole", inference=(), backward=(), front=()) == o.BatchNorm1d().saved(TensorSpec((4,)))
    for moment in (*measured.inference, *measured.backward, *measured.front):  # its meta kernels make the statistics anew
        assert (moment.elements, moment.weights) == (4, 8)
    del OPS["normed"]


def test_a_users_op_without_facts_is_measured_never_counted_as_zero() -> None:
    @register("squash")
    @dataclass(frozen=True)
    class Squash(Op):
        features: int = 3

        def infer(self, x: TensorSpec) -> TensorSpec:
            return TensorSpec((self.features,))

        def build(self, layers: Any, x: TensorSpec) -> nn.Module:
            return layers.Sequential(layers.Flatten(), layers.Linear(x.elements, self.features), layers.Softmax(1))

    try:
        b = Builder(IMAGE)
        genotype = b.genotype(b(Squash(5), b(o.BatchNorm2d(), b.input)))
        analysis, network = analyse(genotype, 2), compile_network(genotype)
        step = training_step(network, [IMAGE], 2, "sgd")
        assert Squash(5).cost(TensorSpec(IMAGE)) == Cost(params=257 * 5, macs=256 * 5)
        assert Squash(5).window() == Window()
        assert analysis.params == sum(p.numel() for p in network.parameters())
        assert analysis.saved_bytes == step.saved
        assert abs(analysis.training_peak_bytes / step.peak - 1) < 0.01
        assert Genotype.from_json(genotype.to_json()) == genotype
    finally:
        OPS.pop("squash", None)


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(ValueError, match=r"op kind 'conv2d' is taken by archsearch\.ops\.convolution\.Conv2d; choose another name"):

        @register("conv2d")
        class Impostor(Op):
            pass


SHAPES_BY_RANK = [(6,), (5, 6), (6, 4, 7), (5, 6, 4, 7)]
"""A vector, tokens, an image and boxes, each of six channels."""


@pytest.mark.parametrize("shape", SHAPES_BY_RANK, ids=str)
def test_there_is_one_rule_where_the_channels_are(shape: tuple[int, ...]) -> None:
    x = TensorSpec(shape)
    assert x.width == 6
    assert x.with_width(9).width == 9
    assert (x.with_width(9).size, x.with_width(9).shape[x.channel_axis]) == (x.size, 9)
    assert (width(x), size(x), shaped(x, 9, x.size)) == (6, x.size, x.with_width(9))
    made = [o.Slice(0, 2), o.PadChannels(1, 2), o.Concat(), o.GLU(), o.Maxout(3), o.Softmax()]
    assert [op.infer(*[x] * (2 if op == o.Concat() else 1)) for op in made] == [x.with_width(n) for n in (2, 9, 12, 3, 2, 6)]
    assert o.LayerScale().cost(x).params == 6


@pytest.mark.parametrize("shape", SHAPES_BY_RANK, ids=str)
def test_ops_over_channels_agree_with_torch_on_every_rank(shape: tuple[int, ...]) -> None:
    x, value = TensorSpec(shape), torch.randn(2, *shape)
    axis = x.channel_axis + 1
    first, last = o.Slice(0, 2).build(layers, x)(value), o.Slice(2).build(layers, x)(value)
    torch.testing.assert_close(o.Concat().build(layers, x.with_width(2), x.with_width(4))(first, last), value)
    padded = o.PadChannels(1, 2).build(layers, x)(value)
    torch.testing.assert_close(padded.narrow(axis, 1, 6), value)
    assert padded.narrow(axis, 0, 1).abs().max() == padded.narrow(axis, 7, 2).abs().max() == 0
    scale = o.LayerScale().build(layers, x)
    torch.nn.init.normal_(scale.weight)
    for channel in range(6):
        factor = scale.weight.flatten()[channel]
        torch.testing.assert_close(scale(value).select(axis, channel), value.select(axis, channel) * factor)
    torch.testing.assert_close(o.Softmax().build(layers, x)(value).sum(axis), torch.ones_like(value).sum(axis) / 6)
