"""Spaces around a network: what they choose, and that every choice is a network."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given as given_by
from hypothesis import strategies as st
from torch import Tensor, nn

from archsearch import compile_network, load_space, search
from archsearch.cli.surrounding import around_command
from archsearch.design.edit import set_field
from archsearch.design.importer import import_network
from archsearch.evaluators.train import Train
from archsearch.network.genotype import Genotype
from archsearch.network.text_form import from_text, to_text
from archsearch.runs.search import resume
from archsearch.spaces.around import Variety, plan_of, space_source, variation
from archsearch.spaces.around.fitting import fitted
from archsearch.spaces.space import Pick, Space, SpaceError
from archsearch.strategies import Evolution
from archsearch.zoo import build
from tests.evaluators import Formula
from tests.runs import table
from tests.strategies_hypothesis import genotypes

NETWORKS = [
    "resnet18", "mobilenet_v2", "mobilenet_v3_small", "vgg11_bn", "densenet121", "vit_b_32", "unet_padded", "efficientnet_b0",
    "squeezenet1_0", "googlenet", "convnext_tiny", "shufflenet_v2_x0_5", "regnet_y_400mf", "fcn_resnet50", "resnext50_32x4d",
]  # fmt: skip
SMALL = [
    "resnet20_cifar", "shufflenet_v1_g3", "mixer_s32", "swin_t", "dpn68", "lenet5_1998", "resnest50d", "segnet_basic",
    "fasterrcnn_resnet50_fpn", "perceptron",
]  # fmt: skip
LARGE = ["hrnet_w18", "darts_v2_cifar_aux"]
"""Over 1,000 nodes and 100 choices each."""
ALL = [*NETWORKS, *SMALL, *LARGE]


def drawn(genotype: Genotype, seed: int, choices: dict[str, Any] | None = None, **settings: Any) -> Genotype:
    """A network around a genotype, what is not chosen drawn at random."""
    return variation(genotype, Pick(choices or {}, np.random.default_rng([0, seed])), **settings)


def options(genotype: Genotype, **settings: Any) -> dict[str, tuple[Any, ...]]:
    """What can be chosen."""
    return {choice.name: choice.options for choice in plan_of(genotype, Variety(**settings)).choices if len(choice.options) > 1}


def given(genotype: Genotype, **settings: Any) -> dict[str, Any]:
    """The choices of the network as it is."""
    return {choice.name: choice.given for choice in plan_of(genotype, Variety(**settings)).choices}


def chosen(genotype: Genotype, choices: dict[str, Any], **settings: Any) -> Genotype:
    """The network as it is but for these choices."""
    offered = options(genotype, **settings)
    assert choices.keys() <= offered.keys(), sorted(offered)
    return drawn(genotype, 0, {**given(genotype, **settings), **choices}, **settings)


def assert_all_differ(genotype: Genotype) -> None:
    """Every option but the given ones makes a network that is neither the given one nor that of another option."""
    same, changed = given(genotype), {genotype.fingerprint: "as given"}
    for name, offered in options(genotype).items():
        for option in offered:
            if option == same[name]:
                continue
            fingerprint = drawn(genotype, 0, {**same, name: option}).fingerprint
            assert fingerprint not in changed, (name, option, changed[fingerprint])
            changed[fingerprint] = f"{name}={option}"


def assert_valid(varied: Genotype, genotype: Genotype) -> None:
    """Names and all facts hold when worked out anew, and inputs and outputs have the shapes of the given network."""
    again = Genotype(varied.inputs, varied.nodes, varied.outputs)
    assert again.facts == varied.facts
    assert varied.inputs == genotype.inputs
    assert [varied.specs[i] for i in varied.outputs] == [genotype.specs[i] for i in genotype.outputs]


@pytest.mark.parametrize("name", ALL)
def test_every_sample_is_a_network(name: str) -> None:
    genotype = build(name)
    for seed in range(200 if name in NETWORKS else 12):
        assert_valid(drawn(genotype, seed), genotype)


@pytest.mark.parametrize("name", ALL)
def test_as_given_is_the_given_network(name: str) -> None:
    genotype = build(name)
    same = drawn(genotype, 0, given(genotype))
    assert same == genotype
    assert same.fingerprint == genotype.fingerprint
    assert drawn(genotype, 0, widths=(), kernels=(), depths=False, shortcuts=False, links=False) == genotype


@pytest.mark.parametrize("name", [*NETWORKS, *SMALL])
def test_every_option_is_a_network_of_its_own(name: str) -> None:
    assert_all_differ(build(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_every_option_of_a_large_network_is_a_network_of_its_own(name: str) -> None:
    assert_all_differ(build(name))


@pytest.mark.parametrize("name", ALL)
def test_other_settings_give_networks_too(name: str) -> None:
    genotype = build(name)
    every: list[dict[str, Any]] = [
        {"alike": False, "deeper": 3, "widths": (0.1, 0.33, 1, 3), "kernels": (1, 9)},
        {"alike": False, "depths": False, "widths": (0.77, 1.3)},
    ]
    for settings in every:
        for seed in range(4):
            assert_valid(drawn(genotype, seed, **settings), genotype)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet18", 10_000),
        *((name, 1_500) for name in ("mobilenet_v2", "vgg11_bn", "vit_b_32", "unet_padded", "squeezenet1_0", "shufflenet_v2_x0_5")),
    ],
)
def test_thousands_of_samples_are_networks(name: str, count: int) -> None:
    genotype = build(name)
    for seed in range(count):
        assert_valid(drawn(genotype, seed), genotype)


@given_by(genotypes(), st.booleans(), st.sampled_from([(0.5, 1.0, 1.5), (0.1, 0.33, 1, 3)]))
def test_around_any_network(genotype: Genotype, alike: bool, widths: tuple[float, ...]) -> None:
    settings: dict[str, Any] = {"alike": alike, "widths": widths}
    assert drawn(genotype, 0, given(genotype, **settings), **settings) == genotype
    for seed in range(3):
        assert_valid(drawn(genotype, seed, **settings), genotype)


BODIES = {
    "plain": "conv2d({c})\nrelu",
    "residual": "conv2d({double}, 1)\nrelu\nb: conv2d({c})\nadd from ^, b",
    "projected": "conv2d({c})\np: conv2d({c}, 1) from ^\nbatch_norm2d\nadd from conv2d, batch_norm2d",
    "split": "l: slice(stop={half})\nr: slice({half}) from ^\nconv2d({half}, groups={quarter})\nadd from r, conv2d\nconcat from l, add",
    "gate": "global_avg_pool2d\ns: conv2d({quarter}, 1)\ne: conv2d({c}, 1)\nsigmoid\nmul from ^, sigmoid",
    "dense": "a: conv2d(6)\nc1: concat from ^, a\nb: conv2d(6)\nc2: concat from c1, b\nd: conv2d({c}, 1)",
    "apart": "depthwise_conv2d(kernel=5, multiplier=2)\nd: conv2d({c}, 1)\nadd from ^, d",
    "shuffled": "channel_shuffle(4)\nconv2d({c}, groups=4)",
}
RUNS = st.lists(st.tuples(st.sampled_from([*BODIES]), st.integers(1, 3), st.booleans()), min_size=1, max_size=4)


def stage(name: str, runs: list[tuple[str, int, bool]], channels: int) -> str:
    """Runs of blocks that keep the shape, one after the other or each within the scope of those after it."""
    sizes = {"c": channels, "double": 2 * channels, "half": channels // 2, "quarter": channels // 4}
    text = ""
    for number, (body, count, inner) in enumerate(runs):
        before = indent(text, "  ") if inner else ""
        lines = BODIES[body].format(**sizes)
        text = f"{'' if inner else text}{body}{number}/0 x{count}:\n{before}  body:\n{indent(lines, '    ')}\n"
    return f"{name}:\n{indent(text, '  ')}"


@given_by(RUNS, RUNS, st.sampled_from([8, 24]), st.sampled_from([8, 16]), st.booleans(), st.integers(0, 2))
def test_around_any_nest_of_blocks(
    first: list[tuple[str, int, bool]], second: list[tuple[str, int, bool]], thin: int, wide: int, alike: bool, deeper: int
) -> None:
    stages = f"stem: conv2d({thin})\n{stage('one', first, thin)}down: conv2d({wide}, stride=2)\n{stage('two', second, wide)}"
    genotype = from_text(f"input x: 3x9x9\n{stages}flatten\nlinear(10)\noutput linear")
    settings: dict[str, Any] = {"alike": alike, "deeper": deeper}
    assert drawn(genotype, 0, given(genotype, **settings), **settings) == genotype
    for seed in range(3):
        assert_valid(drawn(genotype, seed, **settings), genotype)


class Squeezed(nn.Module):
    """A residual block with grouped convolutions, a gate, and channels that go past it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(nn.Conv2d(half, 24, 1), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, half, 3, padding=1, groups=12))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(half, 4, 1), nn.ReLU(), nn.Conv2d(4, half, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        kept, split = x.chunk(2, 1)
        y = self.branch(split)
        return torch.cat([kept, split + y * self.gate(y)], 1)


class Small(nn.Module):
    """A network to be imported."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU())
        self.blocks = nn.Sequential(Squeezed(24), Squeezed(24), Squeezed(24))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.blocks(self.stem(x)))
        return y


@pytest.fixture(scope="module")
def imported() -> Genotype:
    return import_network(Small(), torch.zeros(2, 3, 16, 16))


def test_around_an_imported_module(imported: Genotype) -> None:
    assert drawn(imported, 0, given(imported)) == imported
    kinds = {name.rpartition(".")[2] for name in options(imported)}
    assert kinds == {"depth", "channels", "features", "kernel", "shortcut"}
    for seed in range(300):
        assert_valid(drawn(imported, seed), imported)


@pytest.mark.slow
def test_ten_thousand_samples_around_an_imported_module(imported: Genotype) -> None:
    for seed in range(10_000):
        assert_valid(drawn(imported, seed), imported)


@pytest.mark.parametrize("name", ["resnet20_cifar", "shufflenet_v2_x0_5", "efficientnet_b0", "regnet_y_400mf", "vit_b_32"])
def test_samples_run(name: str) -> None:
    assert_runs(build(name), 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_more_samples_run(name: str) -> None:
    assert_runs(build(name), 8)


def assert_runs(genotype: Genotype, samples: int) -> None:
    """Networks around this one, fitted to other data, compile, run, and can be written as text."""
    for seed in range(samples):
        varied = drawn(genotype, seed, input=(3, 64, 64), classes=7)
        with torch.device("meta"):
            outputs = compile_network(varied)(torch.zeros(2, 3, 64, 64))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        assert [tuple(y.shape) for y in outputs] == [(2, *varied.specs[i].shape) for i in varied.outputs]
        assert {y.shape[1] for y in outputs} == {7}
        assert from_text(to_text(varied)) == varied


# What is chosen.

TINY = """
input x: 3x16x16
stem: conv2d(16, bias=False)
stage/block0 x2:
  conv1: conv2d(16)
  relu
  conv2: conv2d(16)
  add with ^
down: conv2d(32, stride=2)
pool: global_avg_pool2d
flatten
fc: linear(10)
output fc
"""


def test_the_choices_of_a_small_residual_network() -> None:
    assert options(from_text(TINY)) == {
        "stage/block0.depth": (1, 2, 3),
        "stem.channels": (8, 16, 24),
        "stage/block0/conv1.channels": (8, 16, 24),
        "down.channels": (16, 32, 48),
        "stem.kernel": (3, 5, 7),
        "stage/block0/conv1.kernel": (3, 5, 7),
        "stage/block0/conv2.kernel": (3, 5, 7),
        "down.kernel": (3, 5, 7),
        "stage/block0/add.shortcut": (True, False),
    }


def test_a_residual_stage_has_one_width() -> None:
    wide = chosen(from_text(TINY), {"stem.channels": 24, "stage/block0/conv1.channels": 8})
    widths = {node.name: spec.channels for node, spec in zip(wide.nodes, wide.specs[1:], strict=True)}
    assert [widths[name] for name in ("stem", "stage/block0/conv1", "stage/block1/conv1")] == [24, 8, 8]
    assert widths["stage/block0/conv2"] == widths["stage/block1/add"] == 24


def test_blocks_that_are_not_alike_choose_for_themselves() -> None:
    found = options(from_text(TINY), alike=False)
    assert {"stage/block1/conv1.channels", "stage/block1/conv2.kernel", "stage/block1/add.shortcut"} <= found.keys()
    short = Pick({"stage/block0.depth": 1}, np.random.default_rng(0))
    variation(from_text(TINY), short, alike=False)
    assert not any(name.startswith("stage/block1") for name in short.made)


def test_a_run_gets_shorter_and_longer() -> None:
    names = {length: set(chosen(from_text(TINY), {"stage/block0.depth": length}).value_names) for length in (1, 2, 3)}
    assert names[1] == {name for name in names[2] if not name.startswith("stage/block1/")}
    assert names[3] - names[2] == {f"stage/block2/{part}" for part in ("conv1", "relu", "conv2", "add")}


def test_a_name_that_is_taken_is_counted_beside_it() -> None:
    taken = from_text(TINY.replace("down: conv2d(32, stride=2)", "stage/block2/down: conv2d(32, stride=2)"))
    assert "stage/block1_1/add" in chosen(taken, {"stage/block0.depth": 3}).value_names


def test_a_longer_run_is_the_network_that_has_more_blocks() -> None:
    more = chosen(build("resnet18"), {"layer1/0.depth": 3})
    text = to_text(build("resnet18")).replace("layer1/0 x2:", "layer1/0 x3:")
    assert more == from_text(text)


def test_a_width_is_the_edit_of_that_field() -> None:
    genotype = build("mobilenet_v2")
    wide = chosen(genotype, {"features/5/conv/0/0.channels": 288}, alike=False)
    assert wide == set_field(genotype, "features/5/conv/0/0", "channels", 288)


def test_shortcuts_go_with_what_lies_on_them() -> None:
    genotype = build("resnet18")
    without = chosen(genotype, {"layer2/0/add.shortcut": False, "layer1/0/add.shortcut": False})
    gone = set(genotype.value_names) - set(without.value_names)
    assert gone == {"layer1/0/add", "layer1/1/add", "layer2/0/add", "layer2/0/downsample/0", "layer2/0/downsample/1"}


def test_a_sum_of_three_keeps_two() -> None:
    genotype = from_text("input x: 4x8x8\nstem: conv2d(4)\na: conv2d(4)\nb: conv2d(4) from stem\nadd from stem, a, b\noutput add")
    without = chosen(genotype, {"add.shortcut": False})
    assert [without.value_names[i] for i in without.nodes[-1].inputs] == ["a", "b"]


PLAIN = """
input x: 3x8x8
a: conv2d(8)
b: conv2d(8)
relu_b: relu
c: conv2d(8)
relu_c: relu
d: conv2d(8, 1)
output d
"""


def test_plain_stretches_get_links() -> None:
    genotype = from_text(PLAIN)
    assert options(genotype, widths=(), kernels=()) == {"relu_c.link": (False, True)}
    linked = chosen(genotype, {"relu_c.link": True})
    assert to_text(linked).splitlines()[6:8] == ["relu_c_link: add with a", "d: conv2d(8, 1)"]
    other = chosen(genotype, {"relu_c.link": True, "c.channels": 12})
    assert "relu_c_projection: conv2d(12, 1, bias=False) from a" in to_text(other)


def test_a_plain_run_gets_a_link_around_each_block() -> None:
    genotype = from_text(
        "input x: 3x8x8\nstem: conv2d(8)\nblock0 x2:\n  conv2d(8)\n  relu\ndown: conv2d(16, stride=2)\nconv2d(5)\noutput conv2d"
    )
    assert options(genotype)["block0/relu.link"] == (False, True)
    linked = chosen(genotype, {"block0/relu.link": True, "block0.depth": 3, "stem.channels": 12})
    assert [node.name for node in linked.nodes if node.op.kind == "add"] == [f"block{i}/relu_link" for i in range(3)]
    assert not [node for node in linked.nodes if "projection" in node.name]


def test_kernels_keep_shapes_and_stay_within_the_image() -> None:
    genotype = from_text(
        "input x: 3x9x9\na: conv2d(8, 3, stride=2, padding=0)\nb: conv2d(6, 3, dilation=2)\nc: conv2d(4, (1, 3))\noutput c"
    )
    assert options(genotype, widths=(), kernels=(3, 5, 7, 9, 11)) == {"a.kernel": (3, 5, 7, 9, 11)}
    varied = chosen(genotype, {"a.kernel": 9}, kernels=(3, 5, 7, 9, 11))
    assert varied.nodes[0].op == from_text("input x: 3x9x9\na: conv2d(8, 9, stride=2, padding=3)\noutput a").nodes[0].op
    assert varied.specs[1:] == genotype.specs[1:]


def test_concatenated_widths_move_apart_and_slices_move_along() -> None:
    genotype = from_text(
        "input x: 3x8x8\na: conv2d(6)\nb: conv2d(10) from x\nconcat from a, b\nlow: slice(stop=6)\nhigh: slice(6, 11) from concat\n"
        "c: conv2d(5) from high\nd: conv2d(6) from low\noutput c, d"
    )
    wide = chosen(genotype, {"b.channels": 14, "a.channels": 9}, widths=(1, 1.4, 1.5), links=False)
    found = {node.name: node.op for node in wide.nodes}
    assert str(found["low"]) == "slice(stop=9)"
    assert str(found["high"]) == "slice(start=9, stop=16)"


def test_few_groups_stay_as_many_and_many_stay_as_wide() -> None:
    few = from_text("input x: 3x8x8\na: conv2d(32)\nb: conv2d(48, groups=4)\nc: conv2d(5)\noutput c")
    assert {name: found for name, found in options(few, widths=(0.3, 1)).items() if "channels" in name} == {
        "a.channels": (8, 32),
        "b.channels": (16, 48),
    }
    many = from_text("input x: 3x8x8\na: conv2d(32)\nb: conv2d(64, groups=16)\nc: conv2d(5)\noutput c")
    thin = chosen(many, {"a.channels": 12}, widths=(0.375, 1))
    assert (str(thin.nodes[1].op), thin.specs[2].channels) == ("conv2d(channels=24, groups=6)", 24)


def test_heads_divide_the_widths_of_attention() -> None:
    genotype = build("vit_b_32")
    features = options(genotype, widths=(0.51, 1.0))["encoder/layers/encoder_layer_0/self_attention/in_proj.features"]
    assert features == (1188, 2304)
    assert all(wide % (3 * 12) == 0 for wide in features)


def test_tokens_that_are_mixed_stay_as_many() -> None:
    genotype = build("mixer_s32")
    assert not [name for name in options(genotype) if name.endswith("fc2.features") and "token" in name]
    assert_valid(drawn(genotype, 1), genotype)


def test_padded_shortcuts_follow_both_sides() -> None:
    genotype = build("resnet20_cifar")
    narrow = chosen(genotype, {"conv1.channels": 24, "layer2/0/conv2.channels": 16})
    kinds = {node.name: str(node.op) for node in narrow.nodes}
    assert kinds["layer2/0/pad_channels"] == "slice(stop=16)"
    assert kinds["layer3/0/pad_channels"] == "pad_channels(after=48)"


def test_dense_layers_grow_alike() -> None:
    found = options(build("densenet121"))
    growth = [name for name in found if name.endswith("conv2.channels")]
    assert growth == [f"features/denseblock{i}/denselayer1/conv2.channels" for i in (1, 2, 3, 4)]


def test_what_is_not_known_stays_as_it_is() -> None:
    """The input, outputs, a table of channels, and whatever is added to them."""
    genotype = from_text(
        "input x: 4x8x8\na: conv2d(4)\nb: add with x\nc: sparse_conv2d(table=((0, 1), (2, 3), (0, 3)))\n"
        "d: conv2d(3)\ne: add with c\noutput e"
    )
    assert options(genotype, kernels=(), shortcuts=False, widths=(0.5, 1)) == {}


def test_widths_that_cannot_come_near_are_not_offered() -> None:
    genotype = from_text("input x: 3x8x8\na: conv2d(3)\nb: conv2d(5)\noutput b")
    assert options(genotype, kernels=(), links=False, widths=(0.5, 1, 2)) == {"a.channels": (3, 6)}


def test_what_is_kept_stays_as_given() -> None:
    every = options(from_text(TINY))
    kept = options(from_text(TINY), keep=("stage/*", "stem.kernel"))
    assert kept == {name: offered for name, offered in every.items() if not name.startswith("stage/") and name != "stem.kernel"}
    assert chosen(from_text(TINY), {}, keep=("*",)) == from_text(TINY)
    wide = chosen(from_text(TINY), {"stem.channels": 24}, keep=("stage/*",))
    assert wide == chosen(from_text(TINY), {"stem.channels": 24})


# Fitting to data.


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet121", "vit_b_32", "mixer_s32", "coatnet_0", "swin_t", "deeplabv3_resnet50", "unet_padded"]
)
def test_a_fitted_network_is_the_one_that_is_built_so(name: str) -> None:
    fit, built = fitted(build(name), (3, 64, 64), 10), build(name, input=(3, 64, 64), classes=10)
    assert [fit.specs[i] for i in fit.outputs] == [built.specs[i] for i in built.outputs]
    assert [node.op.kind for node in fit.nodes] == [node.op.kind for node in built.nodes]
    assert fit.fingerprint == built.fingerprint or name == "deeplabv3_resnet50"


@pytest.mark.parametrize(
    "name", ["vgg11_bn", "alexnet", "googlenet_aux", "inception_v3", "lenet5", "convnext_tiny", "squeezenet1_0", "maxvit_t"]
)
def test_windows_shrink_to_a_small_image(name: str) -> None:
    fit = fitted(build(name), (1, 8, 8), 10)
    assert {fit.specs[i].shape for i in fit.outputs} == {(10,)}
    for seed in range(5):
        assert_valid(drawn(build(name), seed, input=(1, 8, 8), classes=10), fit)


def test_as_given_with_other_data_is_the_fitted_network() -> None:
    genotype = build("resnet18")
    choices = given(fitted(genotype, (1, 8, 8), 10))
    assert drawn(genotype, 0, choices, input=(1, 8, 8), classes=10) == fitted(genotype, (1, 8, 8), 10)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("unet_padded", {"input": (1, 8, 8)}, r"cannot be made to take input 1x8x8 instead of 3x512x512: node 'decoder3/concat'"),
        ("resnet18", {"input": (64,)}, r"input 64: the network takes 3x224x224; give as many axes"),
        ("fasterrcnn_resnet50_fpn", {"input": (3, 64, 64)}, r"the network has 2 inputs"),
        ("yolo_v1", {"classes": 10}, r"classes=10: the network has 30, and no one linear map or convolution sets the width"),
        ("resnet18", {"classes": 0}, r"classes=0: the network has 1000; give a whole number of at least 1"),
        ("resnet18", {"widths": (0.5, 0)}, r"widths=\(0.5, 0\) must be factors over 0 and up to 100"),
        ("resnet18", {"kernels": (2,)}, r"kernels=\(2,\) must be odd whole numbers"),
        ("resnet18", {"deeper": -1}, r"deeper=-1 must be a whole number from 0 to 100"),
        ("resnet18", {"keep": "conv1"}, r"keep='conv1' must be names of choices, or patterns such as 'layer1/\*'"),
        ("resnet18", {"keep": ("layer1",)}, r"keep='layer1' is none of the choices; give a name, such as 'layer1/0.depth', or a pattern"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SpaceError, match=words) as refused:
        drawn(build(name), 0, **settings)
    assert "\n" not in str(refused.value)


# Files.


def test_a_written_space_is_loaded_and_searched(tmp_path: Path) -> None:
    genotype = build("resnet20_cifar")
    path = tmp_path / "mine.py"
    path.write_text(space_source(genotype, 'a "small" one\\', Variety(widths=(0.5, 1.0), kernels=(), deeper=2)))
    space = load_space(str(path), input=(1, 8, 8))
    assert space.settings["classes"] == 10
    assert space.size() == prod(len(found) for found in options(genotype, widths=(0.5, 1.0), kernels=(), deeper=2).values())
    assert not space.is_conditional()
    run = search(space, Evolution(population=3, tournament=2), Formula(), trials=4, seed=0, out=tmp_path / "run", workers=0)
    assert [trial.failure for trial in run.trials] == [None] * 4


OPS = """
from dataclasses import dataclass
from archsearch import Op, register

@register("around_twice")
@dataclass(frozen=True)
class Twice(Op):
    def infer(self, x):
        return x

    def build(self, layers, x):
        return layers.Identity()
"""


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The command, as a function that returns what is printed."""

    def run(target: str, out: str | None = None, *settings: str, ops: tuple[str, ...] = (), json: bool = False) -> str:
        around_command(target, tmp_path / out if out else None, None, settings, list(ops), force=False, json=json)
        return capsys.readouterr().out

    return run


def test_the_command_writes_a_space(command: Callable[..., str], tmp_path: Path) -> None:
    printed = command("resnet20_cifar", "mine.py", "widths=0.5,1", "links=false")
    assert "layer1/0/conv1.channels" in printed
    assert "networks" in printed
    assert load_space(str(tmp_path / "mine.py")).settings["widths"] == (0.5, 1.0)
    with pytest.raises(ValueError, match=r"mine.py exists, and may hold edits of yours; give another --out"):
        command("resnet20_cifar", "mine.py")
    with pytest.raises(ValueError, match=r"give --out a name that ends in .py"):
        command("resnet20_cifar", "mine.txt")
    with pytest.raises(ValueError, match=r"nothing in perceptron can vary with these settings"):
        command("perceptron", "other.py")
    with pytest.raises(ValueError, match=r"nothing in perceptron can vary with these settings"):
        command("perceptron")
    with pytest.raises(ValueError, match=r"mine.py is Python, and a space is made around a network: `archsearch import .*mine.py:make"):
        command(str(tmp_path / "mine.py"))
    assert command("resnet20_cifar").startswith('"""Networks around resnet20_cifar')
    assert '"size": 1152' in command("resnet20_cifar", None, "widths=1", "kernels=3", "links=false", json=True)


def test_settings_of_the_command_are_those_of_the_file(command: Callable[..., str], tmp_path: Path) -> None:
    printed = command("resnet20_cifar", "mine.py", "kernels=", "keep=layer1/*,*.shortcut", "deeper=0")
    assert [line.split()[0] for line in printed.splitlines()[1:4]] == ["layer2/1.depth", "layer3/1.depth", "conv1.channels"]
    space = load_space(str(tmp_path / "mine.py"))
    assert space.settings["kernels"] == ()
    assert space.settings["keep"] == ("layer1/*", "*.shortcut")
    assert not [name for name in space.options() if "kernel" in name or "shortcut" in name or "layer1" in name]


@pytest.mark.slow
def test_a_space_around_an_imported_module_is_trained_and_resumed(imported: Genotype, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(space_source(imported, "a module", Variety(widths=(0.5, 1.0))))

    def parts() -> tuple[Space, Evolution, Train]:
        return load_space(str(path), input=(1, 8, 8), classes=10), Evolution(population=2, tournament=2), Train("digits", epochs=1)

    run = search(*parts(), trials=4, seed=0, out=tmp_path / "whole", workers=0)
    assert [trial.failure for trial in run.trials] == [None] * 4
    search(*parts(), trials=2, seed=0, out=tmp_path / "half", workers=0)
    resume(tmp_path / "half", *parts(), trials=4)
    assert table(tmp_path / "half", "trials") == table(tmp_path / "whole", "trials")


def test_a_space_brings_the_ops_of_its_network(command: Callable[..., str], tmp_path: Path) -> None:
    ops, network = tmp_path / "my_ops.py", tmp_path / "network.txt"
    ops.write_text(OPS)
    network.write_text("input x: 3x8x8\na: conv2d(8)\naround_twice\nb: conv2d(4)\noutput b\n")
    command(str(network), "own.py", ops=(str(ops),))
    assert "load_file(str(Path(__file__).parent / 'my_ops.py'))" in (tmp_path / "own.py").read_text()
    assert load_space(str(tmp_path / "own.py")).sample(np.random.default_rng(0)).genotype.nodes[1].op.kind == "around_twice"
