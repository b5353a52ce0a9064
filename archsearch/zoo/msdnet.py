"""Multi-scale dense networks: a classifier at several depths, so that an easy image may leave early."""

from __future__ import annotations

from math import ceil

from archsearch.blocks.basic import chain
from archsearch.blocks.multi_scale_dense import Scales, conv_norm, multi_scale_layer, pyramid, transition
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.network.passes import drop_dead
from archsearch.ops import Flatten, GlobalAvgPool2d, Linear, MaxPool2d


def msdnet(
    exits: tuple[int, ...] = (7, 11, 15, 19, 23),
    *,
    width: int = 32,
    growth: int = 16,
    factors: tuple[int, ...] = (1, 2, 4, 4),
    reduction: float = 0.5,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Huang et al. 2018 (arXiv:1703.09844), appendix A.2: one output for each of the layers in `exits`, the last being the deepest.

    `factors`: how many times `width` channels a scale starts with and `growth` channels a layer adds there. The layers fall into as
    many parts as there are scales; behind each the finest scale ends, and the others keep the share `reduction` of their channels.
    """
    b = Builder(input)
    with b.scope("stem"):
        x = b(MaxPool2d(3, 2, 1), conv_norm(b, b.input, width * factors[0], 7, 2))
        scales = pyramid(b, x, [width * factor for factor in factors])
    return layers(b, scales, exits, growth=growth, factors=factors, reduction=reduction, exit_width=None, classes=classes)


def msdnet_cifar(
    exits: tuple[int, ...] = (4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24),
    *,
    width: int = 16,
    growth: int = 6,
    factors: tuple[int, ...] = (1, 2, 4),
    reduction: float = 0.5,
    classes: int = 10,
    input: tuple[int, int, int] = (3, 32, 32),
) -> Genotype:
    """Huang et al. 2018 (arXiv:1703.09844), appendix A.1: the form for small images; settings as in `msdnet`."""
    b = Builder(input)
    with b.scope("stem"):
        scales = pyramid(b, conv_norm(b, b.input, width * factors[0]), [width * factor for factor in factors])
    return layers(b, scales, exits, growth=growth, factors=factors, reduction=reduction, exit_width=128, classes=classes)


def layers(
    b: Builder,
    scales: Scales,
    exits: tuple[int, ...],
    *,
    growth: int,
    factors: tuple[int, ...],
    reduction: float,
    exit_width: int | None,
    classes: int,
) -> Genotype:
    """Layers up to the last exit, with a classifier at each exit."""
    if not exits or list(exits) != sorted(set(exits)) or exits[0] < 1:
        raise ValueError(f"exits={exits} must be numbers of layers from 1 on, each larger than the one before")
    part = ceil(exits[-1] / len(factors))
    outputs: list[Value] = []
    for number in range(1, exits[-1] + 1):
        kept = range((number - 1) // part, len(factors))
        finest = min(scales)
        with b.scope(f"layer{number}"):
            scales = multi_scale_layer(b, scales, kept, growth, factors)
        if kept.start > finest and reduction < 1:
            with b.scope(f"transition{kept.start}"):
                scales = transition(b, scales, reduction)
        if number in exits:
            with b.scope(f"exit{len(outputs) + 1}"):
                outputs.append(classifier(b, scales[len(factors) - 1], exit_width, classes))
    return drop_dead(b.genotype(*outputs))


def classifier(b: Builder, x: Value, width: int | None, classes: int) -> Value:
    """Two 3x3 convolutions with stride 2, as wide as the input where no width is given, the mean, and a linear map."""
    for name in ("conv1", "conv2"):
        x = conv_norm(b, x, width or x.channels, 3, 2, name=name)
    return chain(b, x, [GlobalAvgPool2d(), Flatten(), ("fc", Linear(classes))])


NETWORKS = {
    "msdnet": msdnet,
    "msdnet_cifar": msdnet_cifar,
}
