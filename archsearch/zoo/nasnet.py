"""NASNet-A (Zoph et al. 2017, arXiv:1707.07012)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.cells import Cell, Cells, Style, stack, stem_cells
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import AvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU

SEP3, SEP5, SEP7, SKIP, MAX, AVG = "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "skip_connect", "max_pool_3x3", "avg_pool_3x3"
NASNET_A = Cells(
    Cell(
        (((SEP5, 1), (SEP3, 0)), ((SEP5, 0), (SEP3, 0)), ((AVG, 1), (SKIP, 0)), ((AVG, 0), (AVG, 0)), ((SEP3, 1), (SKIP, 1))),
        (0, 2, 3, 4, 5, 6),
    ),
    Cell(
        (((SEP5, 1), (SEP7, 0)), ((MAX, 1), (SEP7, 0)), ((AVG, 1), (SEP5, 0)), ((SKIP, 3), (AVG, 2)), ((SEP3, 2), (MAX, 1))),
        (3, 4, 5, 6),
    ),
)
NORM = BatchNorm2d(eps=1e-3)
LARGE = Style(NORM, border="same", halving="crop")
MOBILE = Style(NORM, border="shift", halving="pad")


def nasnet_a(
    repeats: int = 6,
    features: int = 4032,
    *,
    stem: int = 96,
    around: bool = True,
    dropout: float = 0.0,
    style: Style = LARGE,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 331, 331),
) -> Genotype:
    """NASNet-A (repeats @ features): so many normal cells in each of three stages, so many channels before the classifier.

    `around`: the cell behind a reduction reads past it what the reduction has as its previous value.

    Raises:
        ValueError: `features` that do not part into the 24 of the last stage.
    """
    if features % 24 or features < 96:
        raise ValueError(f"nasnet_a: features={features} must be a multiple of 24, and at least 96")
    b, channels = Builder(input), features // 24
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(stem, 3, 2, padding=0, bias=False), NORM])
    stems = stem_cells(b, x, NASNET_A.reduction, channels, style=style, last_first=True)
    x = stack(b, *stems, NASNET_A, (repeats,) * 3, channels, style=style, around=around)[-1]
    with b.scope("head"):
        x = b(ReLU(), x)
        # the reference definitions pool the same in two ways
        _, height, wide = x.shape
        x = b(AvgPool2d((height, wide)) if style is MOBILE else GlobalAvgPool2d(), x)
        drop = [Dropout(dropout)] if dropout else []
        return b.genotype(chain(b, x, [Flatten(), *drop, Linear(classes)]))


NETWORKS = {
    "nasnet_a_large": nasnet_a,
    "nasnet_a_mobile": partial(nasnet_a, 4, 1056, stem=32, around=False, dropout=0.5, style=MOBILE, input=(3, 224, 224)),
}
