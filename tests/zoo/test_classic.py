"""The classic networks: numbers that papers and lectures print, members that have no name, and weights by torchvision's names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from archsearch import Builder, Genotype, GenotypeError, ShapeError, TensorSpec, analyse, compile_network, zoo
from archsearch.blocks import inception
from archsearch.blocks.basic import chain
from archsearch.blocks.classic import conv_relu, exactly, fits_exactly, scaled_tanh
from archsearch.blocks.fire import fire
from archsearch.network.builder import Value
from archsearch.ops import AvgPool2d, Conv2d, MaxPool2d
from archsearch.zoo.lenet import C3
from archsearch.zoo.squeezenet import squeezenet
from archsearch.zoo.srcnn import srcnn
from archsearch.zoo.vgg import vgg
from tests.meta_tracker import as_tuple
from tests.zoo.torch_classic import VGG, AlexNet, GoogLeNet, InceptionV3, SqueezeNet

MODULE_INPUT = (256, 28, 28)


def written(shape: tuple[int, ...], write: Callable[[Builder, Value], Value]) -> Genotype:
    b = Builder(shape)
    return b.genotype(write(b, b.input))


def params_of(genotype: Genotype, *names: str) -> list[int]:
    rows = dict(zip(genotype.value_names[1:], analyse(genotype).rows, strict=True))
    return [rows[name].params for name in names]


def shapes_of(genotype: Genotype, *names: str) -> list[tuple[int, ...]]:
    specs = dict(zip(genotype.value_names, genotype.specs, strict=True))
    return [specs[name].shape for name in names]


# What lectures print.


def test_ten_5x5_filters_on_a_small_image() -> None:
    conv = Conv2d(10, 5, padding=2)
    assert conv.infer(TensorSpec((3, 32, 32))).shape == (10, 32, 32)
    assert conv.cost(TensorSpec((3, 32, 32))).params == 760


def test_three_3x3_see_what_one_7x7_sees() -> None:
    stack = written((16, 32, 32), lambda b, x: chain(b, x, conv_relu(16, 3)))
    single = written((16, 32, 32), lambda b, x: chain(b, x, conv_relu(16, kernel=7)))
    assert analyse(stack).receptive_field == analyse(single).receptive_field == (7, 7)
    assert analyse(stack).macs < analyse(single).macs


def test_a_3x3_filter_with_stride_3_does_not_fit_7_positions() -> None:
    assert [fits_exactly(7, 3, stride) for stride in (1, 2, 3)] == [True, True, False]
    assert fits_exactly(7, 3, 3, padding=1)
    assert not fits_exactly(2, 3)
    b = Builder((1, 7, 7))
    message = r"conv2d: kernel=3 with stride=3 and padding=0 does not fit into \(1, 7, 7\): .* must be whole; use another stride or padding"
    with pytest.raises(ShapeError, match=message):
        exactly(b, Conv2d(1, 3, 3, 0), b.input)
    assert exactly(b, Conv2d(1, 3, 2, 0), b.input).shape == (1, 3, 3)
    assert exactly(b, MaxPool2d(3, 3, 1), b.input).shape == (1, 3, 3)
    with pytest.raises(ShapeError, match=r"avg_pool2d: kernel=2 with stride=2 .* does not fit"):
        exactly(b, AvgPool2d(2), b.input)
    assert b(Conv2d(1, 3, 3, 0), b.input).shape == (1, 2, 2)  # torch leaves the last position out


def test_bottlenecks_make_the_inception_module_cheap() -> None:
    plain = written(MODULE_INPUT, lambda b, x: inception.naive(b, x, 128, 192, 96))
    narrow = written(MODULE_INPUT, lambda b, x: inception.bottlenecked(b, x, 128, 64, 192, 64, 96, 64))
    assert analyse(plain).macs == 854_196_224
    assert analyse(narrow).macs == 271_351_808
    assert [analyse(plain).outputs[0].shape, analyse(narrow).outputs[0].shape] == [(672, 28, 28), (480, 28, 28)]
    threes = dict(zip(narrow.value_names[1:], analyse(narrow).rows, strict=True))["branch2/1/conv"].macs
    assert analyse(narrow).macs + threes == 358_055_936  # the 358 M of the lecture counts the 3x3 twice


def test_alexnet_of_the_paper() -> None:
    genotype = zoo.build("alexnet_paper")
    assert shapes_of(genotype, "conv1", "pool1", "pool2", "pool5") == [(96, 55, 55), (96, 27, 27), (256, 13, 13), (256, 6, 6)]
    assert params_of(genotype, "conv1", "conv2", "conv3", "fc8") == [34_944, 307_456, 885_120, 4_097_000]
    assert analyse(genotype).params == 60_965_224
    together = analyse(zoo.build("alexnet_paper", columns=1)).params
    assert together - 60_965_224 == 25 * 48 * 256 + 9 * 192 * (384 + 256)


def test_vgg16_has_138_million_params() -> None:
    assert round(analyse(zoo.build("vgg16")).params, -6) == 138_000_000


# What the papers print.


def test_lenet5_of_1998() -> None:
    genotype = zoo.build("lenet5_1998")
    names = ("c1/conv2d", "s2/coefficient", "c3/sparse_conv2d", "s4/coefficient", "c5/conv2d", "f6/linear")
    assert params_of(genotype, *names) == [156, 12, 1_516, 32, 48_120, 10_164]
    assert sum(params_of(genotype, *names)) == 60_000
    assert [len(row) for row in C3] == [3] * 6 + [4] * 9 + [6]
    assert [sum(read in row for row in C3) for read in range(6)] == [10] * 6
    assert shapes_of(genotype, "c3/sparse_conv2d", "c5/conv2d", "output") == [(16, 10, 10), (120, 1, 1), (10,)]


def test_the_wide_tanh_is_one_at_one() -> None:
    network = compile_network(written((3,), scaled_tanh))
    torch.testing.assert_close(network(torch.tensor([[-1.0, 0.0, 1.0]])), torch.tensor([[-1.0, 0.0, 1.0]]), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "settings", "params"),
    [
        ("perceptron", {}, 7_850),
        ("perceptron", {"input": (20,), "classes": 2}, 42),
        ("mlp", {"hidden": (300, 100)}, 266_610),
        ("mlp", {"hidden": (7,), "input": (5,), "classes": 3, "dropout": 0.5}, 66),
        ("lenet_300_100", {}, 266_610),
        ("lenet5", {}, 61_706),
        ("zfnet", {}, 62_357_608),
        ("nin_cifar", {}, 966_986),
        ("nin_imagenet", {}, 7_595_176),
        ("vgg13_bn", {}, 133_053_736),
        ("vgg16_c", {}, 133_638_952),
        ("googlenet_paper", {}, 6_998_552),
        ("googlenet_paper_aux", {}, 13_378_280),
        ("squeezenet1_0", {"bypass": "simple"}, 1_248_424),
        ("squeezenet1_0_complex_bypass", {}, 1_248_424 + 97 * 128 + 129 * 256 + 257 * 384 + 385 * 512),
        ("srcnn_9_1_5", {}, 8_032 + 97),
        ("srcnn_9_3_5", {}, 24_416 + 97),
        ("srcnn_9_5_5", {}, 57_184 + 97),
    ],
)  # fmt: skip
def test_params_as_printed(name: str, settings: dict[str, Any], params: int) -> None:
    assert analyse(zoo.build(name, **settings)).params == params


def test_zfnet_has_the_maps_of_its_figure() -> None:
    names = ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")
    assert [shape[1] for shape in shapes_of(zoo.build("zfnet"), *names)] == [110, 55, 26, 13, 13, 6]


def test_srcnn_keeps_the_size_or_loses_the_borders() -> None:
    assert analyse(zoo.build("srcnn_9_1_5", input=(3, 40, 50))).outputs[0].shape == (3, 40, 50)
    assert analyse(zoo.build("srcnn_9_1_5", padded=False)).outputs[0].shape == (1, 21, 21)


def test_inception_modules_make_the_channels_of_the_papers() -> None:
    made = {
        inception.v3_a: (192, 35, 256), inception.v3_b: (288, 35, 768), inception.v3_c: (768, 17, 768), inception.v3_d: (768, 17, 1280),
        inception.v3_e: (1280, 8, 2048), inception.v4_a: (384, 35, 384), inception.v4_b: (1024, 17, 1024), inception.v4_c: (1536, 8, 1536),
        inception.v4_reduction_b: (1024, 17, 1536), inception.residual_a: (320, 35, 320), inception.residual_b: (1088, 17, 1088),
        inception.residual_c: (2080, 8, 2080), inception.residual_reduction_b: (1088, 17, 2080),
    }  # fmt: skip
    for module, (read, side, channels) in made.items():
        settings = {"pooled": 32} if module is inception.v3_a else {}
        shape = written((read, side, side), lambda b, x, m=module, s=settings: m(b, x, **s)).specs[-1].shape
        assert shape[0] == channels, module
    assert written((3, 299, 299), inception.v4_stem).specs[-1].shape == (384, 35, 35)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vgg: depth=12 is not known; choose from 11, 13, 16, 19"):
        vgg(12)
    with pytest.raises(ValueError, match=r"squeezenet: version='2\.0' is not known; choose from 1\.0, 1\.1"):
        squeezenet("2.0")
    with pytest.raises(ValueError, match=r"fire: bypass='both' must be one of none, simple, complex"):
        zoo.build("squeezenet1_0", bypass="both")
    with pytest.raises(ValueError, match=r"inception_v4: blocks=\(4, 7\) must be 3 numbers"):
        zoo.build("inception_v4", blocks=(4, 7))
    with pytest.raises(ValueError, match=r"inception_resnet_v2: scales=\(0\.1,\) must be 3 numbers"):
        zoo.build("inception_resnet_v2", scales=(0.1,))
    with pytest.raises(ValueError, match=r"srcnn: kernels=\(9, 5\) must be 3 numbers"):
        srcnn((9, 5))
    with pytest.raises(zoo.ZooError, match=r"mlp cannot be built with hidden=5"):
        zoo.build("mlp", hidden=5)
    with pytest.raises(GenotypeError, match=r"node 'conv2': conv2d: groups=2 must divide"):
        zoo.build("alexnet_paper", width=0.01)
    with pytest.raises(GenotypeError, match=r"node 'c5/conv2d': conv2d: kernel=5 .* does not fit"):
        zoo.build("lenet5_1998", input=(1, 28, 28))
    with pytest.raises(GenotypeError, match=r"node 'AuxLogits/avg_pool2d': avg_pool2d: kernel=5 does not fit"):
        zoo.build("inception_v3_aux", input=(3, 96, 96))


# Weights by torchvision's names.

EIGHTH = {"width": 0.125, "classes": 5}
LOADED = {
    "alexnet": (AlexNet, {**EIGHTH, "hidden": 16}, 64),
    "vgg11": (partial(VGG, norm=False), {"width": 8, "hidden": 16, "classes": 5}, 32),
    "vgg11_bn": (partial(VGG, norm=True), {"width": 8, "hidden": 16, "classes": 5}, 40),
    "squeezenet1_0": (partial(SqueezeNet, "1.0"), {"expanded": 16, "grow": 16, "classes": 5}, 50),
    "squeezenet1_1": (partial(SqueezeNet, "1.1"), {"expanded": 16, "grow": 16, "classes": 5}, 50),
    "googlenet": (partial(GoogLeNet, aux=False), EIGHTH, 64),
    "googlenet_aux": (partial(GoogLeNet, aux=True), EIGHTH, 97),
    "inception_v3": (partial(InceptionV3, aux=False), EIGHTH, 80),
    "inception_v3_aux": (partial(InceptionV3, aux=True), EIGHTH, 299),
}


def randomised(network: nn.Module) -> nn.Module:
    """The network with every weight and running statistic drawn at random, of a size that keeps the signal alive."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("running_var", "bn.weight")) or (tensor.dim() == 1 and name.endswith("weight")):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.dim() == 1:
                tensor.normal_(0, 0.1, generator=generator)
            elif tensor.dim() > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
    return network.eval()


@pytest.mark.parametrize("name", LOADED)
def test_weights_load_by_their_names_in_torchvision(name: str) -> None:
    make, settings, side = LOADED[name]
    reference = randomised(make())
    network = zoo.load_state(zoo.build(name, input=(3, side, side), **settings), reference.state_dict()).eval()
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, wanted = network(x), reference(x)
    for have, want in zip(as_tuple(found), as_tuple(wanted), strict=True):
        assert want.std() > 1e-2
        torch.testing.assert_close(have, want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bypass", ["simple", "complex"])
def test_a_bypass_adds_the_input_of_a_fire_module(bypass: str) -> None:
    around = {"simple": (8,), "complex": (6, 8)}[bypass]
    for channels in (6, 8):
        genotype = written((channels, 5, 5), lambda b, x: fire(b, x, 2, 4, 4, bypass=bypass))
        assert any(node.op.kind == "add" for node in genotype.nodes) == (channels in around)
        assert ("bypass" in genotype.value_names) == (bypass == "complex" and channels == 6)
