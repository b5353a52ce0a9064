"""Inception-ResNet v2 (Szegedy et al. 2016, arXiv:1602.07261, figure 15), with the widths of the released network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import check_length
from archsearch.blocks.inception import (
    HALVE,
    MEAN_INSIDE,
    branch,
    counted,
    mixed,
    reduction_a,
    residual_a,
    residual_b,
    residual_c,
    residual_reduction_b,
    valid,
)
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear

STEM = (
    ("conv2d_1a", valid(32, 3, 2)),
    ("conv2d_2a", valid(32, 3)),
    ("conv2d_2b", Conv2d(64, 3)),
    ("maxpool_3a", HALVE),
    ("conv2d_3b", Conv2d(80, 1)),
    ("conv2d_4a", valid(192, 3)),
    ("maxpool_5a", HALVE),
)
MIXED_5B = (
    (Conv2d(96, 1),),
    (Conv2d(48, 1), Conv2d(64, 5)),
    (Conv2d(64, 1), Conv2d(96, 3), Conv2d(96, 3)),
    (MEAN_INSIDE, Conv2d(64, 1)),
)


def inception_resnet_v2(
    width: float = 1.0,
    *,
    blocks: Sequence[int] = (10, 20, 9),
    scales: Sequence[float] = (0.17, 0.1, 0.2),
    dropout: float = 0.0,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 299, 299),
) -> Genotype:
    """Residual `blocks` of three kinds, each kind's residuals times one of `scales`; `width` scales all channels.

    Raises:
        ValueError: not three numbers of blocks, or of scales.
    """
    check_length("inception_resnet_v2: blocks", blocks, 3)
    check_length("inception_resnet_v2: scales", scales, 3)
    (first, second, third), (large, middle, small) = blocks, scales
    b = Builder(input)
    x = branch(b, b.input, STEM, width=width)
    with b.scope("mixed_5b"):
        x = mixed(b, x, *counted(*MIXED_5B), width=width)
    x = repeat(b, x, "repeat", first, lambda x: residual_a(b, x, large, width=width))
    with b.scope("mixed_6a"):
        x = reduction_a(b, x, (256, 256, 384), 384, width=width)
    x = repeat(b, x, "repeat_1", second, lambda x: residual_b(b, x, middle, width=width))
    with b.scope("mixed_7a"):
        x = residual_reduction_b(b, x, width=width)
    x = repeat(b, x, "repeat_2", third, lambda x: residual_c(b, x, small, width=width))
    with b.scope("block8"):
        x = residual_c(b, x, 1.0, activation=False, width=width)
    x = branch(b, x, [("conv2d_7b", Conv2d(1536, 1))], width=width)
    x = chain(b, x, [("global_pool", GlobalAvgPool2d()), Flatten()])
    x = b(Dropout(dropout), x, name="head_drop") if dropout else x
    return b.genotype(b(Linear(classes), x, name="classif"))


def repeat(b: Builder, x: Value, name: str, count: int, block: Callable[[Value], Value]) -> Value:
    """So many blocks one after the other, in scopes 0, 1 and so on."""
    for number in range(count):
        with b.scope(f"{name}/{number}"):
            x = block(x)
    return x


NETWORKS = {"inception_resnet_v2": inception_resnet_v2}
