"""ShuffleNet (Zhang et al. 2017, arXiv:1707.01083, table 1) and ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164, table 5)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.shuffle import shuffle_unit, shuffle_unit_v2
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU

V1 = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Channels of the first stage by groups; they double from stage to stage."""
UNITS = (4, 8, 4)
V2 = {0.5: (24, 48, 96, 192, 1024), 1.0: (24, 116, 232, 464, 1024), 1.5: (24, 176, 352, 704, 1024), 2.0: (24, 244, 488, 976, 2048)}
"""Channels of the stem, of the three stages, and of the last 1x1 convolution, by width."""


def shufflenet_v1(groups: int = 3, width: float = 1.0, *, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """Three stages of shuffle units; `groups` of the 1x1 convolutions; `width` scales the channels of the units.

    Raises:
        ValueError: a number of groups that the paper has no widths for, or a width that leaves no channels.
    """
    if groups not in V1:
        raise ValueError(f"shufflenet_v1: groups={groups} must be one of {', '.join(map(str, V1))}")
    multiple = 4 * groups  # a quarter of the channels has to part into groups
    first = round(V1[groups] * width / multiple) * multiple
    stem = -(-(12 if width < 1 else 24 if width < 2 else 48) // groups) * groups  # as the authors' code has it
    if not 0 < stem < first:
        raise ValueError(f"shufflenet_v1: width={width} leaves no channels for {groups} groups; use a larger one")
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(stem, 3, 2, bias=False), BatchNorm2d(), ReLU(), MaxPool2d(3, 2, 1)])
    for stage, units in enumerate(UNITS):
        for unit in range(units):
            with b.scope(f"stage{stage + 2}/unit{unit + 1}"):
                # the few channels of the stem are not parted into groups
                x = shuffle_unit(b, x, first << stage, 1 if unit else 2, groups=groups, first_groups=None if stage or unit else 1)
    with b.scope("head"):
        return b.genotype(chain(b, x, [GlobalAvgPool2d(), Flatten(), Linear(classes)]))


def shufflenet_v2(
    width: float = 1.0,
    *,
    channels: tuple[int, int, int, int, int] | None = None,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Three stages of units that filter half of their channels; `width` is one of the paper's, or `channels` are given.

    Raises:
        ValueError: a width that the paper has no channels for.
    """
    if channels is None and width not in V2:
        raise ValueError(f"shufflenet_v2: width={width} must be one of {', '.join(map(str, V2))}; for another give channels=")
    stem, *stages, last = V2[width] if channels is None else channels
    b = Builder(input)
    with b.scope("conv1"):
        x = numbered(b, b.input, [Conv2d(stem, 3, 2, bias=False), BatchNorm2d(), ReLU()])
    x = b(MaxPool2d(3, 2, 1), x, name="maxpool")
    for stage, (units, made) in enumerate(zip(UNITS, stages, strict=True), 2):
        for unit in range(units):
            with b.scope(f"stage{stage}/{unit}"):
                x = shuffle_unit_v2(b, x, made, 1 if unit else 2)
    with b.scope("conv5"):
        x = numbered(b, x, [Conv2d(last, 1, bias=False), BatchNorm2d(), ReLU()])
    return b.genotype(b(Linear(classes), b(Flatten(), b(GlobalAvgPool2d(), x)), name="fc"))


NETWORKS = {
    **{f"shufflenet_v1_g{groups}": partial(shufflenet_v1, groups) for groups in V1},
    **{f"shufflenet_v2_x{str(width).replace('.', '_')}": partial(shufflenet_v2, width) for width in V2},
}
