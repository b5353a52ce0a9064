"""Residual networks with pre-activation, for ImageNet."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.residual import Block, basic_v2, bottleneck_v2, stages
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, MaxPool2d, ReLU
from archsearch.zoo.resnet import BASIC, blocks_of, head


def resnet_v2(depth: int = 50, *, width: int = 64, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """He et al. 2016 (arXiv:1603.05027): norm and ReLU stand before the convolutions, the shortcuts stay clear; the 3x3 has the stride."""
    b = Builder(input)
    x = chain(b, b.input, [("conv1", Conv2d(width, 7, 2, bias=False)), ("maxpool", MaxPool2d(3, 2, 1))])
    block: Block = basic_v2 if depth in BASIC else bottleneck_v2
    expansion = 1 if depth in BASIC else 4
    x = stages(b, x, block, blocks_of(depth), [expansion * width << stage for stage in range(4)])[-1]
    x = chain(b, x, [("norm", BatchNorm2d()), ReLU()])
    return b.genotype(head(b, x, classes))


NETWORKS = {f"resnet{depth}_v2": partial(resnet_v2, depth) for depth in (50, 101, 152)}
