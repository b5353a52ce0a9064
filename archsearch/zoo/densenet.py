"""Densely connected networks, for ImageNet and for CIFAR."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.dense import dense_block, transition
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU

LAYERS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
    264: (6, 12, 64, 48),
}
"""Layers of each block by depth."""


def densenet(
    depth: int = 121,
    *,
    growth: int = 32,
    compression: float = 0.5,
    dropout: float = 0.0,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Huang et al. 2016 (arXiv:1608.06993), table 1: DenseNet-BC for ImageNet."""
    if depth not in LAYERS:
        raise ValueError(f"depth={depth} is not known; choose from {', '.join(map(str, LAYERS))}")
    b = Builder(input)
    with b.scope("features"):
        stem = [("conv0", Conv2d(2 * growth, 7, 2, bias=False)), ("norm0", BatchNorm2d()), ("relu0", ReLU()), ("pool0", MaxPool2d(3, 2, 1))]
        x = chain(b, b.input, stem)
        x = blocks(b, x, LAYERS[depth], growth, compression=compression, bottleneck=True, dropout=dropout)
    return b.genotype(head(b, x, classes))


def densenet_cifar(
    depth: int = 100,
    growth: int = 12,
    *,
    bottleneck: bool = True,
    compression: float = 0.5,
    dropout: float = 0.0,
    classes: int = 10,
    input: tuple[int, int, int] = (3, 32, 32),
) -> Genotype:
    """Huang et al. 2016 (arXiv:1608.06993), section 4.2: three blocks; DenseNet-BC, or DenseNet without bottlenecks and compression."""
    convs = 2 if bottleneck else 1
    if depth < 4 + 3 * convs or (depth - 4) % (3 * convs):
        raise ValueError(f"depth={depth} must be {3 * convs}*n + 4: three blocks of layers with {convs} convolutions each, and 4 more")
    width = 2 * growth if bottleneck and compression < 1 else 16
    b = Builder(input)
    with b.scope("features"):
        x = b(Conv2d(width, bias=False), b.input, name="conv0")
        layers = ((depth - 4) // (3 * convs),) * 3
        x = blocks(b, x, layers, growth, compression=compression, bottleneck=bottleneck, dropout=dropout)
    return b.genotype(head(b, x, classes))


def blocks(b: Builder, x: Value, layers: tuple[int, ...], growth: int, *, compression: float, bottleneck: bool, dropout: float) -> Value:
    """Dense blocks with transitions between them that keep the share `compression` of the channels; a norm at the end."""
    if not 0 < compression <= 1:
        raise ValueError(f"compression={compression} must be over 0 and at most 1")
    for number, count in enumerate(layers, 1):
        with b.scope(f"denseblock{number}"):
            x = dense_block(b, x, count, growth, bottleneck=bottleneck, dropout=dropout)
        if number < len(layers):
            with b.scope(f"transition{number}"):
                x = transition(b, x, int(x.channels * compression))
    return b(BatchNorm2d(), x, name="norm5")


def head(b: Builder, x: Value, classes: int) -> Value:
    """ReLU, mean over the image, and a linear map to the classes."""
    return chain(b, x, [ReLU(), ("avgpool", GlobalAvgPool2d()), Flatten(), ("classifier", Linear(classes))])


NETWORKS = {
    **{f"densenet{depth}": partial(densenet, depth) for depth in (121, 169, 201)},
    "densenet161": partial(densenet, 161, growth=48),
    "densenet40_12_cifar": partial(densenet_cifar, 40, 12, bottleneck=False, compression=1.0),
    "densenet100_12_cifar": partial(densenet_cifar, 100, 12, bottleneck=False, compression=1.0),
    "densenet_bc100_12_cifar": partial(densenet_cifar, 100, 12),
}
