"""VGG (Simonyan & Zisserman 2014, arXiv:1409.1556): nothing but 3x3 convolutions, and pooling between the stages."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import numbered
from archsearch.blocks.classic import conv_relu
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import AdaptiveAvgPool2d, Dropout, Flatten, Linear, MaxPool2d, Op, ReLU

CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage by depth: columns A, B, D and E of table 1."""


def vgg(
    depth: int = 16,
    *,
    norm: bool = False,
    pointwise: bool = False,
    width: int = 64,
    hidden: int = 4096,
    dropout: float = 0.5,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Table 1; `norm`: a batch norm behind every convolution; `width`: channels of the first stage, which double three times.

    `pointwise`: the third convolution of a stage is 1x1, which makes column C of depth 16.

    Raises:
        ValueError: a depth that is not in the table.
    """
    if depth not in CONVS:
        raise ValueError(f"vgg: depth={depth} is not known; choose from {', '.join(map(str, CONVS))}")
    features: list[Op] = []
    for stage, convs in enumerate(CONVS[depth]):
        for number in range(convs):
            features += conv_relu(width << min(stage, 3), kernel=1 if pointwise and number == 2 else 3, norm=norm)
        features.append(MaxPool2d(2))
    b = Builder(input)
    with b.scope("features"):
        x = numbered(b, b.input, features)
    x = b(Flatten(), b(AdaptiveAvgPool2d(7), x, name="avgpool"))
    with b.scope("classifier"):
        layer = [Linear(hidden), ReLU(), Dropout(dropout)]
        return b.genotype(numbered(b, x, [*layer, *layer, Linear(classes)]))


NETWORKS = {
    **{f"vgg{depth}": partial(vgg, depth) for depth in CONVS},
    **{f"vgg{depth}_bn": partial(vgg, depth, norm=True) for depth in CONVS},
    "vgg16_c": partial(vgg, 16, pointwise=True),
}
