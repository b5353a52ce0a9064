"""ResNeSt: residual networks with split attention."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.residual import averaged, stages
from archsearch.blocks.split_attention import split_attention
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, ReLU
from archsearch.zoo.resnet import BOTTLENECK, head


def resnest(
    depth: int = 50,
    *,
    stem: int = 32,
    radix: int = 2,
    groups: int = 1,
    group_width: int = 64,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Zhang et al. 2020 (arXiv:2004.08955): bottlenecks with split attention, three 3x3 convolutions of the stem, steps by mean pooling."""
    if depth not in BOTTLENECK:
        raise ValueError(f"depth={depth} is not known; choose from {', '.join(map(str, BOTTLENECK))}")

    def block(b: Builder, x: Value, channels: int, stride: int = 1, dilation: int = 1) -> Value:
        return bottleneck(b, x, channels, stride, channels // 4 * group_width // 64 * groups, radix=radix, groups=groups)

    b = Builder(input)
    with b.scope("conv1"):
        x = numbered(b, b.input, [Conv2d(stem, 3, 2, bias=False), BatchNorm2d(), ReLU(), Conv2d(stem, bias=False), BatchNorm2d(), ReLU()])
        x = b(Conv2d(2 * stem, bias=False), x, name="6")
    x = chain(b, x, [("bn1", BatchNorm2d()), ReLU(), ("maxpool", MaxPool2d(3, 2, 1))])
    x = stages(b, x, block, BOTTLENECK[depth], [256 << stage for stage in range(4)])[-1]
    return b.genotype(head(b, x, classes))


def bottleneck(b: Builder, x: Value, channels: int, stride: int, inner: int, *, radix: int, groups: int) -> Value:
    """1x1, split attention and 1x1, a step of the image by mean pooling, and a shortcut around them."""
    y = chain(b, x, [("conv1", Conv2d(inner, 1, bias=False)), ("bn1", BatchNorm2d()), ReLU()])
    with b.scope("conv2"):
        y = split_attention(b, y, inner, radix=radix, groups=groups)
    y = b(AvgPool2d(3, stride, 1), y) if stride > 1 else y
    y = chain(b, y, [("conv3", Conv2d(channels, 1, bias=False)), ("bn3", BatchNorm2d())])
    return b(ReLU(), b(Add(), y, averaged(b, x, channels, stride)))


NETWORKS = {"resnest50d": resnest, "resnest101e": partial(resnest, 101, stem=64)}
