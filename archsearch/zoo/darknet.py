"""Darknet: the trunk of YOLO v3."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, BatchNorm2d, Conv2d, LeakyReLU
from archsearch.zoo.resnet import head


def darknet(
    blocks: tuple[int, ...] = (1, 2, 8, 8, 4), *, width: int = 32, classes: int = 1000, input: tuple[int, int, int] = (3, 256, 256)
) -> Genotype:
    """Redmon & Farhadi 2018 (arXiv:1804.02767), table 1: so many residual blocks in stages of half the size and twice the width."""
    b = Builder(input)
    with b.scope("stem"):
        x = convolution(b, b.input, width, 3)
    for stage, count in enumerate(blocks, 1):
        with b.scope(f"stage{stage}"):
            x = convolution(b, x, width << stage, 3, 2, name="down")
            for number in range(1, count + 1):
                with b.scope(f"block{number}"):
                    x = block(b, x)
    return b.genotype(head(b, x, classes))


def block(b: Builder, x: Value) -> Value:
    """A 1x1 convolution to half the channels and a 3x3 back, with a shortcut around them."""
    y = convolution(b, x, x.channels // 2, 1, name="squeeze")
    return b(Add(), convolution(b, y, x.channels, 3, name="expand"), x)


def convolution(b: Builder, x: Value, channels: int, kernel: int, stride: int = 1, *, name: str = "conv") -> Value:
    """Convolution, norm and leaky ReLU."""
    return chain(
        b, x, [(name, Conv2d(channels, kernel, stride, bias=False)), (f"{name}_norm", BatchNorm2d()), LeakyReLU(0.1, keep_output=True)]
    )


NETWORKS = {"darknet53": darknet}
