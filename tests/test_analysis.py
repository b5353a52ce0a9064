"""Analysis against torch: shapes, counts and bytes of random networks, equal to the byte; and against NAS-Bench-201's table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import cache, partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st

from archsearch import Budget, Builder, Genotype, Value, analyse, canonicalise, compile_network, load_space
from archsearch import ops as o
from archsearch.analysis import known_costs
from archsearch.analysis.windows import fields_and_strides
from archsearch.network.compiler import module_path
from archsearch.spaces.space import space_names
from tests.meta_tracker import StorageTracker, allocated_peak, inference, inputs_of, on_meta, state_of, training_step
from tests.networks_of_examples import KINDS, indexed, networks_of_examples
from tests.strategies_hypothesis import genotypes

OPTIMIZERS = ["sgd", "momentum", "adam", "adamw"]
SIDES = [8, 9, 13, 16]


def assert_agrees_with_torch(genotype: Genotype, batch: int, optimizer: str, dtype: str = "float32") -> None:
    """Every number of the analysis equals what torch shows."""
    analysis = analyse(genotype, batch, dtype, optimizer)
    narrow = torch.finfo(getattr(torch, dtype)).bits < 32  # the CPU's kernels keep some values in float32 then
    network = (on_meta(partial(compile_network, genotype)) if narrow else compile_network(genotype)).to(getattr(torch, dtype))
    shapes = [spec.shape for spec in genotype.inputs]
    forward, step = inference(network, shapes, batch), training_step(network, shapes, batch, optimizer)
    assert [spec.shape for spec in analysis.outputs] == step.outputs
    assert analysis.params == sum(p.numel() for p in network.parameters())
    assert analysis.buffers == sum(b.numel() for b in network.buffers())
    assert batch * analysis.flops == forward.flops
    assert analysis.inference_peak_bytes == forward.peak
    assert analysis.saved_bytes == step.saved
    assert analysis.training_peak_bytes == step.peak


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("space", space_names())
def test_other_dtypes_cost_what_torch_says(space: str, dtype: str) -> None:
    for number in {"float64": range(12), "bfloat16": range(0, 12, 2), "float16": range(1, 12, 2)}[dtype]:
        rng = np.random.default_rng([8, number])
        genotype = small_network(space, rng)
        assert_agrees_with_torch(genotype, 4, str(rng.choice(OPTIMIZERS)), dtype)


def least_batch(genotype: Genotype) -> int:
    """Torch refuses to train batch norm on one value a channel."""
    alone = [node.op for node, fact in zip(genotype.nodes, genotype.facts, strict=True) if fact.elements == fact.spec.channels]
    return 2 if any(isinstance(op, o.BatchNorm1d | o.BatchNorm2d) for op in alone) else 1


def small_settings(space: str, rng: np.random.Generator) -> dict[str, Any]:
    """Settings that make a network of the space small, each time others."""
    settings: dict[str, Any] = {"input": (3, int(rng.choice(SIDES)), int(rng.choice(SIDES))), "classes": int(rng.integers(2, 11))}
    if space == "cell":
        settings |= {"cells": int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])), "channels": int(rng.integers(2, 6))}
    if space == "fabric":
        settings |= {"layers": int(rng.integers(2, 4)), "scales": 2, "channels": (int(rng.integers(2, 6)),), "stem": "conv"}
    return settings


def small_network(space: str, rng: np.random.Generator) -> Genotype:
    """The first valid network that is drawn."""
    small = load_space(space, **small_settings(space, rng))
    for _ in range(20):
        with suppress(ValueError):
            return small.sample(rng).genotype
    raise AssertionError(f"{space}: no valid network in 20 draws")


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 5))])
@pytest.mark.parametrize("space", space_names())
def test_hundreds_of_networks_of_each_space_cost_what_torch_says(space: str, part: int) -> None:
    for number in range(part, 315, 5):
        rng = np.random.default_rng([7, number])
        genotype = small_network(space, rng)
        if rng.integers(2):
            genotype = canonicalise(genotype)
        assert_agrees_with_torch(genotype, max(least_batch(genotype), int(rng.choice([1, 2, 8]))), str(rng.choice(OPTIMIZERS)))


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 3))])
def test_random_networks_over_all_ops_cost_what_torch_says(part: int) -> None:
    @seed(part)
    @settings(max_examples=230, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(genotypes(), st.sampled_from([1, 2, 3]), st.sampled_from(OPTIMIZERS))
    def agree(genotype: Genotype, batch: int, optimizer: str) -> None:
        assert_agrees_with_torch(genotype, max(least_batch(genotype), batch), optimizer)

    agree()


def assert_holds_what_torch_holds(genotype: Genotype, batch: int, optimizer: str, dtype: str) -> bool:
    """No figure is below torch's; whether all are equal."""
    analysis, network = analyse(genotype, batch, dtype, optimizer), compile_network(genotype).to(getattr(torch, dtype))
    shapes = [spec.shape for spec in genotype.inputs]
    try:
        forward, step = inference(network, shapes, batch, dtype), training_step(network, shapes, batch, optimizer, dtype)
    except NotImplementedError:  # torch has no such kernel
        return True
    ours = (analysis.inference_peak_bytes, analysis.training_peak_bytes, analysis.saved_bytes)
    theirs = (forward.peak, step.peak, step.saved)
    assert all(mine >= found for mine, found in zip(ours, theirs, strict=True)), (ours, theirs)
    return ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 3))])
def test_random_networks_over_every_kind_of_op_hold_no_more_than_said(part: int, dtype: str) -> None:
    equal: list[bool] = []

    @seed(part)
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(networks_of_examples(), st.sampled_from([1, 2, 3]), st.sampled_from(OPTIMIZERS))
    def hold(genotype: Genotype, batch: int, optimizer: str) -> None:
        most = torch.finfo(getattr(torch, dtype)).max  # torch refuses to pad with -1e30 in float16
        assume(not any(isinstance(node.op, o.Pad2d) and abs(node.op.value) > most for node in genotype.nodes))
        equal.append(assert_holds_what_torch_holds(genotype, max(least_batch(genotype), batch), optimizer, dtype))

    hold()
    # statistics in float32 are counted, as on a GPU; the CPU's kernels keep some of them in the narrow dtype
    assert sum(equal) >= (0.95 if torch.finfo(getattr(torch, dtype)).bits >= 32 else 0.85) * len(equal)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_op_whose_result_is_not_put_out_costs_what_torch_says(kind: str) -> None:
    for op, shapes in KINDS[kind]:
        b = Builder(*shapes)
        b(op, *indexed(b, op, b.inputs))
        assert assert_holds_what_torch_holds(b.genotype(b.inputs[0]), 2, "sgd", "float32"), op


def put_out(b: Builder, x: Value) -> Value:
    return x


def behind_tanh(b: Builder, x: Value) -> Value:
    return b(o.Tanh(), x)


@pytest.mark.parametrize("first", [put_out, behind_tanh])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_op_whose_input_gets_a_second_gradient_holds_no_more_than_said(
    kind: str, first: Callable[[Builder, Value], Value]
) -> None:
    """The gradient of the op comes after one that the caller holds, or before one of an earlier node."""
    for op, shapes in KINDS[kind]:
        b = Builder(*shapes)
        values = [b(o.Offset(), x) for x in b.inputs]
        others = [first(b, x) for x in values]
        genotype = b.genotype(*others, b(op, *indexed(b, op, values)))
        assert_holds_what_torch_holds(genotype, 2, "sgd", "float32")


@pytest.mark.parametrize("space", space_names())
def test_networks_of_full_size_on_the_meta_device(space: str) -> None:
    genotype = load_space(space).sample(np.random.default_rng(3)).genotype
    network, shapes = on_meta(partial(compile_network, genotype)), [spec.shape for spec in genotype.inputs]
    analysis = analyse(genotype, 64, optimizer="adam")
    assert analysis.inference_peak_bytes == inference(network, shapes, 64).peak
    assert analysis.training_peak_bytes == training_step(network, shapes, 64, "adam").peak


def thrice(b: Builder, x: Value) -> tuple[Value, ...]:
    return x, x, x


def fan_out(b: Builder, x: Value) -> tuple[Value, ...]:
    return (b(o.Add(), b(o.Sigmoid(), x), b(o.Tanh(), x)),)


def summed_with_itself(b: Builder, x: Value) -> tuple[Value, ...]:
    return (b(o.Sigmoid(), b(o.Add(), x, x, x)),)


def side_by_side(b: Builder, x: Value) -> tuple[Value, ...]:
    return (b(o.Sigmoid(), b(o.Concat(), x, b(o.Tanh(), x))),)


def handed_on(b: Builder, x: Value) -> tuple[Value, ...]:
    y = b(o.Add(), b(o.Tanh(), x), x)
    return (b(o.Tanh(), b(o.Mul(), y, b(o.Sigmoid(), x))), y)


@pytest.mark.parametrize("tail", [thrice, fan_out, summed_with_itself, side_by_side, handed_on])
def test_tracker_and_analysis_agree_with_torchs_own_allocator(tail: Callable[[Builder, Value], tuple[Value, ...]]) -> None:
    b = Builder((100,))
    genotype = b.genotype(*tail(b, b(o.Linear(100, bias=False), b.input)))
    network = compile_network(genotype)
    assert training_step(network, [(100,)], 2, "sgd").peak == allocated_peak(network, [(100,)], 2)
    assert analyse(genotype, 2).training_peak_bytes == allocated_peak(network, [(100,)], 2)


@cache
def table(folder: Path) -> tuple[np.ndarray, ...]:
    """Operations of all NAS-Bench-201 cells by name, their params and multiply-adds."""
    with np.load(folder / "nasbench201.npz", allow_pickle=False) as data:
        return data["op_names"][data["ops"]], data["params_cifar10"], data["flops_cifar10"]


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_all_15625_cells_have_the_published_params_and_macs(step: int, tabular: Path) -> None:
    names, params, flops = table(tabular)
    space, rng = load_space("cell"), np.random.default_rng(0)
    edges = list(space.options())
    assert len(names) == space.size() == 15_625
    for ops, wanted_params, wanted_flops in zip(names[::step], params[::step], flops[::step], strict=True):
        given = dict(zip(["0->1", "0->2", "1->2", "0->3", "1->3", "2->3"], map(str, ops), strict=True))
        assert given.keys() == set(edges)
        analysis = counts(space.resolve(given, rng).genotype)
        assert analysis == (wanted_params, wanted_flops - 10), given  # the table counts the bias of the last layer


def counts(genotype: Genotype) -> tuple[int, int]:
    """Params and macs."""
    costs = [fact.cost for fact in genotype.facts]
    return sum(cost.params for cost in costs), sum(cost.macs for cost in costs)


def cell_net() -> Genotype:
    return load_space("cell", cells=1, channels=4).sample(np.random.default_rng(1)).genotype


def test_rows_add_up_to_the_totals() -> None:
    analysis = analyse(cell_net(), 4)
    rows = analysis.rows
    assert [row.name for row in rows] == [node.name for node in analysis.genotype.nodes]
    assert sum(row.params for row in rows) == analysis.params
    assert sum(row.buffers for row in rows) == analysis.buffers
    assert sum(row.macs for row in rows) == analysis.macs
    assert all(row.output_bytes == 16 * np.prod(row.shape) for row in rows)
    state = 4 * analysis.params + 4 * analysis.buffers + 4 * sum("batch_norm" in row.op for row in rows)  # counters have 8 bytes
    assert max(row.live_bytes for row in rows) <= analysis.inference_peak_bytes - state
    assert rows[-1].live_bytes == 4 * 4 * (3 * 32 * 32 + 10)


def test_inference_moves_values_weights_and_buffers() -> None:
    b = Builder((4, 6, 6))
    x = b(o.BatchNorm2d(), b(o.Conv2d(8, 1, bias=False), b.input))
    rows = analyse(b.genotype(b(o.Slice(0, 4), x)), 3).rows
    image, wide = 3 * 4 * 4 * 36, 3 * 4 * 8 * 36
    assert [row.moved_bytes for row in rows] == [image + 4 * 32 + wide, wide + 4 * 4 * 8 + wide, 0]


def test_bytes_scale_with_the_dtype_and_the_batch() -> None:
    b = Builder((3, 8, 8))
    genotype = b.genotype(b(o.ReLU(), b(o.Conv2d(4), b.input)))
    single = analyse(genotype, 3)
    for dtype, factor in (("float64", 2), ("bfloat16", 0.5), ("float16", 0.5)):
        other = analyse(genotype, 3, dtype)
        assert other.training_peak_bytes == single.training_peak_bytes * factor
        assert other.inference_peak_bytes == single.inference_peak_bytes * factor
    assert analyse(genotype, 6).saved_bytes == 2 * single.saved_bytes


def test_receptive_field_grows_by_the_window_times_the_jump() -> None:
    b = Builder((3, 64, 64))
    x = b(o.MaxPool2d(3, 2, 1), b(o.Conv2d(8, 7, 2), b.input))
    y = b(o.Add(), b(o.Conv2d(8, 3, dilation=2), x), b(o.Conv2d(8, (1, 3)), x))
    assert analyse(b.genotype(x)).receptive_field == (11, 11)
    assert analyse(b.genotype(y)).receptive_field == (27, 27)
    pooled = analyse(b.genotype(b(o.GlobalAvgPool2d(), y)))
    assert (pooled.receptive_field, pooled.receptive_field.extent, pooled.window_field) == ((64, 64), "whole input", (27, 27))


def test_upsampling_divides_the_stride_exactly() -> None:
    b = Builder((3, 64, 64))
    x = b(o.MaxPool2d(4), b.input)
    y = b(o.Conv2d(4, 3), b(o.Upsample(scale=2, mode="nearest"), x))
    z = b(o.Conv2d(4, 3), b(o.Upsample(scale=3, mode="nearest"), y))
    back = b(o.Conv2d(4, 3), b(o.MaxPool2d(3), z))
    fields, strides = fields_and_strides(b.genotype(z, back))
    assert strides == [(1, 1), (4, 4), (2, 2), (2, 2), *[(Fraction(2, 3), Fraction(2, 3))] * 2, (2, 2), (2, 2)]
    assert all(type(stride) is int for stride in strides[2])
    exact = 8 + Fraction(4, 3)
    assert fields[3:6] == [(8, 8), (8, 8), (ceil(exact), ceil(exact))]
    assert fields[6:] == [(ceil(exact + Fraction(4, 3)),) * 2, (ceil(exact + Fraction(4, 3) + 4),) * 2]
    assert analyse(b.genotype(z)).window_field == (10, 10)


def test_indices_have_eight_bytes_in_every_dtype() -> None:
    b = Builder((3, 8, 8))
    x = b(o.Conv2d(4), b.input)
    places = b(o.MaxPoolIndices2d(2), x)
    genotype = b.genotype(b(o.Conv2d(2), b(o.MaxUnpool2d(2), b(o.MaxPool2d(2), x), places)))
    for dtype in ("float32", "float64", "bfloat16"):
        assert_agrees_with_torch(genotype, 2, "sgd", dtype)
        row = next(row for row in analyse(genotype, 2, dtype).rows if "indices" in row.op)
        assert row.output_bytes == 8 * 2 * 4 * 4 * 4


def live_before_every_node(genotype: Genotype, batch: int, training: bool) -> list[int]:
    """Bytes that torch holds besides weights and buffers, when each node's module is about to run."""
    network = compile_network(genotype).train(training)
    seen: list[int] = []
    tracker = StorageTracker(state_of(network))
    state = tracker.live
    for node in genotype.nodes:
        network.get_submodule(module_path(node.name)).register_forward_pre_hook(lambda *_: seen.append(tracker.live - state))
    inputs = inputs_of(network, [spec.shape for spec in genotype.inputs], batch)
    tracker.hold(inputs)
    with torch.set_grad_enabled(training), tracker:
        network(*inputs)
    return seen


@pytest.mark.parametrize("space", space_names())
def test_the_timeline_is_what_torch_holds_between_the_nodes(space: str) -> None:
    for number in range(10):
        rng = np.random.default_rng([9, number])
        genotype = small_network(space, rng)
        analysis = analyse(genotype, 2)
        timeline = analysis.timeline
        assert live_before_every_node(genotype, 2, training=False)[1:] == list(timeline.inference[:-1])
        assert live_before_every_node(genotype, 2, training=True)[1:] == list(timeline.forward[:-1])
        assert max(*timeline.forward, *timeline.backward) <= analysis.training_peak_bytes - analysis.state_bytes
        assert timeline.inference == tuple(row.live_bytes for row in analysis.rows)


def test_exits_cost_what_they_need_and_add_what_is_new() -> None:
    b = Builder((3, 8, 8))
    stem = b(o.Conv2d(4), b.input, name="stem")
    early = b(o.Linear(5), b(o.Flatten(), stem), name="early")
    deep = b(o.Conv2d(6), stem, name="deep")
    late = b(o.Linear(5), b(o.Flatten(), deep), name="late")
    analysis = analyse(b.genotype(early, late, early, b.input))
    cost = {row.name: (row.params, row.macs) for row in analysis.rows}
    totals = [
        [sum(cost[name][which] for name in names) for which in (0, 1)]
        for names in (("stem", "early"), ("stem", "deep", "late"), ("deep", "late"))
    ]
    first, second, again, untouched = analysis.exits
    assert first == ("early", (5,), *totals[0], *totals[0])
    assert second == ("late", (5,), *totals[1], *totals[2])
    assert again == ("early", (5,), *totals[0], 0, 0)
    assert untouched == ("x", (3, 8, 8), 0, 0, 0, 0)
    assert sum(out.added_params for out in analysis.exits) == analysis.params


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dtype": "int8"}, "dtype='int8' is unknown; known: float64"),
        ({"optimizer": "lion"}, "optimizer='lion' is unknown; known: sgd"),
        ({"batch": 0}, "batch=0 must be a whole number of at least 1"),
        ({"batch": 2.5}, r"batch=2\.5 must be"),
    ],
)
def test_unknown_settings_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        analyse(cell_net(), **given)


def test_budget_names_what_is_over_and_by_how_much() -> None:
    costs = known_costs(cell_net(), 8, "adam")
    assert Budget(**{name: 2 * cost for name, cost in costs.items()}).overruns(costs) == {}
    assert Budget(params=costs["params"] / 4, macs=costs["macs"]).overruns(costs) == {"params": 4}
    with pytest.raises(ValueError, match="budget macs=0 must be a number over 0"):
        Budget(macs=0)


def test_state_of_lists_everything_that_a_network_holds() -> None:
    network = compile_network(cell_net())
    assert len(state_of(network)) == len(network.state_dict())
