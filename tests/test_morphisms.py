"""Morphisms compute the same function, with other weights in another network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.fx import GraphModule

from archsearch.network.builder import Builder
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.network.morphisms import Morphed, MorphismError, add_skip, deepen, widen
from archsearch.ops import (
    Add,
    BatchNorm2d,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    MaxPoolIndices2d,
    Op,
    ReLU,
)
from archsearch.spaces.space import load_space
from tests.op_examples import EXAMPLES, INDICES


def trained_weights(genotype: Genotype) -> dict[str, torch.Tensor]:
    """Weights with batch norm statistics and scales that are not those of a fresh network."""
    network = compile_network(genotype, seed=1)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        for _ in range(3):
            network(*(torch.randn(8, *spec.shape) for spec in genotype.inputs))
        for parameter in network.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return network.state_dict()


def assert_same_function(genotype: Genotype, weights: dict[str, torch.Tensor], morphed: Morphed) -> None:
    outputs = []
    inputs = [torch.randn(4, *spec.shape, generator=torch.Generator().manual_seed(3)) for spec in genotype.inputs]
    for shape, state in ((genotype, weights), (morphed.genotype, morphed.weights)):
        network = compile_network(shape).eval()
        network.load_state_dict(state)
        with torch.inference_mode():
            outputs.append(network(*inputs))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-4, atol=1e-4)


def residual_network() -> Genotype:
    b = Builder((3, 9, 9))
    x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(6, bias=False), b.input, name="stem")))
    y = b(BatchNorm2d(), b(DepthwiseConv2d(), b(ReLU(), b(Conv2d(6), x, name="inner"))))
    x = b(MaxPool2d(2), b(Add(), x, y, name="sum"))
    x = b(Flatten(), x)
    return b.genotype(b(Linear(5), b(ReLU(), b(Linear(7), x, name="hidden")), name="head"))


@pytest.mark.parametrize(("name", "channels"), [("stem", 9), ("inner", 17), ("hidden", 8)])
def test_widen_keeps_the_function(name: str, channels: int) -> None:
    genotype = residual_network()
    weights = trained_weights(genotype)
    before = {key: tensor.clone() for key, tensor in weights.items()}
    morphed = widen(genotype, weights, name, channels, np.random.default_rng(0))
    assert_same_function(genotype, weights, morphed)
    specs = dict(zip(morphed.genotype.value_names, morphed.genotype.specs, strict=True))
    assert specs[name].channels == channels
    assert (specs["sum"].channels == channels) == (name in ("stem", "inner")), "what meets in an add widens together"
    for key, tensor in before.items():
        assert torch.equal(tensor, weights[key])


def test_copies_part_in_training() -> None:
    genotype = residual_network()
    morphed = widen(genotype, trained_weights(genotype), "hidden", 14, np.random.default_rng(0))
    network = compile_network(morphed.genotype)
    network.load_state_dict(morphed.weights)
    network(torch.randn(8, 3, 9, 9)).square().sum().backward()
    gradient = network.hidden.weight.grad
    assert len({tuple(row.tolist()) for row in gradient if row.any()}) == sum(bool(row.any()) for row in gradient)


def amid(op: Op, shapes: tuple[tuple[int, ...], ...]) -> Genotype | None:
    """The op between learned maps that read and make images or vectors; None where it takes or makes something else."""
    b = Builder(*shapes)
    makers = [b(Conv2d(x.shape[0], 1) if len(x.shape) == 3 else Linear(x.shape[0]), x, name=f"first{i}") for i, x in enumerate(b.inputs)]
    reads = [b(MaxPoolIndices2d(1), x) if place in INDICES.get(op.kind, ()) else x for place, x in enumerate(makers)]
    x = b(op, *reads, name="amid")
    if op.integer or len(x.shape) not in (1, 3):
        return None
    return b.genotype(b(Conv2d(4, 1) if len(x.shape) == 3 else Linear(4), x))


def lively(genotype: Genotype) -> GraphModule:
    """The network in float64, with any weights and statistics."""
    network, generator = compile_network(genotype).double().eval(), torch.Generator().manual_seed(1)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and "index" not in name:
            low = 0.5 if name.endswith("running_var") else -1.0
            tensor.copy_(low + 1.5 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return network


WIDENED = {
    "add", "avg_pool2d", "batch_norm1d", "batch_norm2d", "depthwise_conv2d", "dropout", "frozen_batch_norm2d", "instance_norm2d",
    "max_pool2d", "max_unpool2d", "prelu", "relu", "scale", "upsample", "conv2d", "linear", "flatten", "separable_conv2d",
    "conv_transpose2d",
}  # fmt: skip


def test_widen_keeps_the_function_past_every_kind_of_op() -> None:
    widened = set()
    for kind, cases in EXAMPLES.items():
        for op, shapes in cases:
            genotype = amid(op, shapes) if all(len(shape) in (1, 3) for shape in shapes) else None
            for name in ["first0", "amid"] if genotype is not None else []:
                network = lively(genotype)
                width = genotype.specs[genotype.value_names.index(name)].channels
                try:
                    wide, weights = widen(genotype, network.state_dict(), name, width + 3, np.random.default_rng(0))
                except MorphismError:  # the op mixes channels in a way of its own
                    continue
                wider = compile_network(wide).double().eval()
                wider.load_state_dict(weights)
                inputs = [torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) for shape in shapes]
                with torch.no_grad():
                    torch.testing.assert_close(wider(*inputs), network(*inputs), rtol=1e-9, atol=1e-9, msg=f"{op} {shapes} {name}")
                widened.add(kind)
    assert widened >= WIDENED


@pytest.mark.parametrize(("space", "settings"), [("cell", {"cells": 1, "channels": 4}), ("chain", {"input": (3, 16, 16)})])
def test_morphisms_keep_the_function_of_networks_of_the_spaces(space: str, settings: dict) -> None:
    loaded, widened = load_space(space, **settings), 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        genotype = loaded.sample(rng).genotype
        weights = trained_weights(genotype)
        names = [node.name for node in genotype.nodes]
        assert_same_function(genotype, weights, deepen(genotype, weights, str(rng.choice(names))))
        name = str(rng.choice([node.name for node in genotype.nodes if node.op.channels_are() == "made"]))
        width = genotype.specs[genotype.value_names.index(name)].channels
        try:
            morphed = widen(genotype, weights, name, width + 3, rng)
        except MorphismError:  # the width would reach the end of the network
            continue
        assert_same_function(genotype, weights, morphed)
        widened += 1
    assert widened >= 4


def test_add_skip_and_deepen_keep_the_function_and_can_be_piled_up() -> None:
    genotype = residual_network()
    weights = trained_weights(genotype)
    morphed = add_skip(genotype, weights, "stem", "sum")
    for step in (
        lambda m: deepen(*m, "sum_add", kernel=5),
        lambda m: deepen(*m, "hidden"),
        lambda m: add_skip(*m, "hidden", "hidden_deeper"),
        lambda m: deepen(*m, "hidden"),
        lambda m: widen(*m, "stem", 8, np.random.default_rng(1)),
    ):
        morphed = step(morphed)
        assert_same_function(genotype, weights, morphed)
    assert "hidden_deeper_1" in morphed.genotype.value_names


REFUSED: list[tuple[Callable[[Genotype, dict], object], str]] = [
    (lambda g, w: widen(g, w, "stm", 9, np.random.default_rng(0)), "no node 'stm'; did you mean stem"),
    (lambda g, w: widen(g, w, "stem", 6, np.random.default_rng(0)), "has 6 channels already; channels=6 must be more"),
    (lambda g, w: widen(g, w, "head", 9, np.random.default_rng(0)), "would reach 'head', an input or output"),
    (lambda g, w: deepen(g, w, "stem", kernel=4), "kernel=4 has no middle; use an odd one"),
    (lambda g, w: add_skip(g, w, "sum", "stem"), "'sum' must come before 'stem'"),
    (lambda g, w: add_skip(g, w, "stem", "hidden"), "must have one image size; choose nodes of one stage"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_cannot_keep_the_function_is_refused(change: Callable[[Genotype, dict], object], message: str) -> None:
    genotype = residual_network()
    with pytest.raises(MorphismError, match=message):
        change(genotype, trained_weights(genotype))


def test_a_concat_stands_in_the_way() -> None:
    b = Builder((3, 5, 5))
    x = b(Concat(), b(Conv2d(4), b.input, name="a"), b(Conv2d(4), b.input), name="join")
    genotype = b.genotype(b(Flatten(), b(GlobalAvgPool2d(), x)))
    with pytest.raises(MorphismError, match=r"'join' \(concat\) stands in the way"):
        widen(genotype, trained_weights(genotype), "a", 9, np.random.default_rng(0))
