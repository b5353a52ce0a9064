"""Fully convolutional DenseNets: dense blocks on the way down and up (Jégou et al. 2016, arXiv:1611.09326)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import crop_to
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Concat, Conv2d, ConvTranspose2d, Dropout, MaxPool2d, ReLU

LAYERS = {56: (4,) * 11, 67: (5,) * 11, 103: (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4)}
"""Layers of each dense block, down, in the middle and up (tables 1 and 2)."""


def fc_densenet(
    depth: int = 103,
    *,
    growth: int = 16,
    width: int = 48,
    dropout: float = 0.2,
    layers: Sequence[int] | None = None,
    classes: int = 11,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Section 3.2; `growth`: channels that each layer adds, `width`: of the first convolution; `layers` of each block replace the depth's.

    On the way up only what a block has added is enlarged, so that channels do not pile up.
    """
    if layers is None and depth not in LAYERS:
        raise ValueError(f"depth={depth} is not known; choose from {', '.join(map(str, LAYERS))}, or give layers")
    counts = LAYERS[depth] if layers is None else tuple(layers)
    if len(counts) % 2 == 0:
        raise ValueError(f"layers={counts} must be an odd number of blocks: as many up as down, and one between them")
    half = len(counts) // 2
    b = Builder(input)
    x, skips = b(Conv2d(width), b.input, name="conv"), []
    for number, count in enumerate(counts[:half]):
        with b.scope(f"down{number}"):
            x = b(Concat(), x, dense_block(b, x, count, growth, dropout), name="stack")
            skips.append(x)
            x = b(MaxPool2d(2), layer(b, x, x.channels, 1, dropout), name="pool")
    with b.scope("middle"):
        added = dense_block(b, x, counts[half], growth, dropout)
    for number, count in enumerate(counts[half + 1 :]):
        with b.scope(f"up{number}"):
            x = b(ConvTranspose2d(added.channels, 3, 2), added, name="enlarge")
            x = b(Concat(), crop_to(b, x, skips[half - 1 - number]), skips[half - 1 - number], name="skip")
            added = dense_block(b, x, count, growth, dropout)
    x = b(Concat(), x, added, name="stack")
    return b.genotype(b(Conv2d(classes, 1), x, name="head"))


def layer(b: Builder, x: Value, channels: int, kernel: int, dropout: float) -> Value:
    """Norm, ReLU, convolution and dropout."""
    return chain(b, x, [BatchNorm2d(), ReLU(), Conv2d(channels, kernel), Dropout(dropout)])


def dense_block(b: Builder, x: Value, count: int, growth: int, dropout: float) -> Value:
    """What so many layers add, each of which reads the input and what those before it have added."""
    added: list[Value] = []
    for number in range(count):
        with b.scope(f"layer{number}"):
            x = b(Concat(), x, added[-1]) if added else x
            added.append(layer(b, x, growth, 3, dropout))
    return b(Concat(), *added, name="added")


NETWORKS = {
    "fc_densenet56": partial(fc_densenet, 56, growth=12),
    "fc_densenet67": partial(fc_densenet, 67),
    "fc_densenet103": partial(fc_densenet, 103),
}
