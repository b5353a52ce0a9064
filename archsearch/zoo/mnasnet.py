"""MnasNet-B1 (Tan et al. 2018, arXiv:1807.11626), the network without squeeze-and-excite."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.mobile import divisible, inverted_residual
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, DepthwiseConv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU

STAGES = ((3, 24, 3, 3, 2), (3, 40, 3, 5, 2), (6, 80, 3, 5, 2), (6, 96, 2, 3, 1), (6, 192, 4, 5, 2), (6, 320, 1, 3, 1))
"""Expansion, channels, blocks, kernel, stride of the first block."""
NORM, RELU = BatchNorm2d(momentum=1 - 0.9997), ReLU()


def mnasnet(width: float = 1.0, *, dropout: float = 0.2, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """A depthwise separable convolution, then stages of inverted residuals; `width` scales all channels but the last 1,280."""
    b = Builder(input)
    stem, first = divisible(32 * width), divisible(16 * width)
    with b.scope("layers"):
        x = numbered(b, b.input, [Conv2d(stem, 3, 2, bias=False), NORM, RELU, DepthwiseConv2d(3, bias=False), NORM, RELU])
        x = numbered(b, x, [Conv2d(first, 1, bias=False), NORM], first=6)
        for stage, (expansion, channels, blocks, kernel, stride) in enumerate(STAGES, 8):
            for block in range(blocks):
                step, expanded = 1 if block else stride, x.channels * expansion
                with b.scope(f"{stage}/{block}"):
                    x = inverted_residual(
                        b,
                        x,
                        divisible(channels * width),
                        expanded,
                        kernel=kernel,
                        stride=step,
                        activation=RELU,
                        norm=NORM,
                        scope="layers",
                        flat=3,
                    )
        x = numbered(b, x, [Conv2d(1280, 1, bias=False), NORM, RELU], first=14)
    x = chain(b, x, [GlobalAvgPool2d(), Flatten()])
    with b.scope("classifier"):
        return b.genotype(numbered(b, x, [Dropout(dropout), Linear(classes)]))


NETWORKS = {
    "mnasnet0_5": partial(mnasnet, 0.5),
    "mnasnet0_75": partial(mnasnet, 0.75),
    "mnasnet1_0": mnasnet,
    "mnasnet1_3": partial(mnasnet, 1.3),
}
