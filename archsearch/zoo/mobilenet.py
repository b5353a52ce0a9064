"""MobileNet (Howard et al. 2017, arXiv:1704.04861) and MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.mobile import depthwise_separable, divisible, inverted_residual
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU6

V1 = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))
"""Channels, blocks, stride of the first block of every stage."""
V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first block of every stage."""


def mobilenet_v1(width: float = 1.0, *, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """Stages of depthwise separable convolutions; `width` scales all channels, rounded to multiples of 8."""
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(divisible(32 * width), 3, 2, bias=False), BatchNorm2d(), ReLU6()])
    for stage, (channels, blocks, stride) in enumerate(V1, 1):
        for block in range(blocks):
            with b.scope(f"stage{stage}/block{block + 1}"):
                x = depthwise_separable(b, x, divisible(channels * width), stride=1 if block else stride)
    with b.scope("head"):
        return b.genotype(chain(b, x, [GlobalAvgPool2d(), Flatten(), Linear(classes)]))


def mobilenet_v2(width: float = 1.0, *, dropout: float = 0.2, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """Stages of inverted residuals; `width` scales all channels, rounded to multiples of 8, the last 1,280 only up."""
    b = Builder(input)
    norm, act = BatchNorm2d(), ReLU6()
    with b.scope("features"):
        with b.scope("0"):
            x = numbered(b, b.input, [Conv2d(divisible(32 * width), 3, 2, bias=False), norm, act])
        strides = [(t, c, 1 if block else s) for t, c, n, s in V2 for block in range(n)]
        for number, (expansion, channels, stride) in enumerate(strides, 1):
            with b.scope(str(number)):
                expanded = x.channels * expansion
                x = inverted_residual(b, x, divisible(channels * width), expanded, stride=stride, scope="conv", flat=1)
        with b.scope(str(len(strides) + 1)):
            x = numbered(b, x, [Conv2d(divisible(1280 * max(1.0, width)), 1, bias=False), norm, act])
    x = chain(b, x, [GlobalAvgPool2d(), Flatten()])
    with b.scope("classifier"):
        return b.genotype(numbered(b, x, [Dropout(dropout), Linear(classes)]))


NETWORKS = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v1_x0_25": partial(mobilenet_v1, 0.25),
    "mobilenet_v1_x0_5": partial(mobilenet_v1, 0.5),
    "mobilenet_v1_x0_75": partial(mobilenet_v1, 0.75),
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v2_x1_4": partial(mobilenet_v2, 1.4),
}
