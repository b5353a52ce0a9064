"""RegNet X and Y: widths of all blocks from a line that is rounded to few stages."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from math import log

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.mobile import divisible
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, BatchNorm2d, Conv2d, ReLU
from archsearch.zoo.resnet import head

STEM = 32


def regnet(
    depth: int = 16,
    start: int = 48,
    slope: float = 27.89,
    step: float = 2.09,
    group_width: int = 8,
    *,
    squeeze: float = 0.0,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Radosavovic et al. 2020 (arXiv:2003.13678); `start`, `slope` and `step` are the paper's w0, wa and wm.

    `squeeze`: channels of the squeeze-excite in RegNet Y, as a share of those that come into the block; 0 for RegNet X.
    """
    b = Builder(input)
    with b.scope("stem"):
        x = numbered(b, b.input, [Conv2d(STEM, 3, 2, bias=False), BatchNorm2d(), ReLU()])
    with b.scope("trunk_output"):
        for stage, (width, count) in enumerate(widths(depth, start, slope, step), 1):
            with b.scope(f"block{stage}"):
                group = min(group_width, width)
                channels = divisible(width, group)
                for number in range(count):
                    with b.scope(f"block{stage}_{number}"):
                        x = block(b, x, channels, 1 if number else 2, channels // group, round(squeeze * x.channels))
    return b.genotype(head(b, x, classes))


def widths(depth: int, start: int, slope: float, step: float) -> list[tuple[int, int]]:
    """Width and number of blocks of each stage: a line rounded to powers of `step` (equations 2 to 4), and to multiples of 8."""
    if slope < 0 or start < 8 or start % 8 or step <= 1:
        raise ValueError(f"start={start} must be a multiple of 8, slope={slope} at least 0 and step={step} over 1")
    powers = [round(log(1 + slope * number / start) / log(step)) for number in range(depth)]
    return [(width, len(list(same))) for width, same in groupby(round(start * step**power / 8) * 8 for power in powers)]


def block(b: Builder, x: Value, channels: int, stride: int, groups: int, squeezed: int) -> Value:
    """A bottleneck that keeps its width inside, with grouped 3x3; `squeezed` channels in its squeeze-excite, none for 0."""
    around = x
    if stride > 1 or x.channels != channels:
        with b.scope("proj"):
            around = numbered(b, x, [Conv2d(channels, 1, stride, bias=False), BatchNorm2d()])
    with b.scope("f"):
        with b.scope("a"):
            x = numbered(b, x, [Conv2d(channels, 1, bias=False), BatchNorm2d(), ReLU()])
        with b.scope("b"):
            x = numbered(b, x, [Conv2d(channels, 3, stride, groups=groups, bias=False), BatchNorm2d(), ReLU()])
        if squeezed:
            with b.scope("se"):
                x = squeeze_excite(b, x, squeezed)
        with b.scope("c"):
            x = numbered(b, x, [Conv2d(channels, 1, bias=False), BatchNorm2d()])
    return chain(b, b(Add(), around, x), [("activation", ReLU())])


X = {
    "400mf": (22, 24, 24.48, 2.54, 16),
    "800mf": (16, 56, 35.73, 2.28, 16),
    "1_6gf": (18, 80, 34.01, 2.25, 24),
    "3_2gf": (25, 88, 26.31, 2.25, 48),
    "8gf": (23, 80, 49.56, 2.88, 120),
    "16gf": (22, 216, 55.59, 2.1, 128),
    "32gf": (23, 320, 69.86, 2.0, 168),
}
Y = {
    "400mf": (16, 48, 27.89, 2.09, 8),
    "800mf": (14, 56, 38.84, 2.4, 16),
    "1_6gf": (27, 48, 20.71, 2.65, 24),
    "3_2gf": (21, 80, 42.63, 2.66, 24),
    "8gf": (17, 192, 76.82, 2.19, 56),
    "16gf": (18, 200, 106.23, 2.48, 112),
    "32gf": (20, 232, 115.89, 2.53, 232),
}
"""Depth, w0, wa, wm and group width by multiply-adds."""
NETWORKS = {
    **{f"regnet_x_{size}": partial(regnet, *found) for size, found in X.items()},
    **{f"regnet_y_{size}": partial(regnet, *found, squeeze=0.25) for size, found in Y.items()},
}
