"""Populations: every figure of every network equals what `analyse` gives for it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import Builder, Cost, Genotype, GenotypeError, Op, ShapeError, TensorSpec, analyse, load_space, register
from archsearch import ops as o
from archsearch.analysis.population import Population, analyse_population
from archsearch.analysis.population.partition import FEW, Partitions, compressed, factorised
from archsearch.ops import OPS
from tests.networks_of_examples import KINDS, networks_of_examples
from tests.op_examples import INDICES
from tests.strategies_hypothesis import CHANNELS, KERNELS, genotypes

FIGURES = ("params", "buffers", "macs", "flops", "state_bytes", "inference_peak_bytes", "training_peak_bytes", "saved_bytes")
SAME_SHAPE = [o.ReLU(), o.Identity(), o.Zero(), o.Dropout(0.0), o.Dropout(0.3), o.GELU(), o.Sigmoid()]


def assert_equals_analyse(population: Population, numbers: Any, **given: Any) -> None:
    """Every figure of these networks, alone and in the population."""
    found = analyse_population(population, **given)
    for number in numbers:
        alone = analyse(population.genotype(int(number)), **given)
        for name in FIGURES:
            assert getattr(found, name)[number] == getattr(alone, name), (name, number)


def bottlenecks() -> Genotype:
    b = Builder((3, 32, 32))
    x = b(o.ReLU(), b(o.BatchNorm2d(), b(o.Conv2d(16, bias=False), b.input, name="stem")))
    for stage in range(3):
        with b.scope(f"stage{stage}"):
            y = b(o.ReLU(), b(o.BatchNorm2d(), b(o.Conv2d(8, 1, bias=False), x, name="narrow")))
            y = b(o.ReLU(), b(o.BatchNorm2d(), b(o.DepthwiseConv2d(3, 2, bias=False), y, name="apart")))
            y = b(o.BatchNorm2d(), b(o.Conv2d(16, 1, bias=False), y, name="wide"))
            x = b(o.Add(), y, b(o.AvgPool2d(2), x))
    return b.genotype(b(o.Linear(10), b(o.Flatten(), b(o.GlobalAvgPool2d(), x))))


def bottleneck_values(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    width = rng.choice([8, 12, 16, 24], count)
    values: dict[str, Any] = {"stem:channels": width, "linear:bias": rng.choice([False, True], count)}
    for stage in range(3):
        values |= {f"stage{stage}/wide:channels": width, f"stage{stage}/narrow:channels": rng.integers(1, 33, count)}
        values |= {f"stage{stage}/apart:kernel": rng.choice([1, 3, 5], count)}
    return values


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_bottleneck_networks_cost_what_each_costs(optimizer: str) -> None:
    population = Population(bottlenecks(), bottleneck_values(5000))
    assert len(population) == 5000
    assert_equals_analyse(population, range(0, 5000, 97), batch=8, optimizer=optimizer)


def test_cell_networks_cost_what_each_costs() -> None:
    edges = dict.fromkeys(["0->1", "0->2", "0->3", "1->2", "1->3", "2->3"], "nor_conv_3x3")
    template = load_space("cell", cells=1, channels=4).resolve(edges, np.random.default_rng(0)).genotype
    rng, values = np.random.default_rng(1), {}
    for stage in (1, 2, 3):
        width = rng.choice([4, 6, 8], 300)
        inside = [node for node in template.nodes if node.name.startswith(f"stage{stage}/") and isinstance(node.op, o.Conv2d)]
        values |= {f"{node.name}:channels": width for node in inside}
        values |= {f"{node.name}:kernel": rng.choice([1, 3], 300) for node in inside if "cell" in node.name}
        if stage == 1:
            values["stem/conv2d:channels"] = width
    assert_equals_analyse(Population(template, values), range(0, 300, 7), batch=2, dtype="bfloat16", optimizer="momentum")


def test_networks_whose_storages_live_and_die_differently() -> None:
    b = Builder((4, 8, 8))
    x = b(o.Conv2d(4), b.input)
    for number in range(3):
        x = b(o.Add(), b(o.ReLU(), x, name=f"edge{number}"), x)
    rng = np.random.default_rng(0)
    values = {f"edge{number}": [SAME_SHAPE[i] for i in rng.integers(0, len(SAME_SHAPE), 400)] for number in range(3)}
    assert_equals_analyse(Population(b.genotype(x), values), range(400), batch=3)


def test_networks_that_cut_differently() -> None:
    b = Builder((3, 9, 9))
    x = b(o.Crop2d(0, 0, 8, 8), b(o.Slice(0, 4), b(o.Conv2d(8), b.input), name="half"), name="window")
    x = b(o.Conv2d(4, 1), b(o.GroupNorm(2), x, name="norm"))
    template = b.genotype(b(o.Linear(3), b(o.Flatten(), b(o.Slice(0, 2), x))))
    cuts = [o.Crop2d(top, left, 8, 8) for top in (0, 1) for left in (0, 1)] + [o.AvgPool2d(2, 1)] * 2
    values = {
        "window": cuts,
        "half:start": [0, 4, 4, 0, 4, 0],
        "half:stop": [4, 8, 8, 4, 8, 4],
        "norm": [*[o.GroupNorm(2)] * 3, *[o.ReLU()] * 3],
    }
    for batch in (1, 3):
        assert_equals_analyse(Population(template, values), range(6), batch=batch)


OTHER_FIELDS: dict[type[Op], dict[str, st.SearchStrategy[Any]]] = {
    o.Conv2d: {"channels": CHANNELS, "kernel": KERNELS, "bias": st.booleans()},
    o.SeparableConv2d: {"channels": CHANNELS, "kernel": KERNELS},
    o.DepthwiseConv2d: {"kernel": KERNELS, "multiplier": st.integers(1, 2)},
    o.Linear: {"features": st.integers(1, 5)},
    o.MaxPool2d: {"kernel": st.integers(2, 3), "ceil": st.booleans()},
    o.Dropout: {"p": st.sampled_from([0.0, 0.5])},
}


@st.composite
def variations(draw: Callable[..., Any], count: int = 4) -> tuple[Genotype, dict[str, list[Any]]]:
    """A random network, and for some of its nodes other fields, or other ops that keep the shape."""
    template = draw(genotypes())
    values: dict[str, list[Any]] = {}
    for node in template.nodes:
        for name, offered in OTHER_FIELDS.get(type(node.op), {}).items():
            if draw(st.booleans()):
                values[f"{node.name}:{name}"] = draw(st.lists(offered, min_size=count, max_size=count))
        if isinstance(node.op, o.ReLU):
            values[node.name] = draw(st.lists(st.sampled_from(SAME_SHAPE), min_size=count, max_size=count))
    return template, values or {template.nodes[0].name: [template.nodes[0].op] * count}


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
@given(variations(), st.sampled_from([1, 3]), st.sampled_from(["float64", "float16"]), st.sampled_from(["sgd", "adamw"]))
def test_random_populations_cost_what_each_network_costs(
    variation: tuple[Genotype, dict[str, list[Any]]], batch: int, dtype: str, optimizer: str
) -> None:
    template, values = variation
    try:
        population = Population(template, values)
    except GenotypeError:
        with pytest.raises(GenotypeError, match="node '"):
            each_alone(template, values)
    else:
        assert_equals_analyse(population, range(4), batch=batch, dtype=dtype, optimizer=optimizer)


@cache
def others(specs: tuple[TensorSpec, ...], out: TensorSpec) -> list[Op]:
    """Ops of all kinds that take these inputs and return that shape."""
    found: list[Op] = []
    for op, shapes in [case for cases in KINDS.values() for case in cases]:
        if len(shapes) != len(specs) or op in found or op.kind in INDICES:
            continue
        try:
            fits = op.infer(*specs) == out
        except ShapeError:
            continue
        found += [op] * fits
    return found


@st.composite
def variations_of_examples(draw: Callable[..., Any], count: int = 4) -> tuple[Genotype, dict[str, list[Any]]]:
    """A random network over all kinds of ops, and other kinds of ops at its nodes."""
    template = draw(networks_of_examples().filter(lambda network: network.nodes))
    values: dict[str, list[Any]] = {}
    for node, fact in zip(template.nodes, template.facts, strict=True):
        offered = [] if node.op.integer else others(tuple([template.specs[read] for read in node.inputs]), fact.spec)
        if offered and draw(st.booleans()):
            values[node.name] = draw(st.lists(st.sampled_from(offered), min_size=count, max_size=count))
    return template, values or {template.nodes[0].name: [template.nodes[0].op] * count}


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(variations_of_examples(), st.sampled_from([1, 3]), st.sampled_from(["float64", "float16"]), st.sampled_from(["sgd", "adamw"]))
def test_random_populations_over_every_kind_of_op_cost_what_each_network_costs(
    variation: tuple[Genotype, dict[str, list[Any]]], batch: int, dtype: str, optimizer: str
) -> None:
    assert_equals_analyse(Population(*variation), range(4), batch=batch, dtype=dtype, optimizer=optimizer)


def each_alone(template: Genotype, values: dict[str, list[Any]]) -> None:
    for number in range(4):
        Population(template, {key: column[number : number + 1] for key, column in values.items()})


def test_fields_that_an_op_works_out_follow() -> None:
    population = Population(bottlenecks(), {"stage0/apart:kernel": [1, 3, 5, (3, 5)]})
    paddings = [next(node.op for node in population.genotype(i).nodes if node.name == "stage0/apart").padding for i in range(4)]  # type: ignore[attr-defined]
    assert paddings == [0, 1, 2, (1, 2)]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({}, ValueError, "needs a value for every network under each key, got none"),
        ({"stem:channels": []}, ValueError, "got 0; give equally many"),
        ({"stem:channels": [1, 2], "linear:bias": [True]}, ValueError, "got 1 and 2; give equally many"),
        ({"stemm:channels": [1]}, ValueError, "the template has no node 'stemm'; did you mean stem"),
        ({"stem:chanels": [1]}, ValueError, "conv2d at node 'stem' has no field 'chanels'; did you mean channels"),
        ({"stem:channels": [16, 0]}, GenotypeError, "node 'stem': conv2d: channels=0 must be"),
        ({"stem:channels": [16, 8]}, GenotypeError, "node 'stage0/add': add needs equal shapes"),
        ({"stem": [o.Conv2d(16), 7]}, GenotypeError, "node 'stem': 7 is no op"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Population(bottlenecks(), values)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="dtype='int4' is unknown"):
        analyse_population(Population(bottlenecks(), {"linear:bias": [True]}), dtype="int4")


def test_figures_that_may_not_fit_are_refused() -> None:
    @register("heavy")
    @dataclass(frozen=True)
    class Heavy(Op):
        power: int = 1

        def infer(self, x: TensorSpec) -> TensorSpec:
            return x

        def cost(self, x: TensorSpec) -> Cost:
            return Cost(macs=2**self.power)

        def build(self, layers: Any, x: TensorSpec) -> Any:
            return layers.Identity()

    try:
        b = Builder((1,))
        template = b.genotype(b(Heavy(), b(Heavy(), b.input)))
        fits = analyse_population(Population(template, {"heavy:power": [1, 62], "heavy_1:power": [61, 61]}))
        assert fits.macs.tolist() == [2 + 2**61, 2**62 + 2**61]
        too_much = analyse_population(Population(template, {"heavy:power": [1, 62], "heavy_1:power": [62, 1]}), batch=2**62)
        for name in ("macs", "inference_peak_bytes"):
            with pytest.raises(OverflowError, match=r"may pass 2\*\*63; analyse its networks one by one"):
                getattr(too_much, name)
    finally:
        OPS.pop("heavy", None)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=40))
def test_joined_partitions_tell_apart_what_any_of_them_does(rows: list[tuple[int, int, int]]) -> None:
    columns = list(zip(*rows, strict=True))
    parts = [factorised(column)[0] for column in columns]
    joint, inside = Partitions(len(rows)).join(parts)
    codes = joint.codes.tolist() if joint.classes > 1 else [0] * len(rows)
    assert len(set(codes)) == joint.classes == len(set(rows))
    for part, classes in zip(parts, inside, strict=True):
        own = part.codes.tolist() if part.classes > 1 else [0] * len(rows)
        assert [int(classes[code]) for code in codes] == own


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([51, FEW + 1]))
def test_compressed_codes_stand_for_the_same_values(codes: list[int], limit: int) -> None:
    distinct, places = compressed(np.array(codes), limit)
    assert distinct[places].tolist() == codes
    assert distinct.tolist() == sorted(set(codes))


@pytest.mark.parametrize(
    "values", [[3, 1, 3], np.array([3, 1, 3]), np.array([0, 10**9, 0]), np.array([0.5, 0.1, 0.5]), [(1, 2), [3, 4], (1, 2)]]
)
def test_values_are_found_again(values: Any) -> None:
    part, found = factorised(values)
    assert [found[code] for code in part.codes] == [tuple(value) if isinstance(value, list) else value for value in values]
