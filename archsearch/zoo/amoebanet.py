"""AmoebaNet (Real et al. 2018, arXiv:1802.01548): the cells of the authors' code."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.cells import Cell, Cells, Style, stack, stem_cells
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU

SEP3, SEP5, SEP7, SKIP = "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "skip_connect"
MAX2, MAX, AVG, ONE, THREE, CROSS = "max_pool_2x2", "max_pool_3x3", "avg_pool_3x3", "conv_1x1", "bottleneck_3x3", "bottleneck_1x7_7x1"
AMOEBANET_A = Cells(
    Cell(
        (((AVG, 1), (MAX, 1)), ((SEP3, 0), (SKIP, 0)), ((SKIP, 1), (AVG, 0)), ((SEP3, 1), (SEP5, 2)), ((AVG, 5), (SEP3, 1))),
        (0, 3, 4, 6),
    ),
    Cell(
        (((SEP3, 0), (AVG, 1)), ((MAX, 1), (SEP7, 2)), ((MAX, 0), (MAX, 1)), ((SEP3, 4), (CROSS, 1)), ((AVG, 0), (SEP7, 1))),
        (2, 3, 4, 5, 6),
    ),
)
AMOEBANET_D = Cells(
    Cell(
        (((ONE, 0), (MAX, 0)), ((SKIP, 0), (CROSS, 1)), ((ONE, 1), (CROSS, 1)), ((MAX, 2), (SKIP, 2)), ((AVG, 0), (ONE, 5))),
        (1, 3, 4, 6),
    ),
    Cell(
        (((MAX2, 1), (MAX, 1)), ((SKIP, 2), (THREE, 0)), ((CROSS, 2), (MAX, 2)), ((SKIP, 3), (MAX2, 0)), ((AVG, 2), (ONE, 3))),
        (4, 5, 6),
    ),
)
NORM = BatchNorm2d(eps=1e-3)
STYLE = Style(NORM, border="same", halving="pad", strided_skip="convolution")


def amoebanet(
    cells: Cells = AMOEBANET_A,
    repeats: int = 6,
    channels: int = 190,
    *,
    stem: int = 32,
    dropout: float = 0.5,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 331, 331),
) -> Genotype:
    """AmoebaNet (N = repeats, F = channels): so many normal cells in each of three stages, so many channels in the first."""
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(stem, 3, 2, padding=0, bias=False), NORM])
    stems = stem_cells(b, x, cells.reduction, channels, style=STYLE)
    x = stack(b, *stems, cells, (repeats,) * 3, channels, style=STYLE)[-1]
    with b.scope("head"):
        return b.genotype(chain(b, x, [ReLU(), GlobalAvgPool2d(), Flatten(), Dropout(dropout), Linear(classes)]))


NETWORKS = {
    "amoebanet_a": amoebanet,
    "amoebanet_a_mobile": partial(amoebanet, AMOEBANET_A, 4, 50, input=(3, 224, 224)),
    "amoebanet_d": partial(amoebanet, AMOEBANET_D, 6, 208, input=(3, 224, 224)),
}
