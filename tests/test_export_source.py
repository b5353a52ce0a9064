"""Exported source reads as a person writes it, and computes the same whatever scopes, names and shared weights a network has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch import Builder, Genotype, Value, compile_network
from archsearch import ops as o
from archsearch.exporters import gather, source_text
from archsearch.network.node import Node
from benchmarks.exported import module_of
from tests.strategies_hypothesis import genotypes


def assert_computes_the_same(genotype: Genotype) -> str:
    """Exported source loads the network's weights by the same names in the same order, and computes the same; its classes."""
    network = compile_network(genotype, seed=1).eval()
    text = source_text(gather(genotype, network.state_dict()))
    ours = module_of(text).Network()
    assert list(ours.state_dict()) == list(network.state_dict())
    ours.load_state_dict(network.state_dict())
    batch = [torch.randn(2, *spec.shape, generator=torch.Generator().manual_seed(0)) for spec in genotype.inputs]
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(*batch), network(*batch), rtol=0, atol=0, equal_nan=True)
    return text[text.index("EXPECTED") : text.index("def load(")]


def conv_norm(b: Builder, x: Value, channels: int, stride: int = 1) -> Value:
    return b(o.BatchNorm2d(), b(o.Conv2d(channels, 3, stride, bias=False), x, name="conv"), name="norm")


def block(b: Builder, x: Value, channels: int, stride: int = 1, shortcut: bool = True) -> Value:
    y = conv_norm(b, x, channels, stride)
    if stride > 1:
        with b.scope("down"):
            x = b(o.Conv2d(channels, 1, stride), x, name="0")
    return b(o.ReLU(), b(o.Add(), y, x) if shortcut else y)


def blocks(*strides: int, scope: str = "body", shortcuts: tuple[bool, ...] = ()) -> Genotype:
    b = Builder((4, 8, 8))
    x = b.input
    with b.scope(scope):
        for number, stride in enumerate(strides):
            with b.scope(str(number)):
                x = block(b, x, 4 * stride, stride, not shortcuts or shortcuts[number])
    return b.genotype(x)


def test_equal_scopes_in_a_row_are_a_loop_over_one_class():
    text = assert_computes_the_same(blocks(1, 1, 1, 1))
    assert text.count("class ") == 2
    assert "self.body = nn.Sequential(*(ResidualBlock() for _ in range(4)))" in text
    assert "return F.relu(self.norm(self.conv(x)) + x)" not in text
    assert "        y = self.norm(self.conv(x))\n        return F.relu(y + x)\n" in text


def test_numbers_that_differ_are_parameters_and_parts_that_some_lack_are_optional():
    b = Builder((4, 8, 8))
    x = b.input
    for number, (channels, stride) in enumerate(((4, 1), (4, 1), (8, 2), (16, 2))):
        with b.scope(f"stage{number}"):
            x = block(b, x, channels, stride)
    text = assert_computes_the_same(b.genotype(x))
    assert text.count("class ") == 2
    assert "def __init__(self, in_channels: int, out_channels: int, stride: int = 1, down: bool = False) -> None:" in text
    assert "if down else nn.Identity()" in text
    assert [line.strip() for line in text.splitlines() if "self.stage" in line and "=" in line and "x)" not in line] == [
        "self.stage0 = ResidualBlock(4, 4)",
        "self.stage1 = ResidualBlock(4, 4)",
        "self.stage2 = ResidualBlock(4, 8, stride=2, down=True)",
        "self.stage3 = ResidualBlock(8, 16, stride=2, down=True)",
    ]


def test_a_sum_that_some_lack_is_optional():
    b = Builder((4, 8, 8))
    x = b.input
    for number, shortcut in enumerate((True, False, True)):
        with b.scope(f"block{number}"):
            with b.scope("conv"):
                y = conv_norm(b, x, 4)
            x = b(o.Add(), y, x) if shortcut else y
    text = assert_computes_the_same(b.genotype(x))
    assert "return y + x if self.residual else y" in text
    assert "self.block0 = ResidualBlock(residual=True)" in text
    assert "self.block1 = ResidualBlock()" in text


@pytest.mark.parametrize("sum_first", [True, False])
def test_where_a_sum_is_missing_its_other_operand_goes_on_whatever_its_place(sum_first: bool):
    b = Builder((4, 8, 8))
    x = b.input
    for number, shortcut in enumerate((True, False, True)):
        with b.scope(f"stage{number}"):
            beside = b(o.Conv2d(6, 1), x, name="shortcut") if shortcut else x
            y = b(o.ReLU(), conv_norm(b, x, 6))
            operands = (beside, y) if sum_first else (y, beside)
            x = b(o.MaxPool2d(2), b(o.Add(), *operands) if shortcut else y)
    text = assert_computes_the_same(b.genotype(x))
    assert text.count("class ") == 2


def test_scopes_that_lack_other_operands_of_a_sum_are_other_classes():
    b = Builder((4, 8, 8))
    x = b.input
    for number, lacking in enumerate(("none", "first", "second")):
        with b.scope(f"stage{number}"):
            first = x if lacking == "first" else b(o.Conv2d(4, 1), x, name="first")
            second = x if lacking == "second" else b(o.Conv2d(4, 3), x, name="second")
            whole = b(o.Add(), first, second) if lacking == "none" else second if lacking == "first" else first
            x = b(o.MaxPool2d(2), b(o.Sigmoid(), whole))
    assert_computes_the_same(b.genotype(x))


def test_layers_that_read_all_before_them_are_called_in_a_loop():
    b = Builder((2, 4, 4))
    values = [b.input]
    with b.scope("dense"):
        for number in range(4):
            with b.scope(f"layer{number}"):
                values.append(b(o.Conv2d(3, 3), b(o.Concat(), *values), name="conv"))
        x = b(o.Concat(), *values)
    text = assert_computes_the_same(b.genotype(b(o.ReLU(), x)))
    assert "values.append(layer(*values))" in text
    assert "def forward(self, *values: Tensor)" in text


def test_a_chain_of_numbered_layers_is_a_sequential_network():
    b = Builder((4,))
    x = b(o.Linear(8), b.input, name="0")
    x = b(o.Linear(2), b(o.ReLU(), x, name="1"), name="2")
    text = assert_computes_the_same(b.genotype(x))
    assert "class Network(nn.Sequential):" in text
    assert "super().__init__(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))" in text


def test_scopes_that_take_turns_hold_their_layers_in_dicts_and_lists():
    b = Builder((4,))
    x = b.input
    for number in range(3):
        for side in ("left", "right"):
            x = b(o.Linear(4), x, name=f"{side}/{number if side == 'left' else f'step{number}'}")
    text = assert_computes_the_same(b.genotype(x))
    assert "self.left = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)])" in text
    assert 'self.right = nn.ModuleDict({"step0": nn.Linear(4, 4), ' in text
    assert 'return self.right["step2"](x)' in text


def test_one_layer_that_is_called_twice_is_one():
    b = Builder((4,), (4,))
    with b.scope("head"):
        first = b(o.Linear(4), b.inputs[0], name="fc")
    with b.scope("other"):
        second = b(o.Linear(4), b.inputs[1], name="fc", weights=first)
    text = assert_computes_the_same(b.genotype(b(o.Concat(), first, second)))
    assert text.count("nn.Linear(4, 4)") == 1
    assert text.count('self.head["fc"](') == 2


@pytest.mark.parametrize("name", ["keys", "pop", "append", "values", "forward", "lambda", "__mine", "7", "training", "self", "0a"])
def test_names_that_python_or_torch_have_taken_still_load(name: str):
    b = Builder((4,))
    x = b(o.Linear(4), b.input, name=f"top/{name}")
    x = b(o.Linear(4), b(o.ReLU(), x, name="mid/relu"), name=f"mid/{name}")
    x = b(o.Linear(4), x, name="top/last")
    x = b(o.Dropout(0.5), x, name="mid/out")
    x = b(o.Linear(4), b(o.Linear(4), x, name=f"3/{name}"), name="between")
    x = b(o.Linear(4), x, name="3/last")
    assert_computes_the_same(b.genotype(b(o.Linear(4), x, name=name)))


def test_names_in_the_file_are_nobody_elses():
    b = Builder((4,))
    x = b.input
    for number in range(2):
        for scope in ("network", "tensor", "load", "path", "nn"):
            with b.scope(f"{scope}{number}"):
                y = b(o.Linear(4), x, name="a")
                x = b(o.Add(), b(o.Linear(4), y, name="b"), x)
    text = assert_computes_the_same(b.genotype(x))
    assert "class Network2(nn.Module)" in text or text.count("class Network(") == 1


PARTS = st.sampled_from(["a", "b", "0", "1", "keys", "conv1"])


@st.composite
def scoped(draw: Callable[..., object]) -> Genotype:
    """A random network with nodes in random scopes, some of which use the weights of others with the same op and input."""
    genotype = draw(genotypes())
    names: dict[str, None] = {}
    for number, node in enumerate(genotype.nodes):
        parts = draw(st.lists(PARTS, max_size=3))
        names["/".join([*parts, f"{node.op.kind}{number}" if draw(st.booleans()) else f"{number + 10}"])] = None
    nodes, seen = [], {}
    for position, (node, name) in enumerate(zip(genotype.nodes, names, strict=True)):
        key = (node.op, tuple(genotype.specs[value] for value in node.inputs))
        learned = genotype.facts[position].cost.params + genotype.facts[position].cost.buffers
        holder = seen.setdefault(key, name) if learned and draw(st.booleans()) else name
        nodes.append(Node(node.op, node.inputs, name, "" if holder == name else holder))
    return Genotype(genotype.inputs, tuple(nodes), genotype.outputs)


@given(scoped())
@settings(max_examples=25)
def test_any_network_is_written_right(genotype: Genotype):
    assert_computes_the_same(genotype)


@pytest.mark.slow
@given(scoped())
@settings(max_examples=150)
def test_any_of_many_networks_is_written_right(genotype: Genotype):
    assert_computes_the_same(genotype)
