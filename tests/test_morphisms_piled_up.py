"""Larger kernels and branches keep the function exactly, and so do all kinds of morphisms one upon the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from archsearch import Builder, Genotype, compile_network, load_space, zoo
from archsearch import ops as o
from archsearch.network.morphisms import Morphed, MorphismError, add_branch, add_skip, deepen, grow_kernel, widen
from archsearch.network.passes import canonicalise
from archsearch.ops.base import pair
from tests.op_examples import EXAMPLES

BIT = 1e-9
GROWN = [kind for kind, cases in EXAMPLES.items() if cases[0][0].kernel_tensors]


def alive(genotype: Genotype, seed: int = 1) -> GraphModule:
    """The network in float64, with scales, shifts and statistics of norms that are not those of a fresh one."""
    network, generator = compile_network(genotype, seed).double().eval(), torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and (tensor.dim() == 1 or name.endswith("bias")):
            low = 0.5 if name.endswith(("running_var", "weight")) else -0.5
            tensor.copy_(low + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return network


def results(network: GraphModule, genotype: Genotype) -> tuple[Tensor, ...]:
    inputs = [torch.randn(2, *spec.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64) for spec in genotype.inputs]
    with torch.inference_mode():
        found = network(*inputs)
    return found if isinstance(found, tuple) else (found,)


def assert_exact(genotype: Genotype, network: GraphModule, morphed: Morphed) -> None:
    """The changed network gives what the network gives, to 1e-9 of its largest number, in float64; and that is not always the same."""
    changed = compile_network(morphed.genotype).double().eval()
    changed.load_state_dict(morphed.weights)
    for one, other in zip(results(network, genotype), results(changed, genotype), strict=True):
        assert not torch.equal(one[0], one[1])
        largest = float(one.abs().max())
        torch.testing.assert_close(other / largest, one / largest, rtol=0, atol=BIT)


def between(op: o.Op, shape: tuple[int, ...]) -> Genotype:
    """The op, and one more that reads it."""
    b = Builder(shape)
    x = b(op, b.input, name="amid")
    return b.genotype(b(o.Sigmoid(), x))


@pytest.mark.parametrize("kind", GROWN)
def test_a_kernel_grows_and_the_function_stays(kind: str) -> None:
    for op, shapes in EXAMPLES[kind]:
        genotype = between(op, *shapes)
        network = alive(genotype)
        high, wide = pair(op.kernel)
        for kernel in ((high + 2, wide + 2), (high, wide + 4))[: 1 if kind == "pyramid_conv2d" else 2]:
            morphed = grow_kernel(genotype, network.state_dict(), "amid", kernel)
            assert pair(morphed.genotype.nodes[0].op.kernel) == kernel
            assert morphed.genotype.specs == genotype.specs
            assert_exact(genotype, network, morphed)


def test_every_convolution_grows_but_those_that_cannot() -> None:
    kernels = {kind for kind, cases in EXAMPLES.items() if hasattr(cases[0][0], "kernel") and "pool" not in kind}
    assert kernels - set(GROWN) == {"weight_standard_conv2d", "unfold2d"}


def test_a_grown_kernel_is_written_as_one_of_that_size() -> None:
    b = Builder((3, 9, 9))
    genotype = b.genotype(b(o.Conv2d(4, 3, dilation=2), b.input, name="conv"))
    morphed = grow_kernel(genotype, alive(genotype).state_dict(), "conv", 7)
    assert morphed.genotype.nodes[0].op == o.Conv2d(4, 7, dilation=2)


def test_nodes_with_common_weights_grow_together() -> None:
    b = Builder((4, 8, 8))
    first = b(o.Conv2d(4), b.input, name="step")
    genotype = b.genotype(b(o.Conv2d(4), b(o.ReLU(), first), name="again", weights=first))
    network = alive(genotype)
    for name in ("step", "again"):
        morphed = grow_kernel(genotype, network.state_dict(), name, 5)
        assert [node.op for node in morphed.genotype.nodes] == [o.Conv2d(4, 5), o.ReLU(), o.Conv2d(4, 5)]
        assert_exact(genotype, network, morphed)


def network_of_stages() -> Genotype:
    b = Builder((3, 12, 12))
    x = b(o.ReLU(), b(o.BatchNorm2d(), b(o.Conv2d(6, bias=False), b.input, name="stem")), name="first")
    y = b(o.BatchNorm2d(), b(o.DepthwiseConv2d(), b(o.Conv2d(8, stride=2), x, name="half")), name="second")
    y = b(o.PReLU(each=True), b(o.MaxPool2d(2), y), name="small")
    z = b(o.Linear(7), b(o.Flatten(), y), name="hidden")
    return b.genotype(b(o.Linear(5), b(o.ReLU(), z), name="head"), b(o.GlobalAvgPool2d(), x))


BRANCHES: list[tuple[str, str, list[o.Op] | None]] = [
    ("stem", "first", None),
    ("x", "first", None),
    ("first", "second", None),
    ("first", "small", None),
    ("hidden", "head", None),
    ("stem", "half", [o.Conv2d(4, 5, 2), o.BatchNorm2d(), o.ReLU(), o.Conv2d(8, 1), o.BatchNorm2d()]),
    ("second", "hidden", [o.GlobalAvgPool2d(), o.Flatten(), o.Linear(7), o.BatchNorm1d()]),
]


@pytest.mark.parametrize(("source", "target", "ops"), BRANCHES)
def test_a_branch_starts_silent_and_learns(source: str, target: str, ops: list[o.Op] | None) -> None:
    genotype = network_of_stages()
    network = alive(genotype)
    morphed = add_branch(genotype, network.state_dict(), source, target, np.random.default_rng(0), ops)
    assert_exact(genotype, network, morphed)
    assert_learns(morphed)


@pytest.mark.parametrize(("source", "target"), [("x", "stem"), ("stem", "half"), ("first", "second"), ("first", "small")])
def test_a_branch_set_beside_is_not_heard_and_learns(source: str, target: str) -> None:
    genotype = network_of_stages()
    network = alive(genotype)
    if target == "stem":  # it is read by an output too
        genotype = replace(genotype, outputs=genotype.outputs[:1])
        network = alive(genotype)
    morphed = add_branch(genotype, network.state_dict(), source, target, np.random.default_rng(0), join="concat")
    assert_exact(genotype, network, morphed)
    assert_learns(morphed)


def assert_learns(morphed: Morphed, part: str = "branch") -> None:
    """After some steps every weight of the nodes with this in their names has moved, and none is no number."""
    network = compile_network(morphed.genotype)
    network.load_state_dict(morphed.weights)
    before = {name: p.detach().clone() for name, p in network.named_parameters() if part in name}
    assert before
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for step in range(3):
        found = network(torch.randn(16, *morphed.genotype.inputs[0].shape, generator=torch.Generator().manual_seed(step)))
        loss = sum(value.square().mean() for value in (found if isinstance(found, tuple) else (found,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter).all()
        if name in before and name.endswith("weight"):
            assert not torch.equal(parameter, before[name]), name


def test_what_is_given_stays_as_it_is() -> None:
    genotype = network_of_stages()
    weights = alive(genotype).state_dict()
    before = {name: tensor.clone() for name, tensor in weights.items()}
    add_branch(genotype, weights, "stem", "half", np.random.default_rng(0), join="concat")
    grow_kernel(genotype, weights, "half", 5)
    assert weights.keys() == before.keys()
    assert all(torch.equal(weights[name], before[name]) for name in before)


def with_places() -> Genotype:
    b = Builder((3, 8, 8))
    x = b(o.Conv2d(4), b.input, name="conv")
    places = b(o.MaxPoolIndices2d(2), x, name="places")
    return b.genotype(b(o.MaxUnpool2d(2), b(o.MaxPool2d(2), x, name="pool"), places))


RNG = np.random.default_rng(0)
REFUSED: list[tuple[Callable[[Genotype, dict], object], str]] = [
    (lambda g, w: grow_kernel(g, w, "half", 4), "has kernel 3x3, got 4x4; grow by even numbers, as to 5x5"),
    (lambda g, w: grow_kernel(g, w, "half", 3), "has kernel 3x3, got 3x3"),
    (lambda g, w: grow_kernel(g, w, "half", (5, 1)), "has kernel 3x3, got 5x1"),
    (lambda g, w: grow_kernel(g, w, "head", 5), r"'head' \(linear\) has no kernel"),
    (lambda g, w: add_branch(g, w, "second", "stem", RNG), "'second' must come before 'stem'"),
    (lambda g, w: add_branch(g, w, "stem", "second", RNG, []), "the last op must be zero where its weights are"),
    (lambda g, w: add_branch(g, w, "stem", "second", RNG, [o.ReLU()]), "let it be one of conv2d, conv_transpose2d"),
    (lambda g, w: add_branch(g, w, "stem", "second", RNG, [o.Conv2d(8)]), "add needs equal shapes, got"),
    (lambda g, w: add_branch(g, w, "stem", "hidden", RNG), r"give the ops that lead from \(6, 12, 12\) to \(7,\)"),
    (lambda g, w: add_branch(g, w, "stem", "first", RNG, join="concat"), "would reach 'global_avg_pool2d', an output"),
    (lambda g, w: add_branch(g, w, "hidden", "nowhere", RNG), "no node 'nowhere'"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_cannot_keep_the_function_is_refused(change: Callable[[Genotype, dict], object], message: str) -> None:
    genotype = network_of_stages()
    with pytest.raises(MorphismError, match=message):
        change(genotype, alive(genotype).state_dict())


@pytest.mark.parametrize("change", [lambda g, w: deepen(g, w, "places"), lambda g, w: add_skip(g, w, "pool", "places")])
def test_places_of_maxima_are_no_features(change: Callable[[Genotype, dict], object]) -> None:
    genotype = with_places()
    with pytest.raises(MorphismError, match=r"'places' \(max_pool_indices2d\) makes places, not features"):
        change(genotype, compile_network(genotype).state_dict())


def random_change(genotype: Genotype, weights: dict[str, Tensor], rng: np.random.Generator) -> tuple[str, Morphed]:
    """One change of a random kind at random nodes. Raises MorphismError."""
    names = [node.name for node in genotype.nodes]
    one, other = sorted(rng.integers(len(names), size=2))
    kind = str(rng.choice(["deepen", "widen", "add_skip", "grow_kernel", "add", "concat"]))
    source, target = names[int(one)], names[int(other)]
    if kind == "deepen":
        return kind, deepen(genotype, weights, target, int(rng.choice([1, 3])))
    if kind == "add_skip":
        return kind, add_skip(genotype, weights, source, target)
    if kind == "widen":
        makers = [node.name for node in genotype.nodes if node.op.channels_are() == "made"]
        name = str(rng.choice(makers))
        return kind, widen(genotype, weights, name, genotype.specs[genotype.value_names.index(name)].width + 2, rng)
    if kind == "grow_kernel":
        convs = [node for node in genotype.nodes if node.op.kernel_tensors]
        node = convs[int(rng.integers(len(convs)))]
        high, wide = pair(node.op.kernel)
        return kind, grow_kernel(genotype, weights, node.name, (high + 2, wide + 2))
    return kind, add_branch(genotype, weights, source, target, rng, join=kind)


def cell(seed: int) -> Genotype:
    return canonicalise(load_space("cell", cells=1, channels=4, input=(3, 8, 8)).sample(np.random.default_rng(seed)).genotype)


NETWORKS: dict[str, Callable[[], Genotype]] = {
    "stages": network_of_stages,
    "resnet20": lambda: zoo.build("resnet20_cifar", input=(3, 16, 16), classes=10),
    "squeezenet": lambda: zoo.build("squeezenet1_1", input=(3, 32, 32), classes=10),
    "mobilenet": lambda: zoo.build("mobilenet_v1_x0_25", input=(3, 32, 32), classes=10),
    "lenet": lambda: zoo.build("lenet5", input=(1, 32, 32), classes=10),
    "vit": lambda: zoo.build("deit_ti_16", input=(3, 32, 32), classes=10),
    **{f"cell{seed}": lambda seed=seed: cell(seed) for seed in range(4)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_twenty_changes_one_upon_the_other_keep_the_function(name: str) -> None:
    genotype, rng = NETWORKS[name](), np.random.default_rng([0, *name.encode()])
    network = alive(genotype)
    morphed, done = Morphed(genotype, network.state_dict()), list[str]()
    for _ in range(2000):
        try:
            kind, morphed = random_change(*morphed, rng)
        except MorphismError:
            continue
        done.append(kind)
        if len(done) == 20:
            break
    assert len(done) == 20
    assert len(set(done)) >= 3, done
    assert_exact(genotype, network, morphed)
