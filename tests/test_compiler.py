"""Compiled networks: straight-line code that frees values, modules nested as names are, weights drawn by the seed alone."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

import archsearch
from archsearch import Builder, Genotype, Node, TensorSpec, compile_network, load_space, zoo
from archsearch import ops as o
from archsearch.exporters.source import class_text
from archsearch.network.compiler import RESERVED, module_path
from archsearch.support.randomness import seeded
from tests.meta_tracker import as_tuple
from tests.strategies_hypothesis import genotypes

QUICK = ("lenet5", "resnet18", "mobilenet_v2", "densenet121", "unet", "squeezenet1_0")


def reference() -> Genotype:
    """Two inputs, two outputs, a value read twice, a dead node, a gate and scopes."""
    b = Builder((3, 8, 8), (3, 8, 8))
    with b.scope("stem"):
        x = b(o.Concat(), *(b(o.ReLU(), b(o.Conv2d(2, bias=False), value)) for value in b.inputs))
    with b.scope("block"):
        gate = b(o.Sigmoid(), b(o.Conv2d(4, 1), b(o.GlobalAvgPool2d(), x)), name="gate")
        y = b(o.Add(), b(o.Mul(), x, gate), x, x)
        b(o.Tanh(), y, name="unused")
    with b.scope("head"):
        return b.genotype(b(o.Linear(3), b(o.Flatten(), y)), y)


def lines(genotype: Genotype) -> list[str]:
    """The body of forward."""
    code = compile_network(genotype).code
    return [line.strip() for line in code.splitlines() if line.strip() and not line.startswith("def")]


def test_code_of_the_reference_network(assert_golden: Callable[[str, str], None]) -> None:
    code = compile_network(reference()).code
    assert_golden("reference_network.py.txt", "\n".join(line.rstrip() for line in code.strip().splitlines()) + "\n")


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(genotypes())
def test_one_line_a_node_and_each_value_freed_after_its_last_use(genotype: Genotype) -> None:
    body = lines(genotype)
    assert len(body) == len(genotype.nodes) + 1
    assert body[-1].startswith("return ")
    last = {i: position for position, node in enumerate(genotype.nodes) for i in node.inputs}
    offset = len(genotype.inputs)
    for position, line in enumerate(body[:-1]):
        read = {i for i in genotype.nodes[position].inputs if last[i] == position}
        unused = {offset + position} - last.keys()
        assert line.count(" = ") - 1 == len((read | unused) - set(genotype.outputs)), line
        assert (" = None" in line) == bool((read | unused) - set(genotype.outputs))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(genotypes())
def test_outputs_have_the_inferred_shapes(genotype: Genotype) -> None:
    network = compile_network(genotype).eval()
    with torch.no_grad():
        result = network(*(torch.zeros(2, *spec.shape) for spec in genotype.inputs))
    assert isinstance(result, tuple) == (len(genotype.outputs) > 1)
    assert [tuple(value.shape) for value in as_tuple(result)] == [(2, *genotype.specs[i].shape) for i in genotype.outputs]


AWKWARD = [
    "class", "def", "None", "lambda", "training", "forward", "parameters", "children", "state_dict", "_modules",
    "T_destination", "dump_patches", "self", "torch", "type", "print", "graph", "code", "recompile", "x0",
    "relu_", "__init__", "1", "0a", "_", "add", "x_1", "match",
]  # fmt: skip


@pytest.mark.parametrize("name", [*AWKWARD, *(f"stage/{name}/conv" for name in AWKWARD)])
def test_any_name_compiles(name: str) -> None:
    nodes = (Node(o.Conv2d(2), (0,), name), Node(o.ReLU(), (1,), "last"))
    network = compile_network(Genotype((TensorSpec((2, 4, 4)),), nodes, (2,))).train()
    assert network(torch.zeros(2, 2, 4, 4)).shape == (2, 2, 4, 4)
    assert isinstance(network.get_submodule(module_path(name)), nn.Conv2d)
    assert {key.rpartition(".")[0] for key in network.state_dict()} == {module_path(name)}


def test_paths_keep_names_that_nothing_else_needs() -> None:
    assert module_path("stage1/block/conv") == "stage1.block.conv"
    assert module_path("stage/class/forward") == "stage.class_.forward_"
    assert "training" in RESERVED
    assert not any(keyword.iskeyword(part) for part in module_path("if/else/for").split("."))


def test_names_that_escape_to_the_same_path_stay_apart() -> None:
    nodes = (Node(o.Conv2d(2), (0,), "class"), Node(o.Conv2d(2), (1,), "class_"), Node(o.Conv2d(2), (2,), "class__"))
    network = compile_network(Genotype((TensorSpec((2, 4, 4)),), nodes, (3,)))
    assert len(list(network.parameters())) == 6
    assert sum(p.numel() for p in network.parameters()) == 3 * (2 * 2 * 9 + 2)


def test_equal_seeds_give_equal_weights_and_torchs_state_stays() -> None:
    genotype = load_space("cell", cells=1, channels=4).sample(np.random.default_rng(2)).genotype
    before = torch.random.get_rng_state()
    one, same, other = (compile_network(genotype, seed).state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(123)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert all(torch.equal(value, one[key]) for key, value in compile_network(genotype, 7).state_dict().items())
    assert not torch.equal(one["stem.conv2d.weight"], other["stem.conv2d.weight"])


def test_a_network_trains() -> None:
    network = compile_network(reference())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(16, 3, 8, 8, generator=generator), torch.arange(16) % 3
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images, images.flip(1))[0], labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def parts_in_order(genotype: Genotype) -> list[str]:
    """Paths of the nodes as a tree of scopes has them, each scope where its first node stands."""
    paths = [tuple(module_path(node.name).split(".")) for node in genotype.nodes]
    first: dict[tuple[str, ...], int] = {}
    for place, path in enumerate(paths):
        for depth in range(1, len(path) + 1):
            first.setdefault(path[:depth], place)
    return [".".join(path) for path in sorted(paths, key=lambda path: [first[path[:depth]] for depth in range(1, len(path) + 1)])]


def assert_one_order(genotype: Genotype) -> None:
    """Params of the network stand in the genotype's order, and so do those of its source."""
    variables: dict[str, object] = {"__name__": "model", "__file__": "model.py"}
    with torch.device("meta"):  # names alone count
        network = compile_network(genotype)
        exec(compile(class_text(genotype, network.state_dict()), "model.py", "exec"), variables)
        written = variables["Network"]()  # type: ignore[operator]
    found = [name for name, _ in network.named_parameters()]
    assert found == [f"{path}.{name}" for path in parts_in_order(genotype) for name, _ in network.get_submodule(path).named_parameters()]
    assert [name for name, _ in written.named_parameters()] == found
    assert list(written.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in zoo.names()])
def test_params_have_one_order_everywhere(name: str) -> None:
    assert_one_order(zoo.build(name))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(genotypes())
def test_params_of_any_network_have_one_order(genotype: Genotype) -> None:
    assert_one_order(genotype)


def test_an_optimiser_state_loads_onto_the_same_params() -> None:
    network = compile_network(zoo.build("resnet18", classes=10, input=(3, 32, 32)))
    names = [name for name, _ in network.named_parameters()]
    assert names[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert names[3] == "layer1.0.conv1.weight"
    assert names[-2:] == ["fc.weight", "fc.bias"]


class Seeds:
    """Stands where torch keeps the generators of two GPUs; they are real ones of the CPU."""

    def __init__(self) -> None:
        self.generators = tuple(torch.Generator().manual_seed(11 + place) for place in range(2))

    def states(self) -> list[list[int]]:
        return [generator.get_state().tolist() for generator in self.generators]


def test_seeded_leaves_all_random_states_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = Seeds()
    monkeypatch.setattr(torch.cuda, "default_generators", seeds.generators)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU was seeded"))
    before, on_cpu = seeds.states(), torch.get_rng_state()
    compile_network(reference(), seed=3)
    assert seeds.states() == before
    draws = []
    for _ in range(2):
        with seeded(5, torch.device("cuda", 1)):
            draws.append((torch.rand(3).tolist(), torch.rand(3, generator=seeds.generators[1]).tolist()))
            assert seeds.states()[0] == before[0]
    assert draws[0] == draws[1]
    with pytest.raises(RuntimeError, match="negative dimension"), seeded(7, torch.device("cuda", 1)):
        torch.rand(2, -1)
    assert seeds.states() == before
    assert torch.equal(torch.get_rng_state(), on_cpu)


def test_nobody_seeds_all_generators() -> None:
    for path in (Path(archsearch.__file__).parent).rglob("*.py"):
        for word in ("torch.manual_seed(", "fork_rng("):
            assert word not in path.read_text(), f"{path.name}: use randomness.seeded, which leaves every generator as it was"
