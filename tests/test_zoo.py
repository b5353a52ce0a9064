"""One contract for every network of the zoo, judged by torch, and reference numbers for the networks that have them."""

from __future__ import annotations

import gc
from functools import lru_cache
from math import prod
from typing import Any

import pytest
import torch
from torch import nn

from archsearch import Genotype, GenotypeError, analyse, compile_network, zoo
from tests.meta_tracker import as_tuple, inference, on_meta, training_step
from tests.zoo_reference import (
    LEAVES,
    LOSS_BYTES,
    OURS,
    REFERENCES,
    SAVED_AS,
    SHORTCUT_FIRST,
    WEIGHED_AS,
    Reference,
    build,
    leaves_file,
    ours,
    reference_leaves,
)

SMALL = (188, 128, 64, 32)
"""Sides of the square images that are tried first where the network is large."""
REAL_BYTES = 2 * 10**9
"""Most that a training step on real tensors may need; one network of each family takes it, larger ones are of the same blocks."""


def first_of_families() -> set[str]:
    """The network of the shortest name, which is a small one, of each function that makes networks."""
    found: dict[object, str] = {}
    for name, make in sorted(zoo.networks().items(), key=lambda item: (len(item[0]), item[0])):
        found.setdefault(getattr(make, "func", make), name)
    return set(found.values())


FIRST = first_of_families()
LONG = {
    "amoebanet_a", "coatnet_0", "darts_v1_cifar", "darts_v1_imagenet", "efficientnet_v2_l", "fcn8s_vgg16", "hrnet_w18",
    "inception_resnet_v2", "inception_v4", "legacy_senet154", "maskrcnn_resnet50_fpn", "maxvit_t", "mixer_b16", "msdnet", "nasnet_a_large",
    "pnasnet5_large", "resnext29_8x64d_cifar", "retinanet_resnet50_fpn", "ssd300_vgg16", "swin_b", "unet", "vgg11", "vit_b_16", "yolo_v1",
}  # fmt: skip
"""Of FIRST, those that take over a second to count or to train a step."""


def quick(*names: str) -> list[Any]:
    """All networks of the zoo; those that are not named are for the slow tests."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.slow) for name in zoo.names()]


TRACKED = (
    "alexnet", "vgg11", "googlenet", "inception_v3", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "squeezenet1_0",
    "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1_0", "efficientnet_b0", "mnasnet1_0", "regnet_y_400mf", "convnext_tiny",
    "vit_b_16", "swin_t",
    "unet", "darts_v2_cifar", "fcn_resnet50", "nasnet_a_mobile",
)  # fmt: skip


def named(case: Any) -> str:
    """The network that a case of `quick` is about."""
    return case if isinstance(case, str) else case.values[0]


@lru_cache(maxsize=4)
def small(name: str) -> Genotype:
    """The network at the smallest of a few inputs that it takes."""
    genotype = zoo.build(name)
    channels, *image = genotype.inputs[0].shape
    for side in SMALL:
        if len(image) == 2 and side < min(image):
            try:
                genotype = zoo.build(name, input=(channels, side, side))
            except ValueError:
                break
    return genotype


@pytest.mark.parametrize("name", quick(*FIRST - LONG))
def test_counts_agree_with_torch(name: str) -> None:
    genotype = zoo.build(name)
    network = on_meta(lambda: compile_network(genotype))
    analysis = analyse(genotype)
    assert analysis.params == sum(p.numel() for p in network.parameters())
    assert analysis.buffers == sum(b.numel() for b in network.buffers())
    forward = inference(network, [spec.shape for spec in genotype.inputs], 1)
    assert analysis.flops == forward.flops
    assert forward.outputs == [(1, *spec.shape) for spec in analysis.outputs]


@pytest.mark.parametrize("name", [case for case in quick(*FIRST - LONG) if named(case) in FIRST])
def test_runs_forward_and_backward_on_real_tensors(name: str) -> None:
    genotype = small(name)
    if analyse(genotype, 2).training_peak_bytes > REAL_BYTES:
        pytest.skip(f"needs over {REAL_BYTES:,} bytes")
    network = compile_network(genotype)
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.rand(2, *spec.shape, generator=generator) for spec in genotype.inputs]
    results = as_tuple(network(*inputs))
    assert [tuple(result.shape) for result in results] == [(2, *spec.shape) for spec in analyse(genotype).outputs]
    torch.autograd.backward([result.mean() for result in results])
    assert all(result.isfinite().all() for result in results)
    assert all(p.grad is not None and p.grad.sum().isfinite() for p in network.parameters())
    if analyse(genotype, 2).training_peak_bytes > REAL_BYTES // 10:
        del network, inputs, results
        gc.collect()  # a network refers to itself, and the next may be as large


@pytest.mark.parametrize("name", zoo.names())
def test_round_trips_through_json(name: str) -> None:
    genotype = zoo.build(name)
    assert Genotype.from_json(genotype.to_json()) == genotype


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
def test_equals_the_reference(reference: Reference) -> None:
    genotype = ours(reference)
    analysis = analyse(genotype, 8)
    weighed = analyse(build(reference, WEIGHED_AS)) if reference.name in WEIGHED_AS else analysis
    assert weighed.params == reference.params
    assert weighed.buffers == reference.buffers
    assert analysis.macs == reference.macs
    assert [list(spec.shape) for spec in analysis.outputs] == reference.outputs
    if reference.saved_bytes is not None:
        saved = analyse(build(reference, SAVED_AS), 8) if reference.name in SAVED_AS else analysis
        assert saved.saved_bytes + LOSS_BYTES - 8 * 4 * prod(reference.input) == reference.saved_bytes
    if reference.receptive_field is not None:
        assert analysis.window_field == (reference.receptive_field,) * 2


@pytest.mark.skipif(not leaves_file().is_file(), reason=f"needs {leaves_file()}, which is not part of the project")
@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
def test_layers_equal_the_reference(reference: Reference) -> None:
    listed = reference_leaves().get(reference.name)
    if listed is None:
        return
    wanted = [(LEAVES[kind], prod(shape), params, macs) for _, kind, shape, params, macs in listed if kind in LEAVES]
    genotype = ours(reference)
    rows = zip(genotype.nodes, analyse(genotype).rows, strict=True)
    found = iter([(node.op.kind, prod(row.shape), row.params, row.macs) for node, row in rows])
    if reference.name in SHORTCUT_FIRST:
        wanted, found = sorted(wanted), iter(sorted(found))
    for kinds, *numbers in wanted:  # in this order; what the reference calls as a function leaves no trace in its list
        assert any(kind in kinds and have == numbers for kind, *have in found), (kinds, numbers)


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("name", [name for name in quick("mobilenet_v2", "resnet18", "unet", "vgg11") if named(name) in TRACKED])
def test_training_memory_agrees_with_torch(name: str, batch: int) -> None:
    genotype = zoo.build(name)
    step = training_step(on_meta(lambda: compile_network(genotype)), [spec.shape for spec in genotype.inputs], batch, "sgd")
    analysis = analyse(genotype, batch)
    assert analysis.saved_bytes == step.saved
    assert abs(analysis.training_peak_bytes / step.peak - 1) < 0.01


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(zoo.ZooError, match="no network is called 'resnet5'; did you mean resnet50"):
        zoo.build("resnet5")
    with pytest.raises(zoo.ZooError, match="resnet18 has no setting 'clases'; did you mean classes"):
        zoo.build("resnet18", clases=10)
    for classes in (0, -3, 2**40, 2.5):
        with pytest.raises(zoo.ZooError, match=r"resnet18: classes=.* must be"):
            zoo.build("resnet18", classes=classes)
    with pytest.raises(zoo.ZooError, match=r"resnet18: input=\(3, -1, 8\) must be at least 1"):
        zoo.build("resnet18", input=(3, -1, 8))
    with pytest.raises(zoo.ZooError, match="resnet18: input='big' must be a shape"):
        zoo.build("resnet18", input="big")
    with pytest.raises(zoo.ZooError, match=r"resnet18: width=-64 must be at least 0"):
        zoo.build("resnet18", width=-64)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "efficientnet_b0"])
def test_inputs_smaller_than_the_stride_are_refused(name: str) -> None:
    with pytest.raises(zoo.ZooError, match=r"is smaller than the total stride of 32x32; give at least \(3, 32, 32\)"):
        zoo.build(name, input=(3, 31, 31))
    assert analyse(zoo.build(name, input=(3, 32, 32), classes=7)).outputs[0].shape == (7,)


def test_widths_beyond_any_memory_are_refused_before_anything_is_allocated() -> None:
    with pytest.raises((zoo.ZooError, GenotypeError), match=r"limit|at most"):
        zoo.build("resnet18", width=2**30)
    with pytest.raises(GenotypeError, match=r"node 'fc': linear: .* params are over the limit"):
        zoo.build("resnet18", classes=2**31)


def test_a_state_dict_that_does_not_fit_is_explained() -> None:
    genotype = zoo.build("resnet18", classes=10)
    state = dict(compile_network(genotype).state_dict())
    assert isinstance(zoo.load_state(genotype, state), nn.Module)
    state["fc.weight"] = torch.zeros(1000, 512)
    state["head.weight"] = state.pop("layer1.0.conv1.weight")
    message = (
        r"the state dict does not fit this network; 1 missing: layer1\.0\.conv1\.weight; 1 left over: head\.weight; "
        r"1 of another shape: fc\.weight \(1000, 512\) instead of \(10, 512\)"
    )
    with pytest.raises(zoo.StateError, match=message):
        zoo.load_state(genotype, state)


def test_every_reference_has_a_network_of_ours() -> None:
    known = {reference.name for reference in REFERENCES}
    assert known >= OURS.keys()
    assert len(known) == len(REFERENCES)
