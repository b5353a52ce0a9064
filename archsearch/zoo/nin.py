"""Network in Network (Lin et al. 2013, arXiv:1312.4400): 1x1 convolutions, and a mean in place of the last linear maps."""

from __future__ import annotations

from archsearch.blocks.classic import mlp_conv, scaled
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, MaxPool2d


def nin_cifar(width: float = 1.0, *, dropout: float = 0.5, classes: int = 10, input: tuple[int, int, int] = (3, 32, 32)) -> Genotype:
    """The authors' network for CIFAR: three small perceptrons, the last one with a map for every class; `width` scales all others."""
    wide, first, second = (scaled(channels, width) for channels in (192, 160, 96))
    b = Builder(input)
    x = block(b, b.input, 1, Conv2d(wide, 5), (first, second))
    x = b(Dropout(dropout), b(MaxPool2d(3, 2, ceil=True), x))
    x = block(b, x, 2, Conv2d(wide, 5), (wide, wide))
    x = b(Dropout(dropout), b(AvgPool2d(3, 2, ceil=True), x))
    x = block(b, x, 3, Conv2d(wide, 3), (wide, classes))
    return b.genotype(b(Flatten(), b(GlobalAvgPool2d(), x)))


def nin_imagenet(width: float = 1.0, *, dropout: float = 0.5, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)) -> Genotype:
    """The authors' network for ImageNet: four small perceptrons; `width` scales all channels but the classes."""
    widths = [scaled(channels, width) for channels in (96, 256, 384, 1024)]
    convs = (Conv2d(widths[0], 11, 4, 0), Conv2d(widths[1], 5), Conv2d(widths[2], 3), Conv2d(widths[3], 3))
    b = Builder(input)
    x = b.input
    for number, (conv, channels) in enumerate(zip(convs[:3], widths, strict=False), 1):
        x = block(b, x, number, conv, (channels, channels))
        x = b(MaxPool2d(3, 2, ceil=True), x)
    x = block(b, b(Dropout(dropout), x), 4, convs[3], (widths[3], classes))
    return b.genotype(b(Flatten(), b(GlobalAvgPool2d(), x)))


def block(b: Builder, x: Value, number: int, conv: Conv2d, widths: tuple[int, int]) -> Value:
    """The small perceptron of that number in a scope of its own."""
    with b.scope(f"mlpconv{number}"):
        return mlp_conv(b, x, conv, widths)


NETWORKS = {"nin_cifar": nin_cifar, "nin_imagenet": nin_imagenet}
