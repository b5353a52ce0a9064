"""Fabrics: the counts of the paper, masks that are networks of the zoo, edges that vanish when they are dropped, weights of an edge."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from archsearch import Choices, Genotype, Pick, Space, SpaceError, analyse, canonicalise, compile_network, load_space, zoo
from archsearch.blocks.fabric import START, Edge, Layout, Place, choices, held, live, mask_edges, walked, whole
from archsearch.cli import run
from archsearch.network.compiler import module_path
from archsearch.network.passes import drop_dead
from archsearch.ops import SparseConv2d
from archsearch.zoo.resnet_cifar import wide_resnet_cifar

NO_PATH = "fabric: no path of kept edges leads from the input to layer"


class KeepAll(Pick):
    """Keeps every edge."""

    def _decide(self, name: str, offered: tuple[object, ...]) -> bool:
        assert offered == (True, False)
        return True


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def kept_all(**settings: object) -> tuple[Genotype, Choices]:
    """The network of a mask with every edge, and its choices."""
    pick = KeepAll({}, rng())
    space = load_space("fabric", **settings)
    return space.function(pick, **space.settings), pick.made


def edge_nodes(genotype: Genotype, kind: str = "conv2d") -> list[int]:
    """Params of the convolutions on edges."""
    pairs = zip(genotype.nodes, genotype.facts, strict=True)
    return [fact.cost.params for node, fact in pairs if node.op.kind == kind and node.name.startswith("layer")]


# The counts of the paper


def test_a_dense_fabric_has_the_edges_and_weights_of_the_formula() -> None:
    genotype, made = kept_all(layers=8, scales=6, channels=(128,), input=(3, 32, 32))
    convolutions = edge_nodes(genotype)
    assert convolutions == [9 * 128 * 128] * 122
    assert sum(convolutions) == 17_989_632
    assert len(made) == 122 - 10  # the chains of the first and the last layer follow from the others
    assert [spec.shape for spec in analyse(genotype).outputs] == [(10,)]
    assert [genotype.specs[i].shape for i in genotype.nodes[-3].inputs] == [(128, 1, 1)]


def test_a_sparse_fabric_has_three_channels_behind_each_but_at_the_borders() -> None:
    genotype, _ = kept_all(layers=16, scales=6, channels=(32,), sparse=True, input=(3, 32, 32))
    assert edge_nodes(genotype, "sparse_conv2d") == [9 * (3 * 32 - 2)] * 250
    assert sum(edge_nodes(genotype, "sparse_conv2d")) == 211_500
    tables = {node.op.table for node in genotype.nodes if isinstance(node.op, SparseConv2d)}
    (table,) = tables
    assert (table[0], table[7], table[31]) == ((0, 1), (6, 7, 8), (30, 31))


def test_channels_double_from_scale_to_scale() -> None:
    genotype, _ = kept_all(layers=3, scales=3, channels=(4,), doubling=True)
    named = {node.name: genotype.specs[value].shape for value, node in enumerate(genotype.nodes, 1)}
    assert [named[f"layer1/scale{scale}/relu"] for scale in range(3)] == [(4, 8, 8), (8, 4, 4), (16, 2, 2)]
    sparse, _ = kept_all(layers=3, scales=2, channels=(4, 6), sparse=True)
    tables = {node.name: node.op.table for node in sparse.nodes if isinstance(node.op, SparseConv2d)}
    assert tables["layer0/scale1/from0_0/conv"] == ((0, 1), (0, 1), (0, 1, 2), (1, 2, 3), (1, 2, 3), (2, 3))
    assert tables["layer1/scale0/from0_1/conv"] == ((0, 1), (0, 1, 2), (2, 3, 4), (3, 4, 5))


def test_every_place_sums_three_scales_each_with_norm() -> None:
    genotype, _ = kept_all(layers=3, scales=3)
    inside = [str(node.op) for node in genotype.nodes if node.name.startswith("layer1/scale1/")]
    conv, strided = "conv2d(channels=16, bias=False)", "conv2d(channels=16, stride=2, bias=False)"
    norm, up = "batch_norm2d()", "upsample(mode=nearest)"
    assert inside == [strided, norm, conv, norm, up, conv, norm, "add()", "relu()"]


# Masks


SMALL = {"classes": 10, "input": (3, 32, 32)}
LARGE = {"classes": 1000, "input": (3, 224, 224)}
VGG = {"mask": "chain", "scales": 5, "channels": (64, 128, 256, 512, 512), "down": "pool", "hidden": (4096, 4096), **LARGE}
WIDE = {"mask": "resnet", "scales": 3, "channels": (64,), "doubling": True, "first": 16, "order": "pre", "shortcut": "convolved", **SMALL}
RESNET = {"mask": "resnet", "channels": (64,), "doubling": True, "stem": "strided", **LARGE}
CIFAR = {"mask": "resnet", "scales": 3, "channels": (16,), "doubling": True, "shortcut": "padded", **SMALL}
UNET = {"mask": "unet", "scales": 5, "channels": (64,), "doubling": True, "classes": 2}
GRIDNET = {"mask": "gridnet", "drop": 0.1}
EXITS = tuple(range(4, 25, 2))
SAME = {
    "vgg11": ({**VGG, "norm": False, "blocks": (0, 1, 2, 2, 2)}, partial(zoo.build, "vgg11")),
    "vgg16": ({**VGG, "norm": False, "blocks": (1, 2, 3, 3, 3)}, partial(zoo.build, "vgg16")),
    "resnet20_cifar": ({**CIFAR, "layers": 10}, partial(zoo.build, "resnet20_cifar")),
    "resnet56_cifar": ({**CIFAR, "layers": 28}, partial(zoo.build, "resnet56_cifar")),
    "resnet18": (RESNET, partial(zoo.build, "resnet18")),
    "resnet34": ({**RESNET, "blocks": (3, 4, 6, 3)}, partial(zoo.build, "resnet34")),
    "wide_resnet": ({**WIDE, "layers": 13}, partial(wide_resnet_cifar, 28, 4)),
    "unet": ({**UNET, "padded": False, "norm": False, "input": (1, 572, 572)}, partial(zoo.build, "unet")),
    "unet_padded": ({**UNET, "input": (3, 512, 512)}, partial(zoo.build, "unet_padded")),
    "unet of odd size": ({**UNET, "input": (1, 45, 61)}, partial(zoo.build, "unet_padded", input=(1, 45, 61))),
    "gridnet": (
        {**GRIDNET, "scales": 5, "layers": 6, "doubling": True, "classes": 19, "input": (3, 512, 512)},
        partial(zoo.build, "gridnet"),
    ),
    "gridnet of odd size": (
        {**GRIDNET, "layers": 8, "channels": (6, 7, 9, 11), "classes": 3, "input": (3, 45, 61)},
        partial(zoo.build, "gridnet", widths=(6, 7, 9, 11), columns=4, classes=3, input=(3, 45, 61)),
    ),
    "msdnet_cifar": (
        {"mask": "msdnet", "scales": 3, "channels": (16, 32, 64), "exits": EXITS, "hidden": (128,), **SMALL},
        partial(zoo.build, "msdnet_cifar"),
    ),
    "msdnet": (
        {"mask": "msdnet", "channels": (32, 64, 128, 128), "growth": 16, "exits": (7, 11, 15, 19, 23), "stem": "strided", **LARGE},
        partial(zoo.build, "msdnet"),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_mask_is_the_network_of_the_zoo(name: str) -> None:
    settings, build = SAME[name]
    ours, theirs = kept_all(**settings)[0], build()
    assert canonicalise(ours).fingerprint == canonicalise(theirs).fingerprint
    assert_equal_costs(ours, theirs)


def assert_equal_costs(ours: Genotype, theirs: Genotype) -> None:
    found, wanted = analyse(ours, 2), analyse(theirs, 2)
    assert (found.params, found.buffers, found.macs) == (wanted.params, wanted.buffers, wanted.macs)
    assert [spec.shape for spec in found.outputs] == [spec.shape for spec in wanted.outputs]


@pytest.mark.parametrize("width", [18, 32])
def test_the_mask_hrnet_is_the_network_of_the_zoo_its_sums_written_in_another_order(width: int) -> None:
    settings = {"mask": "hrnet", "blocks": (1, 4, 3), "channels": (width,), "doubling": True, "first": 256, **LARGE}
    ours, theirs = kept_all(**settings)[0], zoo.build(f"hrnet_w{width}")
    assert ours.fingerprint != theirs.fingerprint
    assert canonicalise(ours).fingerprint == canonicalise(theirs).fingerprint
    assert_equal_costs(ours, theirs)


def test_a_chain_with_norm_is_vgg_without_the_biases_that_norm_undoes() -> None:
    ours, theirs = kept_all(**VGG, blocks=(0, 1, 2, 2, 2))[0], zoo.build("vgg11_bn")
    biases = sum(node.op.channels for node in theirs.nodes if node.op.kind == "conv2d")
    assert analyse(theirs).params - analyse(ours).params == biases == 2752
    assert analyse(theirs).macs == analyse(ours).macs


def test_masks_go_with_other_forms() -> None:
    plain, _ = kept_all(mask="hrnet", form="plain", scales=3, channels=(8,))
    read = live(mask_edges("hrnet", Layout(scales=3)), [Place(4, 2)])
    assert edge_nodes(plain) == [9 * 8 * 8] * len(read)
    residual, _ = kept_all(form="resnet", channels=(8,))
    assert Counter(edge_nodes(residual)) == {9 * 8 * 8: 2 * 56, 8 * 8: 7 * 3}  # two convolutions an edge, projections on the way down


# Edges that are dropped


MASKED = {
    "full": Layout(3, 2),
    "full dense": Layout(3, 2, upwards=True),
    "unet": Layout(0, 4),
    "gridnet": Layout(4, 2),
    "hrnet": Layout(5, 2),
    "msdnet": Layout(4, 2),
    "chain": Layout(5, 2),
}


@pytest.mark.parametrize("rows_pass", [False, True])
@pytest.mark.parametrize("name", MASKED)
def test_choices_reach_every_network_that_all_edges_reach(name: str, rows_pass: bool) -> None:
    layout = MASKED[name]
    edges = mask_edges(name.split()[0], layout)
    last = [place for _, place in edges if place.layer == edges[-1].target.layer]
    ends = (min(last) if layout.upwards or name in ("unet", "gridnet") else max(last),)
    passing = frozenset(edge for edge in edges if rows_pass and edge.steps == 0)
    asked = choices(edges, ends, passing)
    assert len(asked) < len(edges) <= 14 or rows_pass
    assert networks(edges, asked, ends, passing) == networks(edges, edges, ends, passing)


def networks(edges: tuple[Edge, ...], asked: tuple[Edge, ...], ends: tuple[Place, ...], passing: frozenset[Edge]) -> set[frozenset[Edge]]:
    """What is live, without what is dropped, for every way to drop some of the edges that are asked for."""
    found = set()
    for count in range(len(asked) + 1):
        for dropped in combinations(asked, count):
            walk = walked(edge for edge in edges if edge not in dropped or edge in passing)
            if ends[0] in {edge.target for edge in walk}:
                found.add(frozenset(live(walk, ends)).difference(dropped))
    return found


@pytest.mark.parametrize("name", ["full", "unet", "gridnet", "hrnet", "msdnet", "chain", "resnet"])
def test_a_mask_is_written_in_the_order_in_which_places_are_computed(name: str) -> None:
    edges = mask_edges(name, Layout(scales=4))
    assert walked(edges) == list(edges)
    assert len(set(edges)) == len(edges)
    positions = [edge.target for edge in edges]
    assert len([None for one, next_ in pairwise(positions) if one != next_]) + 1 == len(set(positions))


def test_a_dropped_edge_vanishes_and_so_does_what_it_cuts_off() -> None:
    space = load_space("fabric", layers=3, scales=2)
    genotype, made = kept_all(layers=3, scales=2)
    without = space.resolve({**made, "layer1/scale0/from0_0": False}, rng()).genotype
    gone = {node.name for node in genotype.nodes} - {node.name for node in without.nodes}
    assert gone == {"layer1/scale0/from0_0/conv", "layer1/scale0/from0_0/batch_norm2d", "layer1/scale0/add"}
    cut = {name: not name.startswith("layer1/scale0") for name in made}
    without = space.resolve(cut, rng()).genotype
    assert not [node.name for node in without.nodes if "layer1/scale0" in node.name or "from1_0" in node.name]
    fine = space.resolve({**made, "layer1/scale0/from0_1": False, "layer1/scale1/from0_1": False}, rng()).genotype
    assert not [node for node in fine.nodes if "layer0" in node.name]  # a chain goes with all that read it


def test_without_a_path_there_is_no_network() -> None:
    space = load_space("fabric")
    nothing = dict.fromkeys(space.options(), False)
    with pytest.raises(ValueError, match=f"^{NO_PATH} 5; keep more edges$"):
        space.resolve(nothing, rng())
    with pytest.raises(ValueError, match=f"^{NO_PATH} 2; keep more edges$"):
        load_space("fabric", exits=(2, 5)).resolve(nothing, rng())
    with pytest.raises(ValueError, match=f"^{NO_PATH}5/scale3; keep more edges$"):
        live([Edge(START, Place(1, 0))], [Place(5, 3)])


@pytest.mark.parametrize(
    ("mask", "left"), [("resnet", {"layer3/scale1/from2_0", "layer5/scale2/from4_1"}), ("gridnet", set()), ("hrnet", set())]
)
def test_rows_hand_on_their_value_when_what_they_learned_is_dropped(mask: str, left: set[str]) -> None:
    space = load_space("fabric", mask=mask, scales=3, stem="conv")
    genotype = space.resolve(dict.fromkeys(space.options(), False), rng()).genotype
    scopes = {"/".join(node.name.split("/")[:3]) for node in genotype.nodes if node.name.count("/") > 2 or "from" in node.name}
    assert {scope for scope in scopes if scope.startswith("layer")} == left


def test_a_unet_may_lose_its_skips_and_its_depth() -> None:
    space = load_space("fabric", mask="unet", scales=3)
    assert sorted(space.options()) == ["layer1/scale0/from0_0", "layer1/scale1/from0_1", "layer1/scale1/from0_2"]
    flat = space.resolve({"layer1/scale0/from0_0": True, "layer1/scale1/from0_1": False, "layer1/scale1/from0_2": False}, rng()).genotype
    assert {node.name.split("/")[0] for node in flat.nodes} == {"stem", "head"}


def test_a_chain_has_nothing_to_choose() -> None:
    space = load_space("fabric", mask="chain")
    assert (space.options(), space.size()) == ({}, 1)
    assert load_space("fabric", mask="resnet", scales=3).size() == 2**4
    assert load_space("fabric", layers=8, scales=6, input=(3, 32, 32)).size() == 2**112


# Settings


def test_order_of_norm_and_activation() -> None:
    head = ["global_avg_pool2d", "flatten", "linear"]
    genotype, _ = kept_all(layers=2, scales=1, order="pre")
    assert [node.op.kind for node in genotype.nodes] == ["conv2d", "batch_norm2d", "relu"] * 2 + head
    assert [node.name for node in genotype.nodes][:3] == ["stem/conv2d", "layer1/scale0/from0_0/batch_norm2d", "layer1/scale0/from0_0/relu"]
    genotype, _ = kept_all(layers=2, scales=1)
    assert [node.op.kind for node in genotype.nodes] == ["conv2d", "batch_norm2d", "relu"] * 2 + head
    assert [node.name for node in genotype.nodes][:3] == ["stem/conv2d", "stem/batch_norm2d", "stem/relu"]
    genotype, _ = kept_all(layers=2, scales=1, order="pre", norm=False)
    assert [node.op.kind for node in genotype.nodes] == ["conv2d", "relu"] * 2 + head
    genotype, _ = kept_all(layers=2, scales=1, norm=False)
    assert [str(node.op) for node in genotype.nodes][2:4] == ["conv2d(channels=16)", "relu()"]


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"up": "transposed"}, {"conv_transpose2d", "crop2d"}),
        ({"up": "bilinear", "down": "pool"}, {"upsample", "max_pool2d"}),
        ({"sparse": True, "doubling": True}, {"sparse_conv2d", "upsample"}),
        ({"order": "pre", "norm": False}, {"relu", "upsample"}),
        ({"form": "resnet", "order": "pre", "doubling": True}, {"relu", "upsample"}),
        ({"form": "gridnet", "drop": 0.2}, {"stochastic_depth", "conv_transpose2d"}),
        ({"form": "unet", "doubling": True, "scales": 3}, {"concat", "pad2d"}),
        ({"form": "hrnet", "stem": "conv", "units": 1}, {"add", "upsample"}),
        ({"stem": "strided", "scales": 2}, {"max_pool2d", "upsample"}),
    ],
)
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_every_form_runs_on_images_of_odd_size(settings: dict[str, object], kinds: set[str], task: str) -> None:
    given = {"layers": 4, "channels": (8,), "task": task, "input": (2, 13, 9), "classes": 3, **settings}
    if settings.get("form") == "hrnet":
        given["task"] = "segmentation"
    genotype, _ = kept_all(**given)
    assert {node.op.kind for node in genotype.nodes} >= kinds
    shape = (3,) if given["task"] == "classification" else (3, 13, 9)
    assert_runs(genotype, [shape])


def assert_runs(genotype: Genotype, shapes: list[tuple[int, ...]]) -> None:
    """Torch agrees on shapes and params, and every weight gets a gradient."""
    network = compile_network(genotype)
    results = network(torch.rand(3, *genotype.inputs[0].shape, generator=torch.Generator().manual_seed(0)))
    results = results if isinstance(results, tuple) else (results,)
    assert [tuple(result.shape) for result in results] == [(3, *shape) for shape in shapes]
    sum(result.square().mean() for result in results).backward()
    assert analyse(genotype).params == sum(p.numel() for p in network.parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("settings", [{"layers": 6}, {"mask": "msdnet"}, {"task": "segmentation"}, {"form": "resnet"}])
def test_exits_at_several_depths(settings: dict[str, object]) -> None:
    space = load_space("fabric", exits=(1, 3, 5), scales=3, channels=(8,), classes=4, **settings)
    shape = (4, 8, 8) if settings.get("task") == "segmentation" else (4,)
    tried = (attempt(space, seed) for seed in range(8))
    found = [genotype for genotype in tried if genotype is not None]
    assert len(found) > 4
    for genotype in [kept_all(**space.settings)[0], *found]:
        scopes = [genotype.value_names[value].split("/")[0] for value in genotype.outputs]
        assert scopes == ["exit1", "exit2", "exit3"]
        assert_runs(genotype, [shape] * 3)


def attempt(space: Space, seed: int) -> Genotype | None:
    """A random network, or nothing where no path of kept edges leads to an end."""
    try:
        return space.sample(rng(seed)).genotype
    except ValueError as error:
        if not re.fullmatch(NO_PATH + r" \d+; keep more edges", str(error)):
            raise
        return None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mask": "unett"}, "fabric: mask='unett' is unknown; choose from full, chain"),
        ({"form": "dense"}, "fabric: form='dense' is unknown; choose from plain, resnet"),
        ({"order": "mid"}, "fabric: order='mid' is unknown; choose from post, pre"),
        ({"channels": (0,)}, "fabric: channels=0 must be whole numbers of at least 1"),
        ({"channels": (8, 16)}, r"fabric: channels=\(8, 16\) must be one number, or, with doubling=false, one for each of scales=4"),
        ({"scales": 5}, "fabric: scales=5 are too many: the image is 1x1 at scale 3; use fewer, or stem='conv'"),
        ({"scales": 0}, "fabric: layers=0, scales=0, "),
        ({"scales": 10**9}, r"must be at least 0, from 1 to 32, and at least 0"),
        ({"layers": 1}, "fabric: layers=1 must be at least 2"),
        ({"layers": 10**9}, "fabric: layers=1000000000 with scales=4 make over 10,000 edges; use fewer"),
        ({"blocks": (1, 1)}, r"fabric: mask full has no use for blocks=\(1, 1\); leave them out"),
        ({"mask": "chain", "blocks": (1, 1)}, r"fabric: blocks=\(1, 1\) must be 4 numbers of this mask for scales=4"),
        ({"mask": "chain", "layers": 3}, r"fabric: blocks=\(0, 0, 1, 1\) leave a scale out"),
        ({"mask": "chain", "layers": 1, "scales": 1}, "fabric: a chain with layers=1 and scales=1 has no edges"),
        ({"mask": "resnet", "layers": 7, "blocks": (1, 1, 1, 1)}, r"fabric: layers=7 must be 5 with blocks="),
        ({"mask": "unet", "layers": 3}, "fabric: mask unet has 2 layers and at least 2 scales, not layers=3"),
        ({"mask": "gridnet", "layers": 3}, "fabric: mask gridnet needs an even number of layers"),
        ({"mask": "hrnet", "scales": 1}, "fabric: mask hrnet needs scales of at least 2"),
        ({"mask": "hrnet", "units": 0, "scales": 2}, "fabric: units=0 must be from 1 to 100"),
        ({"mask": "msdnet", "layers": 1}, "fabric: mask msdnet needs layers of at least 2"),
        ({"mask": "msdnet", "growth": 1}, "fabric: growth=1 must be at least 2"),
        ({"mask": "msdnet", "channels": (8, 12), "scales": 2}, r"fabric: channels=\(8, 12\) must be multiples of the first"),
        ({"form": "msdnet"}, "fabric: form msdnet has no edge such as layer1/scale0/from0_1; use mask msdnet"),
        ({"exits": (3, 2)}, r"fabric: exits=\(3, 2\) must be layers, each larger than the one before"),
        ({"exits": (2,), "layers": 4}, r"fabric: exits=\(2,\) must end with 3, the last layer"),
        ({"sparse": True, "up": "transposed"}, "fabric: up='transposed' has no sparse form"),
    ],
)
def test_settings_that_cannot_be_get_one_line(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        kept_all(**settings)
    assert not isinstance(raised.value, SpaceError)
    assert "\n" not in str(raised.value)


# Samples


SAMPLED = [
    {},
    {"layers": 8, "scales": 6, "channels": (128,), "input": (3, 32, 32)},
    {"layers": 10, "scales": 6, "sparse": True, "input": (3, 32, 32)},
    {"task": "segmentation", "input": (2, 13, 7)},
    {"exits": (2, 4, 6)},
    {"form": "resnet", "doubling": True},
    {"mask": "resnet"},
    {"mask": "unet", "scales": 3},
    {"mask": "gridnet", "input": (3, 13, 9)},
    {"mask": "hrnet", "scales": 3, "stem": "conv", "units": 1},
    {"mask": "msdnet", "exits": (2, 4, 6)},
    {"mask": "hrnet", "form": "plain"},
    {"mask": "gridnet", "form": "plain", "task": "classification"},
]


@pytest.mark.parametrize("settings", SAMPLED, ids=str)
def test_samples_are_valid_or_refused_with_one_line(settings: dict[str, object]) -> None:
    space, refused, count = load_space("fabric", **settings), 0, 160
    shape = (10,) if settings.get("task", "segmentation" if settings.get("mask") in ("unet", "gridnet") else "") != "segmentation" else None
    for seed in range(count):
        genotype = attempt(space, seed)
        refused += genotype is None
        if genotype is not None:
            assert len(drop_dead(genotype).nodes) == len(genotype.nodes)
            wanted = shape or (10, *genotype.inputs[0].shape[1:])
            assert {genotype.specs[i].shape for i in genotype.outputs} == {wanted}
            assert len(genotype.outputs) == max(len(settings.get("exits", ())), 1)
    assert refused < count / 4


def test_choices_are_the_same_for_every_network_and_lead_back_to_it() -> None:
    space = load_space("fabric", layers=4, scales=3)
    assert not space.is_conditional()
    for seed in range(30):
        genotype = attempt(space, seed)
        if genotype is not None:
            made = space.sample(rng(seed)).choices
            assert made.keys() == space.options().keys()
            assert space.resolve(made, rng(99)).genotype == genotype


def test_mutants_of_one_edge_are_mostly_valid_and_differ_in_that_edge() -> None:
    space = load_space("fabric", layers=4, scales=3)
    genotype, made = kept_all(layers=4, scales=3)
    for name in made:
        mutant = space.resolve({**made, name: False}, rng()).genotype
        missing = {node.name.rpartition("/")[0] for node in genotype.nodes} - {node.name.rpartition("/")[0] for node in mutant.nodes}
        assert name in missing


# Which weights belong to which edge


def test_every_choice_holds_the_weights_of_its_edge() -> None:
    space = load_space("fabric", layers=4, scales=3)
    genotype, made = kept_all(layers=4, scales=3)
    assert whole(space.options()) == made
    found = held(genotype, made)
    assert found.keys() == made.keys()
    assert found["layer2/scale1/from1_2"] == ("layer2/scale1/from1_2/conv", "layer2/scale1/from1_2/batch_norm2d")
    network = compile_network(genotype)
    weights = {name: network.get_submodule(module_path(nodes[0])).weight for name, nodes in found.items()}
    assert {tuple(weight.shape) for weight in weights.values()} == {(16, 16, 3, 3)}
    assert len({id(weight) for weight in weights.values()}) == len(made)


def test_an_edge_that_is_dropped_or_cut_off_holds_nothing() -> None:
    space = load_space("fabric", layers=3, scales=2)
    _, made = kept_all(layers=3, scales=2)
    genotype = space.resolve({**made, "layer1/scale0/from0_0": False, "layer1/scale0/from0_1": False}, rng()).genotype
    found = held(genotype, made)
    gone = {"layer1/scale0/from0_0", "layer1/scale0/from0_1", "layer2/scale0/from1_0", "layer2/scale1/from1_0"}
    assert made.keys() - found.keys() == gone


def test_skips_hold_no_weights_and_blocks_hold_all_of_theirs() -> None:
    genotype, made = kept_all(mask="unet", scales=3)
    assert list(held(genotype, made)) == ["layer1/scale1/from0_2"]
    genotype, made = kept_all(mask="resnet", scales=3)
    assert set(map(len, held(genotype, made).values())) == {4}
    cell = load_space("cell").sample(rng())
    assert held(cell.genotype, cell.choices) == {}


# The command line, from another folder


def test_the_space_is_described_and_sampled_from_any_folder(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["space", "fabric", "--samples", "40", "--set", "layers=3", "-q"]) == 0
    assert "networks of 20 choices" in capsys.readouterr().out
    assert run(["sample", "fabric", "-n", "2", "--set", "mask=unet", "--set", "scales=3", "-q"]) == 0
    text = (tmp_path / "fabric-samples" / "fabric-000.json").read_text()
    assert Genotype.from_json(text).outputs


@pytest.mark.slow
def test_the_space_is_searched_from_any_folder(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["search", "fabric", "--data", "digits", "--strategy", "random", "--trials", "2", "--evaluator-set", "epochs=2", "-q"]) == 0
    assert "Report" in capsys.readouterr().out
