"""PNASNet-5 (Liu et al. 2017, arXiv:1712.00559)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.cells import Cell, Cells, Style, stack, stem_cells
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU

SEP3, SEP5, SEP7, SKIP, MAX = "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "skip_connect", "max_pool_3x3"
PNASNET_5 = Cell(
    (((SEP5, 0), (MAX, 0)), ((SEP7, 1), (MAX, 1)), ((SEP5, 1), (SEP3, 1)), ((SEP3, 4), (MAX, 1)), ((SEP3, 0), (SKIP, 1))), (2, 3, 4, 5, 6)
)
"""One cell, which also serves as the reduction."""
NORM = BatchNorm2d(eps=1e-3)
STYLE = Style(NORM, border="same", halving="crop", strided_skip="convolution")


def pnasnet5(
    repeats: int = 4, channels: int = 216, *, stem: int = 96, classes: int = 1000, input: tuple[int, int, int] = (3, 331, 331)
) -> Genotype:
    """`repeats` cells a stage, the reduction among them; `channels` of the first stage, which double from stage to stage."""
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(stem, 3, 2, padding=0, bias=False), NORM])
    stems = stem_cells(b, x, PNASNET_5, channels, style=STYLE)
    later = max(repeats - 1, 0)
    x = stack(b, *stems, Cells(PNASNET_5, PNASNET_5), (repeats, later, later), channels, style=STYLE)[-1]
    with b.scope("head"):
        return b.genotype(chain(b, x, [ReLU(), GlobalAvgPool2d(), Flatten(), Linear(classes)]))


NETWORKS = {
    "pnasnet5_large": pnasnet5,
    "pnasnet5_mobile": partial(pnasnet5, 3, 54, stem=32, input=(3, 224, 224)),
}
