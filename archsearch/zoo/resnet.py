"""Residual networks for ImageNet: ResNet, wide ResNet and ResNeXt."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.residual import Attend, basic, grouped, stages
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU

BASIC = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
BOTTLENECK = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    269: (3, 30, 48, 8),
}
"""Blocks of each stage by depth: the papers', and smaller ones by the same rule."""


def resnet(
    depth: int = 50,
    *,
    width: int = 64,
    groups: int = 1,
    group_width: int = 64,
    stride_first: bool = False,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """He et al. 2015 (arXiv:1512.03385), table 1; with `stride_first` the first 1x1 of a bottleneck has the stride, as there.

    `width`: channels of the first stage before expansion. The 3x3 of a bottleneck there has `groups` times `group_width` channels:
    a larger width makes a wide ResNet (arXiv:1605.07146), more groups a ResNeXt (arXiv:1611.05431).
    """
    b = Builder(input)
    x = trunk(b, b.input, depth, width=width, groups=groups, group_width=group_width, stride_first=stride_first)[-1]
    return b.genotype(head(b, x, classes))


def trunk(
    b: Builder,
    x: Value,
    depth: int = 50,
    *,
    width: int = 64,
    groups: int = 1,
    group_width: int = 64,
    stride_first: bool = False,
    dilate: tuple[bool, bool, bool] = (False, False, False),
    attend: Attend | None = None,
) -> list[Value]:
    """What comes out of the four stages; `dilate`: whether stages 2, 3 and 4 dilate instead of taking steps."""
    if depth in BASIC and (groups, group_width, stride_first) != (1, 64, False):
        raise ValueError(f"depth={depth} has no bottlenecks to group or to widen; choose from {', '.join(map(str, BOTTLENECK))}")
    block, expansion = grouped(groups, group_width, stride_first=stride_first, attend=attend), 4
    if depth in BASIC:
        block, expansion = partial(basic, attend=attend), 1
    channels = [expansion * width << stage for stage in range(4)]
    return stages(b, stem(b, x, width), block, blocks_of(depth), channels, dilate)


def blocks_of(depth: int) -> tuple[int, ...]:
    """Blocks of each stage. Raises ValueError for a depth that no paper has."""
    known = BASIC | BOTTLENECK
    if depth not in known:
        raise ValueError(f"depth={depth} is not known; choose from {', '.join(map(str, sorted(known)))}")
    return known[depth]


def stem(b: Builder, x: Value, width: int) -> Value:
    """A 7x7 convolution and a max pooling: a quarter of the image's sides."""
    ops = [("conv1", Conv2d(width, 7, 2, bias=False)), ("bn1", BatchNorm2d()), ("relu", ReLU()), ("maxpool", MaxPool2d(3, 2, 1))]
    return chain(b, x, ops)


def head(b: Builder, x: Value, classes: int) -> Value:
    """Mean over the image, and a linear map to the classes."""
    return chain(b, x, [("avgpool", GlobalAvgPool2d()), Flatten(), ("fc", Linear(classes))])


NETWORKS = {
    **{f"resnet{depth}": partial(resnet, depth) for depth in (18, 34, 50, 101, 152)},
    **{f"resnet{depth}_v1": partial(resnet, depth, stride_first=True) for depth in (50, 101, 152)},
    "wide_resnet50_2": partial(resnet, 50, group_width=128),
    "wide_resnet101_2": partial(resnet, 101, group_width=128),
    "resnext50_32x4d": partial(resnet, 50, groups=32, group_width=4),
    "resnext101_32x8d": partial(resnet, 101, groups=32, group_width=8),
    "resnext101_64x4d": partial(resnet, 101, groups=64, group_width=4),
}
