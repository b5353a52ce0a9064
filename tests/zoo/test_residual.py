"""Residual and dense networks: numbers that papers print, members that have no name, and weights by torchvision's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from archsearch import Builder, Genotype, GenotypeError, analyse, compile_network, zoo
from archsearch.blocks.residual import SHORTCUTS, basic, basic_v2, bottleneck, bottleneck_v2
from archsearch.blocks.split_attention import split_attention
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.network.builder import Value
from archsearch.network.passes import drop_dead
from archsearch.ops import Hardsigmoid, SiLU
from archsearch.zoo.darknet import darknet
from archsearch.zoo.densenet import densenet, densenet_cifar
from archsearch.zoo.dpn import dpn
from archsearch.zoo.hrnet import hrnet
from archsearch.zoo.msdnet import msdnet, msdnet_cifar
from archsearch.zoo.regnet import regnet, widths
from archsearch.zoo.resnest import resnest
from archsearch.zoo.resnet import resnet, trunk
from archsearch.zoo.resnet_cifar import resnet_cifar, resnet_v2_cifar, resnext_cifar, wide_resnet_cifar
from archsearch.zoo.resnet_v2 import resnet_v2
from archsearch.zoo.senet import legacy_senet, seresnet
from tests.zoo.torch_residual import DenseNet, RegNet, ResNet


def written(shape: tuple[int, ...], write: Callable[[Builder, Value], Value]) -> Genotype:
    b = Builder(shape)
    return b.genotype(write(b, b.input))


# Numbers in print, in millions or thousands as they are printed there.


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("resnet20_cifar", 0.27), ("resnet32_cifar", 0.46), ("resnet44_cifar", 0.66), ("resnet56_cifar", 0.85), ("resnet110_cifar", 1.7),
        ("resnet164_v2_cifar", 1.7), ("resnet1001_v2_cifar", 10.3), ("wrn_16_8", 11.0), ("wrn_28_10", 36.5), ("wrn_40_2", 2.2),
        ("wrn_40_4", 8.9), ("resnext29_8x64d_cifar", 34.4), ("resnext29_16x64d_cifar", 68.2), ("densenet40_12_cifar", 1.0),
        ("densenet100_12_cifar", 7.0), ("densenet_bc100_12_cifar", 0.8), ("resnet50_v2", 25.55), ("resnest50d", 27.5),
        ("resnest101e", 48.3), ("hrnet_w48", 77.47), ("legacy_senet154", 115.09), ("se_resnext50_32x4d", 27.56),
        ("se_resnext101_32x4d", 48.96), ("msdnet_cifar", 5.48),
    ],
)  # fmt: skip
def test_params_in_millions_as_printed(name: str, params: float) -> None:
    digits = len(str(params).partition(".")[2])
    assert round(analyse(zoo.build(name)).params / 1e6, digits) == params


def test_shortcuts_without_weights_are_those_of_the_paper() -> None:
    assert analyse(zoo.build("resnet20_cifar")).params == 269_722
    assert analyse(resnet_cifar(20, shortcut="projected")).params == 269_722 + 16 * 32 + 64 + 32 * 64 + 128


@pytest.mark.parametrize(("name", "macs"), [("resnet50_v1", 3.86), ("resnet50", 4.09), ("resnet101_v1", 7.57), ("resnet152_v1", 11.28)])
def test_the_stride_in_the_first_1x1_as_in_the_paper_costs_less(name: str, macs: float) -> None:
    assert round(analyse(zoo.build(name)).macs / 1e9, 2) == macs


@pytest.mark.parametrize(
    ("genotype", "params"),
    [
        (lambda: wide_resnet_cifar(40, 1), 0.6), (lambda: wide_resnet_cifar(22, 8), 17.2), (lambda: wide_resnet_cifar(16, 10), 17.1),
        (lambda: wide_resnet_cifar(28, 12), 52.5), (lambda: wide_resnet_cifar(40, 8), 35.7), (lambda: resnet_cifar(1202), 19.4),
        (lambda: densenet_cifar(100, 24, compression=1.0, bottleneck=False), 27.2), (lambda: densenet_cifar(250, 24), 15.3),
        (lambda: densenet_cifar(190, 40), 25.6), (lambda: densenet(264), 33.3), (lambda: regnet(13, 24, 36.44, 2.49, 8), 2.7),
        (lambda: regnet(13, 24, 36.44, 2.49, 8, squeeze=0.25), 3.2), (lambda: regnet(27, 456, 160.83, 2.52, 264, squeeze=0.25), 644.8),
        (lambda: hrnet(30), 37.7), (lambda: hrnet(44), 67.1), (lambda: resnet(101, groups=32, group_width=4), 44.2),
        (lambda: resnet_v2(18), 11.7), (lambda: resnext_cifar(29, 1, 64), 4.9), (lambda: resnest(14), 10.6),
        (lambda: resnest(200, stem=64), 70.2), (lambda: resnest(269, stem=64), 110.9), (lambda: msdnet((4, 8, 12, 16, 20)), 24.0),
        (lambda: legacy_senet(101, form="resnext"), 49.0), (lambda: legacy_senet(18), 11.8),
        (lambda: dpn((4, 8, 20, 3), (20, 64, 64, 128), stem=128, inner=200, groups=50), 86.9),
        (lambda: dpn((4, 8, 28, 3), (16, 32, 32, 128), stem=128, inner=160, groups=40), 79.3),
    ],
)  # fmt: skip
def test_members_without_a_name(genotype: Callable[[], Genotype], params: float) -> None:
    assert round(analyse(genotype()).params / 1e6, 1) == params


def test_regnet_widths_follow_the_line() -> None:
    assert widths(16, 48, 27.89, 2.09) == [(48, 1), (104, 3), (208, 6), (440, 6)]
    assert widths(22, 24, 24.48, 2.54) == [(24, 1), (64, 2), (152, 7), (392, 12)]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: resnet(19), r"depth=19 is not known; choose from 10, 14, 18, 26, 34, 50, 101, 152, 200, 269"),
        (lambda: resnet(18, groups=32), r"depth=18 has no bottlenecks .*; choose from 14, 26, 50"),
        (lambda: resnet_v2(51), r"depth=51 is not known"),
        (lambda: resnet(50, group_width=0), r"channels=0 must be a whole number of at least 1"),
        (lambda: resnet(18, width=0), r"channels=0 must be a whole number of at least 1"),
        (lambda: resnet_cifar(21), r"depth=21 must be 6\*n \+ 2, such as 8, 20, 38"),
        (lambda: resnet_cifar(2), r"depth=2 must be 6\*n \+ 2"),
        (lambda: resnet_cifar(20, shortcut="paded"), r"shortcut='paded' is unknown; did you mean padded"),
        (lambda: resnet_cifar(20, shortcut="identity"), r"node 'layer2/0/add': add needs equal shapes"),
        (lambda: resnet_v2_cifar(163), r"depth=163 must be 9\*n \+ 2"),
        (lambda: wide_resnet_cifar(30), r"depth=30 must be 6\*n \+ 4"),
        (lambda: densenet(122), r"depth=122 is not known; choose from 121, 161, 169, 201, 264"),
        (lambda: densenet(compression=0.0), r"compression=0.0 must be over 0 and at most 1"),
        (lambda: densenet_cifar(41), r"depth=41 must be 6\*n \+ 4"),
        (lambda: legacy_senet(form="vgg"), r"form='vgg' is unknown; choose from resnet, resnext, senet"),
        (lambda: resnest(51), r"depth=51 is not known"),
        (lambda: regnet(step=1.0), r"start=48 must be a multiple of 8, slope=27.89 at least 0 and step=1.0 over 1"),
        (lambda: msdnet((4, 4)), r"exits=\(4, 4\) must be numbers of layers from 1 on, each larger than the one before"),
    ],
)
def test_what_cannot_be_is_refused(build: Callable[[], Genotype], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_a_size_that_the_branches_cannot_share_is_refused_where_they_meet() -> None:
    with pytest.raises(GenotypeError, match=r"node 'stage2/0/fuse_layers/0/add': add needs equal shapes"):
        hrnet(18, input=(3, 100, 100))


# Weights by torchvision's names.

CASES = [
    pytest.param(lambda: ResNet((1, 1, 1, 1), 8), lambda **s: resnet(10, width=8, **s), id="one block"),
    pytest.param(lambda: ResNet((2, 2, 2, 2), 8), lambda **s: resnet(18, width=8, **s), id="basic"),
    pytest.param(lambda: ResNet((1, 1, 1, 1), 8, inner=8), lambda **s: resnet(14, width=8, **s), id="one bottleneck"),
    pytest.param(lambda: ResNet((2, 2, 2, 2), 8, inner=16), lambda **s: resnet(26, width=8, group_width=128, **s), id="wide"),
    pytest.param(
        lambda: ResNet((2, 2, 2, 2), 8, inner=16, groups=8), lambda **s: resnet(26, width=8, groups=8, group_width=16, **s), id="grouped"
    ),
    pytest.param(lambda: DenseNet((6, 12, 24, 16), 4), lambda **s: densenet(121, growth=4, **s), id="dense"),
    pytest.param(lambda: RegNet((8, 16, 32), (1, 1, 2), 8, 0.0), lambda **s: regnet(4, 8, 8.0, 2.0, 8, **s), id="regnet x"),
    pytest.param(lambda: RegNet((8, 16, 32), (1, 1, 2), 8, 0.25), lambda **s: regnet(4, 8, 8.0, 2.0, 8, squeeze=0.25, **s), id="regnet y"),
]


def drawn(module: nn.Module) -> nn.Module:
    """The module in eval mode, with weights and running statistics drawn at random."""
    torch.manual_seed(0)
    for name, tensor in module.state_dict().items():
        if tensor.dtype == torch.float32 and tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.0) if name.endswith(("weight", "var")) else nn.init.normal_(tensor, 0, 0.1)
    return module.eval()


def assert_same_outputs(reference: nn.Module, network: nn.Module) -> None:
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(x), reference(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("make", "write"), CASES)
def test_weights_load_by_torchvisions_names(make: Callable[[], nn.Module], write: Callable[..., Genotype]) -> None:
    reference = drawn(make())
    assert_same_outputs(reference, zoo.load_state(write(classes=5, input=(3, 64, 64)), reference.state_dict()))


@pytest.mark.parametrize("inner", [0, 8])
def test_a_dilated_trunk_keeps_the_size_and_takes_the_same_weights(inner: int) -> None:
    class Trunk(ResNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.maxpool(self.bn1(self.conv1(x)).relu())
            return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    reference = drawn(Trunk((2, 2, 2, 2), 8, inner, dilate=(False, False, True, True)))
    reference.fc = nn.Identity()
    b = Builder((3, 64, 64))
    found = trunk(b, b.input, 26 if inner else 18, width=8, dilate=(False, True, True))
    assert [value.shape[1:] for value in found] == [(16, 16), (8, 8), (8, 8), (8, 8)]
    assert_same_outputs(reference, zoo.load_state(b.genotype(found[-1]), reference.state_dict()))


# Blocks.


@pytest.mark.parametrize("block", [basic, bottleneck, basic_v2, bottleneck_v2])
@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_every_block_takes_every_shortcut(block: Callable[..., Value], shortcut: str) -> None:
    same = written((16, 8, 8), lambda b, x: block(b, x, 16, shortcut=SHORTCUTS[shortcut]))
    assert analyse(same).outputs[0].shape == (16, 8, 8)
    if shortcut != "identity":
        down = written((16, 9, 9), lambda b, x: block(b, x, 32, 2, shortcut=SHORTCUTS[shortcut]))
        assert analyse(down).outputs[0].shape == (32, 5, 5)


def test_only_projections_have_weights() -> None:
    def params(shortcut: str, channels: int, stride: int) -> int:
        return analyse(written((16, 8, 8), lambda b, x: basic(b, x, channels, stride, shortcut=SHORTCUTS[shortcut]))).params

    convs = 16 * 32 * 9 + 32 * 32 * 9 + 4 * 32
    assert params("padded", 32, 2) == convs
    assert params("projected", 32, 2) == params("averaged", 32, 2) == params("projection", 32, 2) == convs + 16 * 32 + 64
    assert params("convolved", 32, 2) == convs + 16 * 32
    assert params("identity", 16, 1) == params("projected", 16, 1) == params("padded", 16, 1) == 2 * 16 * 16 * 9 + 4 * 16
    assert params("projection", 16, 1) == params("projected", 16, 1) + 16 * 16 + 32


def test_padded_shortcuts_pass_the_input_on() -> None:
    network = compile_network(written((2, 4, 4), lambda b, x: SHORTCUTS["padded"](b, x, 5, 2)))
    x = torch.rand(1, 2, 4, 4)
    assert torch.equal(network(x), torch.cat([x[:, :, ::2, ::2], torch.zeros(1, 3, 2, 2)], 1))


def test_grouped_and_wide_bottlenecks() -> None:
    narrow = analyse(written((256, 7, 7), lambda b, x: bottleneck(b, x, 256)))
    assert narrow.params == 2 * 256 * 64 + 64 * 64 * 9 + 2 * (64 + 64 + 256)
    grouped = analyse(written((256, 7, 7), lambda b, x: bottleneck(b, x, 256, inner=128, groups=32)))
    assert grouped.params == 2 * 256 * 128 + 128 * 128 * 9 // 32 + 2 * (128 + 128 + 256)


def test_squeeze_excite_costs_two_linear_maps_and_takes_other_gates() -> None:
    genotype = written((32, 7, 7), lambda b, x: squeeze_excite(b, x, 8, gate=Hardsigmoid(), activation=SiLU(), names=("reduce", "expand")))
    assert analyse(genotype).params == 32 * 8 + 8 + 8 * 32 + 32
    assert [node.name for node in genotype.nodes] == ["avgpool", "reduce", "activation", "expand", "scale_activation", "scale"]


@pytest.mark.parametrize(("radix", "groups"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_split_attention_averages_its_splits(radix: int, groups: int) -> None:
    genotype = written((16, 8, 8), lambda b, x: split_attention(b, x, 16, 2, radix=radix, groups=groups))
    network = compile_network(genotype).eval()
    assert network(torch.rand(2, 16, 8, 8)).shape == (2, 16, 4, 4)


def test_dropout_stands_where_it_is_asked_for() -> None:
    def dropouts(genotype: Genotype) -> int:
        return sum(node.op.kind == "dropout" for node in genotype.nodes)

    assert dropouts(wide_resnet_cifar(16, 2)) == dropouts(densenet_cifar(40, 12)) == dropouts(legacy_senet(50, dropout=0.0)) == 0
    assert dropouts(wide_resnet_cifar(16, 2, dropout=0.3)) == 6
    assert dropouts(densenet_cifar(40, 12, dropout=0.2)) == 18
    assert dropouts(legacy_senet(50)) == 1


# Networks that stop early.


def to_exit(genotype: Genotype, number: int) -> Genotype:
    return drop_dead(Genotype(genotype.inputs, genotype.nodes, (genotype.outputs[number],)))


@pytest.mark.parametrize(
    ("genotype", "exits", "classes"),
    [
        (lambda: zoo.build("msdnet"), 5, 1000),
        (lambda: msdnet((9, 15, 21, 27, 33)), 5, 1000),
        (lambda: msdnet((10, 17, 24, 31, 38)), 5, 1000),
        (lambda: zoo.build("msdnet_cifar"), 11, 10),
    ],
)
def test_later_exits_cost_more(genotype: Callable[[], Genotype], exits: int, classes: int) -> None:
    network = genotype()
    assert [spec.shape for spec in analyse(network).outputs] == [(classes,)] * exits
    macs = [analyse(to_exit(network, number)).macs for number in range(exits)]
    assert macs == sorted(set(macs))
    assert macs[-1] < analyse(network).macs < sum(macs)


def test_exits_that_are_not_listed() -> None:
    genotype = msdnet_cifar((1, 3, 6), factors=(1, 2), classes=7)
    assert [spec.shape for spec in analyse(genotype).outputs] == [(7,)] * 3
    names = {node.name.split("/")[0] + "/" + node.name.split("/")[1] for node in genotype.nodes if node.name.startswith("layer")}
    assert {"layer3/scale0", "layer3/scale1", "layer4/scale1"} <= names
    assert "layer4/scale0" not in names


def test_darknet_and_dual_path_by_their_settings() -> None:
    small: dict[str, Any] = {"classes": 3, "input": (3, 64, 64)}
    assert analyse(darknet((1, 1), width=8, **small)).outputs[0].shape == (3,)
    genotype = dpn((1, 2, 1, 1), (4, 4, 4, 4), stem=8, residual=16, inner=8, groups=4, **small)
    channels = {node.name: spec.shape[0] for node, spec in zip(genotype.nodes, genotype.specs[1:], strict=True)}
    assert [channels[f"features/conv{stage}/concat"] for stage in ("2_1", "3_1", "3_2")] == [16 + 12, 32 + 12, 32 + 16]


def test_squeeze_excite_adds_the_papers_tenth_to_resnet50() -> None:
    plain, squeezed = analyse(resnet(50)), analyse(seresnet(50))
    assert squeezed.params - plain.params == 2_530_992
    assert squeezed.macs < 1.001 * plain.macs
