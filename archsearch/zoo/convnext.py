"""ConvNeXt: a residual network with the habits of a transformer."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.convnext import convnext, downsample
from archsearch.blocks.transformer import rates
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Flatten, GlobalAvgPool2d, LayerNorm2d, Linear


def convnext_network(
    blocks: tuple[int, ...] = (3, 3, 9, 3),
    *,
    width: int = 96,
    absent: float = 0.1,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Liu et al. 2022 (arXiv:2201.03545), table 9: patches of 4x4, then stages that halve the image and double the channels.

    `blocks`: of each stage; `width`: channels of the first stage; `absent`: probability of stochastic depth at the last block.
    """
    b = Builder(input)
    absences = iter(rates(absent, sum(blocks)))
    with b.scope("features"):
        with b.scope("0"):
            x = chain(b, b.input, [("0", Conv2d(width, 4, 4, 0)), ("1", LayerNorm2d())])
        for stage, count in enumerate(blocks):
            if stage:
                with b.scope(str(2 * stage)):
                    x = downsample(b, x, width << stage)
            with b.scope(str(2 * stage + 1)):
                for number in range(count):
                    with b.scope(str(number)):
                        x = convnext(b, x, absent=next(absences))
    x = b(GlobalAvgPool2d(), x, name="avgpool")
    with b.scope("classifier"):
        return b.genotype(chain(b, x, [("0", LayerNorm2d()), ("1", Flatten()), ("2", Linear(classes))]))


NETWORKS = {
    "convnext_tiny": partial(convnext_network, (3, 3, 9, 3)),
    "convnext_small": partial(convnext_network, (3, 3, 27, 3), absent=0.4),
    "convnext_base": partial(convnext_network, (3, 3, 27, 3), width=128, absent=0.5),
    "convnext_large": partial(convnext_network, (3, 3, 27, 3), width=192, absent=0.5),
}
