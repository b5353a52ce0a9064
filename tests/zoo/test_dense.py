"""Segmentation, flow and detection: numbers that papers print, members that have no name, and weights by torchvision's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archsearch import Builder, Genotype, GenotypeError, TensorSpec, analyse, compile_network, layers, zoo
from archsearch.blocks.decoder import (
    atrous_pyramid,
    double_conv,
    down,
    feature_pyramid,
    pool_with_places,
    refine,
    resize_to,
    unpool,
    up,
)
from archsearch.blocks.detection import cut_regions, frozen, mask_head, own_head, region_head
from archsearch.ops import BatchNorm2d, BoxRows, FrozenBatchNorm2d, L2Norm2d, MultiScaleRoIAlign, Op, Pyramid, PyramidConv2d
from archsearch.zoo.deeplab import deeplabv3_mobilenet_v3, deeplabv3_resnet
from archsearch.zoo.dilated_context import dilated_context, dilated_vgg16
from archsearch.zoo.faster_rcnn import faster_rcnn_resnet_fpn
from archsearch.zoo.fc_densenet import fc_densenet
from archsearch.zoo.fcn import fcn_resnet, fcn_vgg16
from archsearch.zoo.flownet import flownet_s
from archsearch.zoo.frrn import frrn
from archsearch.zoo.gridnet import gridnet
from archsearch.zoo.lraspp import lraspp_mobilenet_v3
from archsearch.zoo.retinanet import retinanet_resnet_fpn
from archsearch.zoo.segnet import segnet, segnet_basic
from archsearch.zoo.sharpmask import sharpmask
from archsearch.zoo.ssd import ssd300_vgg16
from archsearch.zoo.unet import unet
from archsearch.zoo.yolo import yolo_v1
from tests.zoo.torch_dense import (
    LiteHead,
    LiteSegmentation,
    MaskRcnn,
    MobileTrunk,
    RetinaNet,
    Segmentation,
    Ssd,
    Trunk,
    cut,
    deeplab_head,
    fcn_head,
)


def shapes(genotype: Genotype) -> list[tuple[int, ...]]:
    return [spec.shape for spec in analyse(genotype).outputs]


def row(genotype: Genotype, name: str) -> Any:
    return next(row for row in analyse(genotype).rows if row.name == name)


# Numbers in print.


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("unet", 31_030_658), ("unet_padded", 31_037_698), ("fcn_resnet50", 32_957_013), ("fcn_resnet50_aux", 35_322_218),
        ("fcn_resnet101_aux", 54_314_346), ("deeplabv3_resnet50_aux", 42_004_074), ("deeplabv3_resnet101_aux", 60_996_202),
        ("deeplabv3_mobilenet_v3_large_aux", 11_029_328), ("lraspp_mobilenet_v3_large", 3_221_538), ("ssd300_vgg16", 35_641_826),
        ("retinanet_resnet50_fpn", 34_014_999), ("fasterrcnn_resnet50_fpn", 41_755_286), ("maskrcnn_resnet50_fpn", 44_401_393),
        ("flownet_s", 38_676_504), ("yolo_v1", 271_703_550),
    ],
)  # fmt: skip
def test_params_as_printed(name: str, params: int) -> None:
    assert analyse(zoo.build(name)).params == params


@pytest.mark.parametrize(
    ("name", "params"), [("frrn_a", 17.7), ("frrn_b", 24.8), ("segnet", 29.45), ("fcn8s_vgg16", 134), ("dilated_vgg16_context", 141.15)]
)
def test_params_in_millions_as_printed(name: str, params: float) -> None:
    digits = len(str(params).partition(".")[2])
    assert round(analyse(zoo.build(name)).params / 1e6, digits) == params


@pytest.mark.parametrize(("name", "params"), [("fc_densenet67", 3.5), ("fc_densenet103", 9.4)])
def test_fc_densenets_count_the_statistics_of_their_norms_in_print(name: str, params: float) -> None:
    analysis = analyse(zoo.build(name))
    norms = sum(node.op == BatchNorm2d() for node in analysis.genotype.nodes)
    assert round((analysis.params + analysis.buffers - norms) / 1e6, 1) == params


@pytest.mark.parametrize(
    ("name", "settings", "macs"),
    [
        ("ssd300_vgg16", {}, 34.858), ("retinanet_resnet50_fpn", {}, 151.540), ("fasterrcnn_resnet50_fpn", {"boxes": 1000}, 134.380),
        ("fcn_resnet101_aux", {}, 232.738), ("deeplabv3_resnet101_aux", {}, 258.743), ("deeplabv3_mobilenet_v3_large_aux", {}, 10.452),
    ],
)  # fmt: skip
def test_macs_in_thousand_millions_as_printed(name: str, settings: dict[str, Any], macs: float) -> None:
    assert round(analyse(zoo.build(name, **settings)).macs / 1e9, 3) == macs


def test_fields_as_printed() -> None:
    assert row(zoo.build("fcn32s_vgg16"), "score_fr").receptive_field == (404, 404)
    for size in ("basic", "large"):
        context = dilated_context(size)
        assert [row(context, f"conv{number}").receptive_field[0] for number in range(1, 9)] == [3, 5, 9, 17, 33, 65, 67, 67]
        assert shapes(context) == [(21, 64, 64)]
    weights = [row(dilated_context("basic"), f"conv{number}").params - 21 for number in range(1, 9)]
    assert sum(weights) == 64 * 21**2


def test_what_comes_out() -> None:
    assert shapes(unet()) == [(2, 388, 388)]
    assert sum("conv" in node.op.kind for node in unet().nodes) == 23
    assert shapes(dilated_vgg16()) == shapes(dilated_vgg16("basic")) == [(21, 66, 66)]
    assert shapes(zoo.build("sharpmask")) == [(1, 160, 160), (1,)]
    assert shapes(flownet_s()) == [(2, 384 >> level, 512 >> level) for level in (2, 3, 4, 5, 6)]
    assert shapes(yolo_v1()) == [(30, 7, 7)]
    assert shapes(ssd300_vgg16()) == [(8732, 91), (8732, 4)]
    positions = sum(side**2 for side in (100, 50, 25, 13, 7))
    assert shapes(retinanet_resnet_fpn()) == [(9 * positions, 91), (9 * positions, 4)]
    positions = sum(side**2 for side in (200, 100, 50, 25, 13))
    rcnn = [(3 * positions, 1), (3 * positions, 4), (100, 91), (100, 364)]
    assert shapes(faster_rcnn_resnet_fpn()) == rcnn
    assert shapes(faster_rcnn_resnet_fpn(masks=True)) == [*rcnn, (100, 91, 28, 28)]


@pytest.mark.parametrize(
    ("write", "out"),
    [
        (lambda: unet(8, 3, padded=True, input=(3, 90, 70)), (2, 90, 70)),
        (lambda: unet(8, 2, norm=True, input=(1, 64, 80)), (2, 24, 40)),
        (lambda: fc_densenet(layers=(2, 2, 3, 2, 2), growth=4, width=8, input=(3, 45, 61)), (11, 45, 61)),
        (lambda: segnet(((8,), (16, 16)), input=(3, 45, 62)), (11, 45, 62)),
        (lambda: segnet_basic(8, depth=2, kernel=3, input=(3, 45, 62)), (11, 45, 62)),
        (lambda: gridnet((4, 8, 16), columns=2, input=(3, 45, 62)), (19, 45, 62)),
        (lambda: flownet_s(4, input=(6, 70, 100)), (2, 18, 25)),
        (lambda: fcn_vgg16(16, width=4, hidden=8, input=(3, 61, 90)), (21, 61, 90)),
        (lambda: fcn_vgg16(8, width=4, hidden=8, input=(3, 61, 90)), (21, 61, 90)),
        (lambda: frrn("a", width=4, lanes=2, input=(3, 32, 48)), (19, 32, 48)),
        (lambda: sharpmask(26, width=4, features=8, channels=16, input=(3, 64, 48)), (1, 32, 16)),
        (lambda: yolo_v1(16, boxes=3, norm=True, classes=4, input=(3, 128, 192)), (19, 2, 3)),
        (lambda: deeplabv3_resnet(14, width=4, rates=(2, 3), input=(3, 61, 90)), (21, 61, 90)),
        (lambda: lraspp_mobilenet_v3(0.5, input=(3, 61, 90)), (21, 61, 90)),
    ],
)
def test_any_size_and_any_member_runs(write: Callable[[], Genotype], out: tuple[int, ...]) -> None:
    genotype = write()
    network = compile_network(genotype)
    results = network(torch.rand(2, *genotype.inputs[0].shape))
    results = results if isinstance(results, tuple) else (results,)
    assert results[0].shape[1:] == out
    torch.autograd.backward([result.mean() for result in results])
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: fcn_vgg16(4), "stride=4 is not known; choose from 32, 16, 8"),
        (lambda: fc_densenet(100), "depth=100 is not known; choose from 56, 67, 103, or give layers"),
        (lambda: fc_densenet(layers=(4, 4)), "must be an odd number of blocks"),
        (lambda: dilated_context("huge"), "size='huge' of the context module is not known; choose from basic, large"),
        (lambda: frrn("c"), "size='c' is not known; choose from a, b"),
        (lambda: frrn("b", input=(3, 48, 64)), "must be multiples of 32"),
        (lambda: sharpmask(18), "depth=18 is not known"),
        (lambda: sharpmask(channels=24), "channels=24 must be a multiple of 16"),
        (lambda: sharpmask(input=(3, 200, 192)), "must be multiples of 16 and at least 48"),
        (lambda: fcn_resnet(19), "depth=19 is not known"),
        (lambda: retinanet_resnet_fpn(19), "depth=19 is not known"),
    ],
)
def test_settings_that_cannot_be_are_refused(write: Callable[[], Genotype], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


@pytest.mark.parametrize("name", ["unet", "dilated_vgg16", "ssd300_vgg16"])
def test_images_too_small_for_convolutions_without_padding_are_refused(name: str) -> None:
    with pytest.raises(GenotypeError, match="does not fit"):
        zoo.build(name, input=(3, 64, 64))


# Weights by torchvision's names.


def drawn(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
    return module.eval()


SEGMENTATION = [
    pytest.param(lambda: Segmentation(Trunk(8, dilated=True), fcn_head(256, 5), None), lambda **s: fcn_resnet(14, width=8, **s), id="fcn"),
    pytest.param(
        lambda: Segmentation(Trunk(8, dilated=True), fcn_head(256, 5), fcn_head(128, 5)),
        lambda **s: fcn_resnet(14, width=8, aux=True, **s),
        id="fcn with aux",
    ),
    pytest.param(
        lambda: Segmentation(Trunk(8, dilated=True), deeplab_head(256, 16, (2, 3), 5), fcn_head(128, 5)),
        lambda **s: deeplabv3_resnet(14, width=8, channels=16, rates=(2, 3), aux=True, **s),
        id="deeplab",
    ),
    pytest.param(
        lambda: Segmentation(MobileTrunk(0.5), deeplab_head(480, 16, (2,), 5), fcn_head(24, 5)),
        lambda **s: deeplabv3_mobilenet_v3(0.5, channels=16, rates=(2,), aux=True, **s),
        id="deeplab mobile",
    ),
    pytest.param(
        lambda: LiteSegmentation(MobileTrunk(0.5), LiteHead(24, 480, 16, 5)),
        lambda **s: lraspp_mobilenet_v3(0.5, channels=16, **s),
        id="lraspp",
    ),
]


def assert_same_outputs(reference: nn.Module, network: nn.Module, *inputs: Tensor) -> None:
    with torch.no_grad():
        results = network.eval()(*inputs)
        wanted = reference(*inputs)
    assert len(wanted) == (len(results) if isinstance(results, tuple) else 1)
    for have, want in zip(results if isinstance(results, tuple) else (results,), wanted, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("make", "write"), SEGMENTATION)
def test_weights_of_segmentation_load(make: Callable[[], nn.Module], write: Callable[..., Genotype]) -> None:
    reference = drawn(make())
    x = torch.rand(2, 3, 65, 96, generator=torch.Generator().manual_seed(1))
    assert_same_outputs(reference, zoo.load_state(write(classes=5, input=(3, 65, 96)), reference.state_dict()), x)


def test_weights_of_ssd_load() -> None:
    reference = drawn(Ssd(4, 8, 5))
    genotype = ssd300_vgg16(4, hidden=8, classes=5)
    x = torch.rand(1, 3, 300, 300, generator=torch.Generator().manual_seed(1))
    assert_same_outputs(reference, zoo.load_state(genotype, reference.state_dict()), x)


def without_counters(module: nn.Module) -> dict[str, Tensor]:
    """The state dict as norms have it that learn nothing."""
    return {name: tensor for name, tensor in module.state_dict().items() if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize("trained", [False, True])
def test_weights_of_retinanet_load(trained: bool) -> None:
    reference = drawn(RetinaNet(8, 16, 5))
    genotype = retinanet_resnet_fpn(14, width=8, channels=16, trained_norms=trained, classes=5, input=(3, 128, 160))
    x = torch.rand(2, 3, 128, 160, generator=torch.Generator().manual_seed(1))
    assert_same_outputs(reference, zoo.load_state(genotype, reference.state_dict() if trained else without_counters(reference)), x)


def test_weights_of_mask_rcnn_load() -> None:
    reference = drawn(MaskRcnn(8, 8, 16, 5))
    genotype = faster_rcnn_resnet_fpn(14, masks=True, width=8, channels=8, hidden=16, boxes=3, classes=5, input=(3, 128, 160))
    generator = torch.Generator().manual_seed(1)
    x, boxes = torch.rand(2, 3, 128, 160, generator=generator), torch.rand(2, 3, 4, generator=generator) * 60
    boxes[..., 2:] += boxes[..., :2]
    assert_same_outputs(reference, zoo.load_state(genotype, without_counters(reference)), x, boxes)


# Ops.


def built(op: Op, *inputs: tuple[int, ...]) -> Any:
    return op.build(layers, *(TensorSpec(shape) for shape in inputs))


LEVELS = ((2, 3, 16, 12), (2, 3, 8, 6), (2, 3, 4, 3))


def test_regions_are_those_of_the_loops_and_so_are_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(shape, generator=generator, dtype=torch.double, requires_grad=True) for shape in LEVELS]
    boxes = [[-20.0, -20, 9, 9], [0, 0, 48, 64], [3, 5, 30, 41], [40, 50, 90, 80], [7, 7, 7, 7], [9, 9, 2, 2]]
    both = torch.tensor([boxes, boxes[::-1]], dtype=torch.double)
    scales = (1 / 4, 1 / 8, 1 / 16)
    align = built(MultiScaleRoIAlign(2, scales, canonical=50), *(shape[1:] for shape in LEVELS), (6, 4))
    torch.testing.assert_close(align(*maps, both), cut(both, maps, 2, scales, canonical=50))
    assert {int(level) for level in align.level_of(both).flatten()} == {0, 1, 2}
    assert torch.autograd.gradcheck(lambda *levels: align(*levels, both), maps)


def test_one_convolution_for_all_levels() -> None:
    sizes = ((4, 3), (2, 2), (1, 1))
    maps = [torch.randn(2, 5, *size) for size in sizes]
    conv = built(PyramidConv2d(6, 3, sizes), (5, 1, 17))
    plain = nn.Conv2d(5, 6, 3, padding=1)
    plain.load_state_dict(conv.state_dict())
    together = built(Pyramid(), *((5, *size) for size in sizes))
    torch.testing.assert_close(conv(together(*maps)), together(*map(plain, maps)))


def test_rows_hold_the_numbers_of_one_box() -> None:
    x = torch.arange(24.0).reshape(1, 6, 2, 2)
    assert built(BoxRows(3), (6, 2, 2))(x).tolist()[0][:3] == [[0, 4, 8], [12, 16, 20], [1, 5, 9]]


def test_frozen_norms_do_the_same_in_training() -> None:
    x = torch.randn(2, 4, 3, 3)
    norm, plain = built(FrozenBatchNorm2d(1e-3), (4, 3, 3)), nn.BatchNorm2d(4, eps=1e-3)
    for part in ("weight", "bias", "running_mean", "running_var"):
        values = torch.rand(4) + 0.5
        getattr(norm, part).copy_(values)
        getattr(plain, part).data.copy_(values)
    torch.testing.assert_close(norm.train()(x), plain.eval()(x))
    assert torch.equal(norm.eval()(x), norm.train()(x))


def test_lengths_are_one_at_every_position() -> None:
    lengths = built(L2Norm2d(), (4, 3, 3))(torch.randn(2, 4, 3, 3)).square().sum(1)
    torch.testing.assert_close(lengths, torch.ones(2, 3, 3))


# Blocks.


def test_a_u_net_by_hand() -> None:
    b = Builder((3, 33, 40))
    first = double_conv(b, b.input, 8)
    with b.scope("down"):
        x = down(b, first, 16)
    assert x.shape == (16, 16, 20)
    with b.scope("up"):
        assert up(b, x, first, 8).shape == (8, 33, 40)
    with b.scope("valid"):
        assert up(b, x, first, 8, padded=False, norm=False).shape == (8, 28, 36)


def test_pyramids_by_hand() -> None:
    b = Builder((8, 32, 40), (16, 16, 20), (32, 8, 10))
    maps = feature_pyramid(b, b.inputs, 12)
    assert [x.shape for x in maps] == [(12, 32, 40), (12, 16, 20), (12, 8, 10)]
    assert atrous_pyramid(b, b.inputs[2], 12, (2, 4)).shape == (12, 8, 10)
    assert own_head(b, maps, (2, 3, 1), 5).shape == (2 * 1280 + 3 * 320 + 80, 5)
    assert resize_to(b, maps[0], b.input) is maps[0]


def test_regions_by_hand() -> None:
    b = Builder((8, 32, 40), (8, 16, 20), (5, 4))
    regions = cut_regions(b, b.inputs[:2], b.inputs[2], 7, "regions")
    assert regions.shape == (5, 8, 7, 7)
    assert [x.shape for x in region_head(b, regions, 3, 16)] == [(5, 3), (5, 12)]
    assert mask_head(b, regions, 3, 8, 1).shape == (5, 3, 14, 14)


def test_unpooling_puts_values_back() -> None:
    b = Builder((3, 9, 8))
    x, places = pool_with_places(b, b.input)
    network = compile_network(b.genotype(unpool(b, x, places, b.input)))
    image = torch.rand(1, 3, 9, 8)
    back = network(image)
    assert back.shape == image.shape
    assert torch.equal(back[back > 0], image[back > 0])
    assert (back > 0).sum() == 3 * 4 * 4


def test_refinement_halves_channels_and_doubles_the_image() -> None:
    b = Builder((16, 6, 6), (40, 6, 6))
    assert refine(b, b.input, b.inputs[1], 24, 16).shape == (8, 12, 12)


def test_freezing_takes_the_params_of_norms_away() -> None:
    genotype = zoo.build("resnet18")
    before, after = analyse(genotype), analyse(frozen(genotype, 0.0))
    norms = [fact for node, fact in zip(genotype.nodes, genotype.facts, strict=True) if node.op == BatchNorm2d()]
    assert before.params - after.params == sum(fact.cost.params for fact in norms)
    assert after.buffers == sum(2 * fact.cost.params for fact in norms)
    assert after.saved_bytes < before.saved_bytes
