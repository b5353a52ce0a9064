"""Single-Path NAS (Stamoulis et al. 2019, arXiv:1904.02877), the network that it found for a phone."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.blocks.mobile import depthwise_separable, divisible, inverted_residual
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU

STAGES = (
    (24, 2, ((3, 3), (3, 3), (3, 3))),
    (40, 2, ((5, 6), (3, 3), (3, 3), (3, 3))),
    (80, 2, ((5, 6), (3, 3), (3, 3), (3, 3))),
    (96, 1, ((5, 6), (5, 3), (5, 3), (5, 3))),
    (192, 2, ((5, 6), (5, 6), (5, 6), (5, 6))),
    (320, 1, ((3, 6),)),
)
"""Channels and stride of a stage, kernel and expansion of its blocks."""
RELU = ReLU()


def spnasnet(width: float = 1.0, *, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """Stages of inverted residuals whose kernels and expansions were searched; `width` scales all channels but the last 1,280."""
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(divisible(32 * width), 3, 2, bias=False), BatchNorm2d(), RELU])
        x = depthwise_separable(b, x, divisible(16 * width), activation=RELU, linear=True)
    for stage, (channels, stride, blocks) in enumerate(STAGES, 1):
        for block, (kernel, expansion) in enumerate(blocks):
            step, expanded = 1 if block else stride, x.channels * expansion
            with b.scope(f"stage{stage}/block{block + 1}"):
                x = inverted_residual(
                    b, x, divisible(channels * width), expanded, kernel=kernel, stride=step, activation=RELU, scope="branch"
                )
    with b.scope("head"):
        x = chain(b, x, [Conv2d(1280, 1, bias=False), BatchNorm2d(), RELU, GlobalAvgPool2d(), Flatten(), Linear(classes)])
    return b.genotype(x)


NETWORKS = {"spnasnet": spnasnet}
