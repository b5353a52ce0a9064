"""Mobile and searched networks: numbers from papers, members that have no name, blocks, weights by torchvision's names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from archsearch import Builder, Genotype, analyse, compile_network, zoo
from archsearch.blocks.mobile import depthwise_separable, divisible, fused_mbconv, inverted_residual, mbconv
from archsearch.blocks.shuffle import shuffle_unit, shuffle_unit_v2
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.network import passes
from archsearch.network.builder import Value
from archsearch.ops import Conv2d, Hardsigmoid, Hardswish
from archsearch.zoo.amoebanet import AMOEBANET_A, AMOEBANET_D, amoebanet
from archsearch.zoo.darts import DARTS_V1, darts_cifar, darts_imagenet
from archsearch.zoo.efficientnet import B0, V2, efficientnet, efficientnet_v2, stacked
from archsearch.zoo.mnasnet import mnasnet
from archsearch.zoo.mobilenet import mobilenet_v1, mobilenet_v2
from archsearch.zoo.mobilenet_v3 import mobilenet_v3
from archsearch.zoo.nasnet import LARGE, nasnet_a
from archsearch.zoo.shufflenet import shufflenet_v1, shufflenet_v2
from tests.zoo import torch_mobile

SMALL = (3, 64, 64)


def written(shape: tuple[int, ...], write: Callable[[Builder, Value], Value]) -> Genotype:
    b = Builder(shape)
    return b.genotype(write(b, b.input))


def shape_of(genotype: Genotype) -> tuple[int, ...]:
    return analyse(genotype).outputs[0].shape


def millions(count: int) -> float:
    return round(count / 1e6, 1)


# Numbers from the papers.


@pytest.mark.parametrize(
    ("width", "params", "macs"), [(0.25, 0.5, 41), (0.5, 1.3, 149), (0.75, 2.6, 325), (1.0, 4.2, 569)], ids=lambda value: str(value)
)
def test_mobilenet_v1_has_the_costs_of_its_table_6(width: float, params: float, macs: int) -> None:
    analysis = analyse(mobilenet_v1(width))
    assert (millions(analysis.params), round(analysis.macs / 1e6)) == (params, macs)


@pytest.mark.parametrize(("side", "macs"), [(192, 418), (160, 290), (128, 186)])
def test_mobilenet_v1_has_the_costs_of_its_table_7(side: int, macs: int) -> None:
    assert round(analyse(zoo.build("mobilenet_v1", input=(3, side, side))).macs / 1e6) == pytest.approx(macs, abs=1)


@pytest.mark.parametrize(("groups", "macs"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_shufflenet_v1_has_the_costs_of_its_table_1(groups: int, macs: int) -> None:
    """The paper leaves the classifier out."""
    analysis = analyse(zoo.build(f"shufflenet_v1_g{groups}"))
    assert analysis.macs / 1e6 - analysis.rows[-1].macs / 1e6 == pytest.approx(macs, abs=0.6)


@pytest.mark.parametrize(("width", "macs"), [(0.25, 13), (0.5, 38), (1.5, 292), (2.0, 524)])
def test_shufflenet_v1_of_other_widths(width: float, macs: int) -> None:
    assert round(analyse(shufflenet_v1(3, width)).macs / 1e6) == macs


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("shufflenet_v2_x1_5", 3_503_624),
        ("shufflenet_v2_x2_0", 7_393_996),
        ("mnasnet0_75", 3_170_208),
        ("mobilenet_v2_x1_4", 6_108_776),
        ("efficientnet_b4", 19_341_616),
        ("efficientnet_b6", 43_040_704),
        ("efficientnet_v2_m", 54_139_356),
        ("efficientnet_v2_l", 118_515_272),
        ("darts_v2_cifar_aux", 3_349_342 + 476_426),
        ("darts_v2_imagenet_aux", 4_718_752 + 1_260_776),
    ],
)
def test_params_of_members_without_a_reference(name: str, params: int) -> None:
    assert analyse(zoo.build(name)).params == params


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("amoebanet_a", 86.7, 23_100),
        ("amoebanet_a_mobile", 5.1, 555),
        ("pnasnet5_mobile", 5.1, 588),
        ("nasnet_a_mobile", 5.3, 564),
        ("darts_v2_imagenet", 4.7, 530),
    ],
)
def test_searched_networks_cost_what_is_published(name: str, params: float, macs: int) -> None:
    analysis = analyse(zoo.build(name))
    assert millions(analysis.params) == params
    assert analysis.macs / 1e6 == pytest.approx(macs, rel=0.01)


def test_amoebanet_of_other_sizes() -> None:
    assert analyse(amoebanet(AMOEBANET_A, 6, 448)).params / 1e6 == pytest.approx(469, rel=0.01)
    assert [analyse(amoebanet(AMOEBANET_D, 6, channels)).params / 1e6 for channels in (208, 416, 544)] == pytest.approx(
        [82, 318, 542], rel=0.02
    )


def test_darts_on_imagenet_follows_the_code_of_its_authors() -> None:
    analysis = analyse(zoo.build("darts_v2_imagenet"))
    assert (analysis.params, analysis.macs) == (4_718_752, 529_911_552)


# Members that have no name.


def test_widths_and_depths_scale() -> None:
    assert shape_of(mobilenet_v2(0.35, classes=7, input=SMALL)) == (7,)
    assert analyse(mobilenet_v3("small", width=0.5)).params < analyse(mobilenet_v3("small")).params
    assert shape_of(shufflenet_v2(channels=(8, 16, 32, 64, 128), classes=3, input=SMALL)) == (3,)
    assert analyse(efficientnet(1.0, 2.0)).macs > 1.8 * analyse(efficientnet()).macs
    assert shape_of(nasnet_a(2, 480, stem=16, classes=5, input=SMALL)) == (5,)
    assert shape_of(darts_imagenet(DARTS_V1, depth=8, channels=16, input=(3, 96, 96))) == (1000,)


def test_a_dilated_mobilenet_v3_ends_at_stride_16() -> None:
    dilated = mobilenet_v3(dilated=True)
    assert dilated.specs[dilated.value_names.index("features/16/2")].shape == (960, 14, 14)
    assert analyse(dilated).params == analyse(mobilenet_v3()).params


def test_auxiliary_heads_are_second_outputs() -> None:
    for name, classes in (("darts_v1_cifar_aux", 10), ("darts_v1_imagenet_aux", 1000)):
        genotype = zoo.build(name)
        assert [spec.shape for spec in analyse(genotype).outputs] == [(classes,)] * 2
        plain, ours = zoo.build(name.removesuffix("_aux")), Genotype(genotype.inputs, genotype.nodes, genotype.outputs[:1])
        assert passes.canonicalise(ours).fingerprint == passes.canonicalise(plain).fingerprint


def test_the_cell_behind_a_reduction_may_read_past_it() -> None:
    near, far = (nasnet_a(2, 96, stem=8, around=around, input=SMALL) for around in (False, True))
    assert analyse(near).params == analyse(far).params
    assert near.fingerprint != far.fingerprint


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(mobilenet_v2, 0), "a width of 0 channels is too small"),
        (partial(mobilenet_v3, "medium"), "size='medium' must be one of large, small"),
        (partial(shufflenet_v1, 5), "groups=5 must be one of 1, 2, 3, 4, 8"),
        (partial(shufflenet_v1, 3, 0.01), "width=0.01 leaves no channels for 3 groups"),
        (partial(shufflenet_v2, 1.1), "width=1.1 must be one of 0.5, 1.0, 1.5, 2.0; for another give channels="),
        (partial(shufflenet_v2, channels=(8, 15, 30, 60, 64)), "channels=15 must be even"),
        (partial(efficientnet, depth=0), "0 blocks must be 1 to"),
        (partial(efficientnet, depth=1e9), "blocks must be 1 to 2000"),
        (partial(efficientnet_v2, "xl"), "size='xl' must be one of s, m, l"),
        (partial(nasnet_a, 6, 1000), "features=1000 must be a multiple of 24"),
        (partial(darts_cifar, depth=2), "depth=2 must be at least 3"),
        (partial(darts_cifar, depth=2**31), "cells are over the limit"),
        (partial(amoebanet, channels=3), "channels=0 must be a whole number of at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], Genotype], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# Blocks.


def test_a_depthwise_separable_convolution_costs_a_ninth_and_an_nth() -> None:
    shape, channels = (64, 14, 14), 128
    separable = analyse(written(shape, lambda b, x: depthwise_separable(b, x, channels))).macs
    assert separable / analyse(written(shape, lambda b, x: b(Conv2d(channels, 3), x))).macs == pytest.approx(1 / channels + 1 / 9)


def test_an_inverted_residual_has_what_it_is_given() -> None:
    excite = partial(squeeze_excite, squeezed=4, gate=Hardsigmoid())
    genotype = written((16, 8, 8), lambda b, x: inverted_residual(b, x, 16, 48, kernel=5, activation=Hardswish(), excite=excite))
    kinds = [node.op.kind for node in genotype.nodes]
    assert kinds.count("hardswish") == 2
    assert kinds[-3:] == ["conv2d", "batch_norm2d", "add"]
    assert "hardsigmoid" in kinds
    for made, stride, expanded in ((24, 1, 48), (16, 2, 48), (24, 1, 16)):
        plain = written((16, 8, 8), partial(inverted_residual, channels=made, expanded=expanded, stride=stride))
        kinds = [node.op.kind for node in plain.nodes]
        assert shape_of(plain) == (made, 8 // stride, 8 // stride)
        assert "add" not in kinds
        assert kinds.count("conv2d") == (1 if expanded == 16 else 2)


def test_a_fused_mbconv_has_fewer_and_larger_convolutions() -> None:
    plain, fused = (written((16, 8, 8), partial(block, channels=16, expansion=4, drop=0.1)) for block in (mbconv, fused_mbconv))
    assert shape_of(plain) == shape_of(fused) == (16, 8, 8)
    assert analyse(fused).macs > analyse(plain).macs
    assert [node.op.kind for node in fused.nodes][-2:] == ["stochastic_depth", "add"]


@pytest.mark.parametrize("unit", [shuffle_unit, shuffle_unit_v2])
def test_a_shuffle_unit_mixes_all_channels(unit: Callable[[Builder, Value, int, int], Value]) -> None:
    genotype = written((24, 8, 8), lambda b, x: unit(b, unit(b, unit(b, x, 48, 2), 48, 1), 48, 1))
    assert shape_of(genotype) == (48, 4, 4)
    network, x = compile_network(genotype).eval(), torch.rand(1, 24, 8, 8, requires_grad=True)
    network(x)[0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum((0, 2, 3)) > 0).sum() > 12


@pytest.mark.parametrize(("channels", "nearest"), [(3, 8), (12, 16), (11, 16), (33, 32), (35.1, 32), (36, 40), (91, 88)])
def test_widths_are_rounded_and_lose_a_tenth_at_most(channels: float, nearest: int) -> None:
    assert divisible(channels) == nearest


# Weights by the names of torchvision.


def with_random_state(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                for tensor, low in ((module.running_mean, -0.1), (module.running_var, 0.8), (module.weight, 1.0), (module.bias, -0.1)):
                    tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.4 + low)
    return network.eval()


FAMILIES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Genotype]]] = {
    "mobilenet_v2": (partial(torch_mobile.mobilenet_v2, 0.25, 5), partial(mobilenet_v2, 0.25, classes=5, input=SMALL)),
    "mobilenet_v3": (
        partial(torch_mobile.mobilenet_v3_large, 0.25, 5),
        partial(mobilenet_v3, "large", width=0.25, classes=5, input=SMALL),
    ),
    "mobilenet_v3_dilated": (
        partial(torch_mobile.mobilenet_v3_large, 0.25, 5, dilated=True),
        partial(mobilenet_v3, "large", width=0.25, dilated=True, classes=5, input=SMALL),
    ),
    "mnasnet": (partial(torch_mobile.mnasnet_b1, 0.25, 5), partial(mnasnet, 0.25, classes=5, input=SMALL)),
    "shufflenet_v2": (
        partial(torch_mobile.ShuffleNetV2, (8, 12, 24, 48, 64), 5),
        partial(shufflenet_v2, channels=(8, 12, 24, 48, 64), classes=5, input=SMALL),
    ),
    "efficientnet": (
        partial(
            torch_mobile.efficient,
            8,
            [stage._replace(channels=divisible(stage.channels / 4), blocks=-(-stage.blocks // 2)) for stage in B0],
            320,
            nn.BatchNorm2d,
            5,
        ),
        partial(efficientnet, 0.25, 0.5, classes=5, input=SMALL),
    ),
    "efficientnet_v2": (
        partial(torch_mobile.efficient, 24, [s._replace(blocks=2) for s in V2["s"]], 64, partial(nn.BatchNorm2d, eps=0.001), 5),
        lambda: stacked(24, [s._replace(blocks=2) for s in V2["s"]], 64, LARGE.norm, 0.2, 0.2, 5, SMALL),
    ),
}


@pytest.mark.parametrize(("reference", "ours"), FAMILIES.values(), ids=FAMILIES)
def test_state_of_the_reference_gives_its_outputs(reference: Callable[[], nn.Module], ours: Callable[[], Genotype]) -> None:
    torch.manual_seed(0)
    network = with_random_state(reference())
    loaded = zoo.load_state(ours(), network.state_dict()).eval()
    images = torch.randn(2, *SMALL, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, found = network(images), loaded(images)
    assert wanted.std() > 1e-3
    assert torch.allclose(wanted, found, rtol=0, atol=1e-5 * max(1.0, float(wanted.abs().max())))
