"""A network takes over what its parent has learned: all of it where a morphism leads from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from archsearch import Builder, Genotype, Op, TensorSpec, compile_network, load_space, register, zoo
from archsearch import ops as o
from archsearch.network.inheritance import Inherited, inherit
from archsearch.network.morphisms import Morphed, MorphismError, deepen
from archsearch.network.node import renamed
from archsearch.network.passes import canonicalise
from archsearch.spaces.catalogue import Catalogue
from tests.test_common_weights import scales, siamese
from tests.test_morphisms_piled_up import NETWORKS, alive, assert_exact, assert_learns, network_of_stages, random_change


def inherited(child: Genotype, parent: Genotype, weights: dict[str, Tensor]) -> Inherited:
    """What the child takes over, held against what must hold of any two networks."""
    fresh = alive(child, seed=7).state_dict()
    before = {name: tensor.clone() for name, tensor in (weights | fresh).items()}
    found = inherit(child, parent, weights, fresh)
    assert list(found.weights) == list(fresh)
    assert sum(found.elements) == sum(tensor.numel() for tensor in fresh.values())
    assert all(torch.equal(tensor, before[name]) for name, tensor in (weights | fresh).items()), "what is given stays as it is"
    again = inherit(child, parent, weights, fresh).weights
    assert all(torch.equal(tensor, again[name]) for name, tensor in found.weights.items())
    return found


def assert_function_stays(child: Genotype, parent: Genotype) -> Inherited:
    """The child computes what the parent does, to 1e-9."""
    network = alive(parent)
    found = inherited(child, parent, network.state_dict())
    assert_exact(parent, network, Morphed(child, found.weights))
    return found


@pytest.mark.parametrize("genotype", [network_of_stages(), siamese(), scales(), NETWORKS["resnet20"]()])
def test_the_same_network_takes_all(genotype: Genotype) -> None:
    found = assert_function_stays(genotype, genotype)
    assert found.share == 1
    assert (found.elements.morphed, found.elements.fresh, found.nodes.fresh) == (0, 0, 0)
    assert str(found) == "100 % of the weights from the parent"


@pytest.mark.parametrize("genotype", [network_of_stages(), siamese(), scales(), NETWORKS["squeezenet"]()])
def test_names_do_not_matter(genotype: Genotype) -> None:
    nodes = renamed(genotype.nodes, [f"n{i}" for i in range(len(genotype.nodes))])
    other = canonicalise(Genotype(genotype.inputs, tuple(nodes), genotype.outputs))
    assert assert_function_stays(other, genotype).share == 1


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "vit"])
def test_where_a_morphism_leads_the_function_stays(name: str) -> None:
    parent, rng, done = NETWORKS[name](), np.random.default_rng([1, *name.encode()]), set[str]()
    weights = alive(parent).state_dict()
    for _ in range(40):
        try:
            kind, morphed = random_change(parent, weights, rng)
        except MorphismError:
            continue
        if kind not in done:
            assert_function_stays(morphed.genotype, parent)
            done.add(kind)
    assert len(done) >= 3


def stacked(first: o.Op, second: o.Op, norm: bool = False) -> Genotype:
    b = Builder((4, 9, 9))
    x = b(first, b.input, name="first")
    x = b(o.ReLU(), b(o.BatchNorm2d(), x, name="norm") if norm else x)
    return b.genotype(b(second, x, name="second"))


def test_a_kernel_is_cut_to_its_middle() -> None:
    parent, child = stacked(o.Conv2d(4, 5), o.DepthwiseConv2d(7)), stacked(o.Conv2d(4, 3), o.DepthwiseConv2d((3, 7)))
    network = alive(parent)
    weights = network.state_dict()
    for tensor in (weights["first.weight"][..., 0, :], weights["first.weight"][..., :, [0, 4]], weights["first.weight"][..., 4, :]):
        tensor.zero_()
    weights["first.weight"][..., [0, 4]] = 0
    weights["second.weight"][..., [0, 1, 5, 6], :] = 0
    found = inherited(child, parent, weights)
    assert_exact(parent, network, Morphed(child, found.weights))
    assert (found.elements.kept, found.elements.fresh) == (8, 0)
    assert found.share == 1


def residual(width: int) -> Genotype:
    b = Builder((3, 8, 8))
    x = b(o.ReLU(), b(o.BatchNorm2d(), b(o.Conv2d(width, bias=False), b.input, name="stem"), name="norm"))
    y = b(o.PReLU(each=True), b(o.SeparableConv2d(width), x, name="inner"), name="slope")
    x = b(o.Mul(), b(o.Add(), x, y), b(o.Sigmoid(), b(o.Conv2d(width, 1), b(o.GlobalAvgPool2d(), x), name="gate")))
    x = b(o.Concat(), b(o.MaxPool2d(2), x), b(o.Conv2d(2, 3, 2), b.input, name="beside"))
    return b.genotype(b(o.Linear(5), b(o.Flatten(), x), name="head"))


def test_of_fewer_channels_those_with_the_largest_weights_stay_wherever_they_meet() -> None:
    parent, child = residual(7), residual(5)
    network = alive(parent)
    weights = network.state_dict()
    gone = [1, 4]
    for name, tensor in weights.items():
        if name.split(".")[0] in ("stem", "norm", "slope", "gate", "inner") and tensor.dim() and len(tensor) == 7:
            tensor[gone] = 1.0 if name.endswith("running_var") else 0.0
    found = inherited(child, parent, weights)
    assert_exact(parent, network, Morphed(child, found.weights))
    assert found.share == 1
    assert torch.equal(found.weights["norm.running_mean"], weights["norm.running_mean"][[0, 2, 3, 5, 6]])


def test_more_channels_are_read_with_no_weight() -> None:
    found = assert_function_stays(residual(9), residual(7))
    assert found.nodes.fresh == 0
    assert (found.nodes.kept, found.nodes.morphed) == (1, 6)
    assert 0 < found.elements.fresh < found.elements.morphed
    assert str(found).endswith("% by morphism")


def test_what_was_normed_stays_normed() -> None:
    parent, child = stacked(o.Conv2d(4), o.Conv2d(4), norm=True), stacked(o.Conv2d(4, 5), o.Conv2d(4), norm=True)
    weights = alive(parent).state_dict()
    weights["norm.num_batches_tracked"] += 12
    found = inherited(child, parent, weights)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(found.weights[f"norm.{name}"], weights[f"norm.{name}"])


def test_a_bias_that_comes_starts_at_zero() -> None:
    assert_function_stays(stacked(o.Conv2d(4), o.SeparableConv2d(4)), stacked(o.Conv2d(4, bias=False), o.SeparableConv2d(4, bias=False)))


def test_what_is_put_in_before_the_output_starts_as_the_identity() -> None:
    parent = network_of_stages()
    child = deepen(parent, alive(parent).state_dict(), "head").genotype
    found = assert_function_stays(child, parent)
    assert found.nodes.fresh == 1


@pytest.mark.parametrize("change", ["kernel", "width"])
def test_common_weights_are_taken_once(change: str) -> None:
    def of(kernel: int, width: int) -> Genotype:
        b = Builder((3, 8, 8), (3, 8, 8))
        first = b(o.Conv2d(width, kernel), b.inputs[0], name="left")
        second = b(o.Conv2d(width, kernel), b.inputs[1], name="right", weights=first)
        return b.genotype(b(o.Conv2d(2, 1), b(o.Mul(), first, second), name="end"))

    if change == "kernel":
        assert assert_function_stays(of(5, 4), of(3, 4)).share == 1
    else:
        found = inherited(of(3, 6), of(3, 4), alive(of(3, 4)).state_dict())
        assert found.nodes.fresh == 1, "nobody knows what both uses need"
    assert inherited(of(3, 4), siamese(), alive(siamese()).state_dict()).nodes.fresh >= 1


def test_networks_that_have_nothing_in_common_have_nothing_of_each_other() -> None:
    parent = stacked(o.Conv2d(4), o.Conv2d(4))
    b = Builder((6,))
    child = b.genotype(b(o.Linear(3), b.input))
    fresh = alive(child).state_dict()
    found = inherit(child, parent, alive(parent).state_dict(), fresh)
    assert found.share == 0
    assert (found.nodes.fresh, str(found)) == (1, "0 % of the weights from the parent")
    assert all(found.weights[name] is tensor for name, tensor in fresh.items())


def test_weights_that_are_missing_are_fresh() -> None:
    parent = network_of_stages()
    weights = {name: tensor for name, tensor in alive(parent).state_dict().items() if not name.startswith("half")}
    found = inherited(parent, parent, weights | {"of.another": torch.zeros(3)})
    assert found.nodes.fresh == 1
    assert "of.another" not in found.weights


@register("test_inheritance_twist")
@dataclass(frozen=True)
class Twist(Op):
    """An op of a user's own, with weights in a module inside its module, and no word on its channels."""

    features: int = 4

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((self.features,))

    def build(self, layers: Any, x: TensorSpec) -> Any:
        return layers.Sequential(layers.Linear(x.channels, 3), layers.Linear(3, self.features))


def test_own_ops_are_taken_where_their_tensors_fit() -> None:
    def of(features: int) -> Genotype:
        b = Builder((5,))
        return b.genotype(b(o.Linear(2), b(Twist(features), b.input, name="twist"), name="head"))

    assert assert_function_stays(of(4), of(4)).share == 1
    found = inherited(of(6), of(4), alive(of(4)).state_dict())
    assert found.elements.fresh >= 6 * 4


SPACES: list[tuple[str, dict[str, Any]]] = [
    ("cell", {"cells": 1, "channels": 4}),
    ("small_cell", {}),
    ("chain", {"input": (3, 16, 16)}),
    ("fabric", {}),
]


@pytest.mark.parametrize(("space", "settings"), SPACES)
def test_neighbours_in_a_space_share_most_weights(space: str, settings: dict[str, Any]) -> None:
    catalogue, rng, shares = Catalogue(load_space(space, **settings)), np.random.default_rng(0), list[float]()
    while len(shares) < 10:
        try:
            entry = catalogue.draw(rng)
            near = catalogue.neighbours(entry.choices)
            child = catalogue.genotype(catalogue.look_up(near[int(rng.integers(len(near)))]))
        except ValueError:  # no network
            continue
        parent = catalogue.genotype(entry)
        found = inherited(child, parent, alive(parent).state_dict())
        compile_network(child).double().load_state_dict(found.weights)
        shares.append(found.share)
    assert np.median(shares) > 0.7


CHANGES: list[tuple[str, str, bool]] = [
    ("none", "nor_conv_3x3", True),
    ("nor_conv_1x1", "nor_conv_3x3", True),
    ("none", "nor_conv_1x1", True),
    ("skip_connect", "nor_conv_3x3", False),
    ("avg_pool_3x3", "nor_conv_1x1", False),
    ("nor_conv_3x3", "none", False),
]


@pytest.mark.parametrize(("before", "after", "exact"), CHANGES)
def test_one_edge_of_a_cell_changes(before: str, after: str, exact: bool) -> None:
    space = load_space("cell", cells=1, channels=4, input=(3, 8, 8))
    edges = ["0->1", "0->2", "1->2", "0->3", "1->3", "2->3"]
    choices = dict(zip(edges, ["nor_conv_3x3", before, "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3"], strict=True))
    parent, child = (canonicalise(space.resolve(choices | {"0->2": op}, np.random.default_rng(0)).genotype) for op in (before, after))
    if exact:
        assert_function_stays(child, parent)
    else:
        found = inherited(child, parent, alive(parent).state_dict())
        assert found.nodes.fresh == (0 if after == "none" else 6), "a convolution and a norm in each of three cells"


@pytest.mark.parametrize(("one", "other"), [("resnet20_cifar", "resnet32_cifar"), ("mobilenet_v1_x0_25", "mobilenet_v1_x0_5")])
def test_relatives_in_the_zoo_fit(one: str, other: str) -> None:
    parent, child = (zoo.build(name, input=(3, 32, 32), classes=10) for name in (one, other))
    for a, b in ((parent, child), (child, parent)):
        found = inherited(b, a, alive(a).state_dict())
        compile_network(b).double().load_state_dict(found.weights)
        assert found.share > 0.2


def test_what_wakes_up_in_a_cell_starts_silent() -> None:
    """One edge is set, and with it the edges that read what it makes come to life."""
    space = load_space("cell", cells=1, channels=4, input=(3, 8, 8))
    edges = ["0->1", "0->2", "1->2", "0->3", "1->3", "2->3"]
    for later in ("skip_connect", "avg_pool_3x3"):
        choices = dict(zip(edges, ["none", "nor_conv_1x1", later, "skip_connect", later, "nor_conv_3x3"], strict=True))
        parent, child = (
            canonicalise(space.resolve(choices | {"0->1": op}, np.random.default_rng(0)).genotype) for op in ("none", "nor_conv_3x3")
        )
        found = assert_function_stays(child, parent)
        assert found.nodes.fresh == 6
        assert_learns(Morphed(child, found.weights), "edge01")


@pytest.mark.parametrize("later", ["nor_conv_1x1", "nor_conv_3x3"])
def test_norms_of_zeros_start_with_no_scale_when_something_comes(later: str) -> None:
    space = load_space("cell", cells=1, channels=4, input=(3, 8, 8))
    edges = ["0->1", "0->2", "1->2", "0->3", "1->3", "2->3"]
    choices = dict(zip(edges, ["none", "nor_conv_1x1", later, "skip_connect", later, "nor_conv_3x3"], strict=True))
    parent, child = (
        canonicalise(space.resolve(choices | {"0->1": op}, np.random.default_rng(0)).genotype) for op in ("none", "nor_conv_3x3")
    )
    found = assert_function_stays(child, parent)
    name = "stage1.cell.edge12.batch_norm2d.running_var"
    assert torch.equal(found.weights[name], alive(child, 7).state_dict()[name])
    assert_learns(Morphed(child, found.weights), "edge01")


def test_a_relu_behind_what_is_new_does_not_silence_it_for_ever() -> None:
    def of(beside: bool) -> Genotype:
        b = Builder((3, 8, 8))
        x = b(o.Conv2d(4), b.input, name="stem")
        y = b(o.ReLU(), b(o.BatchNorm2d(), b(o.Conv2d(4), x, name="branch_conv"), name="branch_norm")) if beside else None
        return b.genotype(b(o.Conv2d(2), x if y is None else b(o.Add(), x, y), name="head"))

    found = inherited(of(True), of(False), alive(of(False)).state_dict())
    assert_learns(Morphed(of(True), found.weights), "branch")
