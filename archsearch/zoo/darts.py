"""DARTS (Liu et al. 2018, arXiv:1806.09055): the cells that it found, stacked for CIFAR-10 and for ImageNet."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.cells import Cell, Cells, stack
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import AvgPool2d, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU

SEP, SKIP, DIL, MAX, AVG = "sep_conv_3x3", "skip_connect", "dil_conv_3x3", "max_pool_3x3", "avg_pool_3x3"
ALL = (2, 3, 4, 5)
DARTS_V1 = Cells(
    Cell((((SEP, 1), (SEP, 0)), ((SKIP, 0), (SEP, 1)), ((SKIP, 0), (SEP, 1)), ((SEP, 0), (SKIP, 2))), ALL),
    Cell((((MAX, 0), (MAX, 1)), ((SKIP, 2), (MAX, 0)), ((MAX, 0), (SKIP, 2)), ((SKIP, 2), (AVG, 0))), ALL),
)
"""Found with the first-order approximation."""
DARTS_V2 = Cells(
    Cell((((SEP, 0), (SEP, 1)), ((SEP, 0), (SEP, 1)), ((SEP, 1), (SKIP, 0)), ((SKIP, 0), (DIL, 2))), ALL),
    Cell((((MAX, 0), (MAX, 1)), ((SKIP, 2), (MAX, 1)), ((MAX, 0), (SKIP, 2)), ((SKIP, 2), (MAX, 1))), ALL),
)
"""Found with the second-order approximation."""


def darts_cifar(
    cells: Cells = DARTS_V2,
    *,
    depth: int = 20,
    channels: int = 36,
    auxiliary: bool = False,
    classes: int = 10,
    input: tuple[int, int, int] = (3, 32, 32),
) -> Genotype:
    """`depth` cells, two of them reductions; `channels` of the first ones; `auxiliary`: a second output, from the second reduction.

    Raises:
        ValueError: too few cells.
    """
    repeats = repeats_of(depth)
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(3 * channels, bias=False), BatchNorm2d()])
    made = stack(b, x, x, cells, repeats, channels)
    with b.scope("head"):
        y = chain(b, made[-1], [GlobalAvgPool2d(), Flatten(), Linear(classes)])
    return b.genotype(y, auxiliary_head(b, made[2 * depth // 3], classes, stride=3)) if auxiliary else b.genotype(y)


def darts_imagenet(
    cells: Cells = DARTS_V2,
    *,
    depth: int = 14,
    channels: int = 48,
    auxiliary: bool = False,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """`depth` cells behind three convolutions with stride 2; the settings are those of `darts_cifar`, which see.

    Raises:
        ValueError: too few cells.
    """
    repeats = repeats_of(depth)
    b = Builder(input)
    with b.scope("stem1"):
        x = chain(b, b.input, [Conv2d(channels // 2, 3, 2, bias=False), BatchNorm2d(), ReLU()])
        previous = chain(b, x, [Conv2d(channels, 3, 2, bias=False), BatchNorm2d(), ReLU()])
    with b.scope("stem2"):
        x = chain(b, previous, [Conv2d(channels, 3, 2, bias=False), BatchNorm2d()])
    made = stack(b, previous, x, cells, repeats, channels)
    _, height, width = made[-1].shape
    with b.scope("head"):
        y = chain(b, made[-1], [AvgPool2d((height, width)), Flatten(), Linear(classes)])
    return b.genotype(y, auxiliary_head(b, made[2 * depth // 3], classes, stride=2)) if auxiliary else b.genotype(y)


def repeats_of(depth: int) -> tuple[int, int, int]:
    """Normal cells of the three stages, when the reductions stand after a third and two thirds of the cells."""
    if depth < 3:
        raise ValueError(f"darts: depth={depth} must be at least 3, for one cell before two reductions")
    return depth // 3, 2 * depth // 3 - depth // 3 - 1, depth - 2 * depth // 3 - 1


def auxiliary_head(b: Builder, x: Value, classes: int, stride: int) -> Value:
    """The classifier that is trained besides, from images of 8x8 pixels with stride 3, of 7x7 with stride 2."""
    with b.scope("auxiliary"):
        x = chain(b, x, [ReLU(), AvgPool2d(5, stride, count_padding=False), Conv2d(128, 1, bias=False), BatchNorm2d(), ReLU()])
        # the authors' code for ImageNet has no norm here
        norm = [BatchNorm2d()] if stride == 3 else []
        return chain(b, x, [Conv2d(768, 2, padding=0, bias=False), *norm, ReLU(), Flatten(), Linear(classes)])


FOUND = {"v1": DARTS_V1, "v2": DARTS_V2}
NETWORKS = {
    **{f"darts_{name}_cifar": partial(darts_cifar, cells) for name, cells in FOUND.items()},
    **{f"darts_{name}_cifar_aux": partial(darts_cifar, cells, auxiliary=True) for name, cells in FOUND.items()},
    **{f"darts_{name}_imagenet": partial(darts_imagenet, cells) for name, cells in FOUND.items()},
    **{f"darts_{name}_imagenet_aux": partial(darts_imagenet, cells, auxiliary=True) for name, cells in FOUND.items()},
}
