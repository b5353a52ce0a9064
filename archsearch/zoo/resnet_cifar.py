"""Residual networks for small images such as CIFAR: three stages behind a 3x3 convolution."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.residual import SHORTCUTS, Block, basic, basic_v2, bottleneck_v2, grouped, stages
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, ReLU
from archsearch.support.nearest import nearest
from archsearch.zoo.resnet import head


def resnet_cifar(
    depth: int = 20, *, width: int = 16, shortcut: str = "padded", classes: int = 10, input: tuple[int, int, int] = (3, 32, 32)
) -> Genotype:
    """He et al. 2015 (arXiv:1512.03385), section 4.2: 6n+2 layers, basic blocks; `shortcut` without weights, or `projected` and others."""
    count = blocks_of_stage(depth, convs=2, extra=2)
    if shortcut not in SHORTCUTS:
        raise ValueError(f"shortcut={shortcut!r} is unknown; {nearest(shortcut, list(SHORTCUTS))}")
    block = partial(basic, shortcut=SHORTCUTS[shortcut])
    return small(block, count, width, [width << stage for stage in range(3)], classes, input)


def resnext_cifar(
    depth: int = 29, groups: int = 8, group_width: int = 64, *, classes: int = 10, input: tuple[int, int, int] = (3, 32, 32)
) -> Genotype:
    """Xie et al. 2016 (arXiv:1611.05431), section 5.2: 9n+2 layers, bottlenecks of `groups` times `group_width` channels."""
    count = blocks_of_stage(depth, convs=3, extra=2)
    return small(grouped(groups, group_width), count, 64, [256, 512, 1024], classes, input)


def resnet_v2_cifar(depth: int = 164, *, width: int = 16, classes: int = 10, input: tuple[int, int, int] = (3, 32, 32)) -> Genotype:
    """He et al. 2016 (arXiv:1603.05027), appendix: 9n+2 layers, bottlenecks with pre-activation and the stride in their first 1x1."""
    count = blocks_of_stage(depth, convs=3, extra=2)
    block = partial(bottleneck_v2, stride_first=True)
    return small_v2(block, count, width, [4 * width << stage for stage in range(3)], classes, input)


def wide_resnet_cifar(
    depth: int = 28, widen: int = 10, *, dropout: float = 0.0, classes: int = 10, input: tuple[int, int, int] = (3, 32, 32)
) -> Genotype:
    """Zagoruyko & Komodakis 2016 (arXiv:1605.07146), table 1: 6n+4 layers, basic blocks with pre-activation, `widen` times as wide."""
    count = blocks_of_stage(depth, convs=2, extra=4)
    block = partial(basic_v2, dropout=dropout)
    return small_v2(block, count, 16, [16 * widen << stage for stage in range(3)], classes, input)


def blocks_of_stage(depth: int, convs: int, extra: int) -> int:
    """Blocks of each of three stages. Raises ValueError where the depth is not made of whole blocks."""
    layers = 3 * convs
    if depth < layers + extra or (depth - extra) % layers:
        raise ValueError(f"depth={depth} must be {layers}*n + {extra}, such as {', '.join(str(layers * n + extra) for n in (1, 3, 6))}")
    return (depth - extra) // layers


def small(block: Block, count: int, width: int, channels: list[int], classes: int, input: tuple[int, int, int]) -> Genotype:
    """A 3x3 convolution, norm and ReLU; three stages; mean and linear map."""
    b = Builder(input)
    x = chain(b, b.input, [("conv1", Conv2d(width, bias=False)), ("bn1", BatchNorm2d()), ReLU()])
    x = stages(b, x, block, (count,) * 3, channels)[-1]
    return b.genotype(head(b, x, classes))


def small_v2(block: Block, count: int, width: int, channels: list[int], classes: int, input: tuple[int, int, int]) -> Genotype:
    """A 3x3 convolution; three stages with pre-activation; norm, ReLU, mean and linear map."""
    b = Builder(input)
    x = b(Conv2d(width, bias=False), b.input, name="conv1")
    x = stages(b, x, block, (count,) * 3, channels)[-1]
    x = chain(b, x, [("norm", BatchNorm2d()), ReLU()])
    return b.genotype(head(b, x, classes))


NETWORKS = {
    **{f"resnet{depth}_cifar": partial(resnet_cifar, depth) for depth in (20, 32, 44, 56, 110)},
    **{f"resnet{depth}_v2_cifar": partial(resnet_v2_cifar, depth) for depth in (164, 1001)},
    **{f"wrn_{depth}_{widen}": partial(wide_resnet_cifar, depth, widen) for depth, widen in ((16, 8), (28, 10), (40, 2), (40, 4))},
    "resnext29_8x64d_cifar": partial(resnext_cifar, 29, 8),
    "resnext29_16x64d_cifar": partial(resnext_cifar, 29, 16),
}
