"""ZFNet (Zeiler & Fergus 2013, arXiv:1311.2901): AlexNet with smaller windows in its first layers."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import RESPONSE_NORM, hidden_layers, scaled
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Flatten, Linear, MaxPool2d, ReLU


def zfnet(
    width: float = 1.0, *, hidden: int = 4096, dropout: float = 0.5, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)
) -> Genotype:
    """Figure 3 of the paper: maps of 110, 26 and 13 positions; `width` scales the convolutions' channels.

    The contrast norm of the figure is the response norm of AlexNet here, as it has no weights either.
    """
    first, second, third, fourth, fifth = (scaled(channels, width) for channels in (96, 256, 384, 384, 256))
    b, pool = Builder(input), MaxPool2d(3, 2, ceil=True)
    x = chain(b, b.input, [("conv1", Conv2d(first, 7, 2, 1)), ("relu1", ReLU()), ("pool1", pool), ("norm1", RESPONSE_NORM)])
    x = chain(b, x, [("conv2", Conv2d(second, 5, 2, 0)), ("relu2", ReLU()), ("pool2", pool), ("norm2", RESPONSE_NORM)])
    x = chain(b, x, [("conv3", Conv2d(third)), ("relu3", ReLU()), ("conv4", Conv2d(fourth)), ("relu4", ReLU())])
    x = chain(b, x, [("conv5", Conv2d(fifth)), ("relu5", ReLU()), ("pool5", MaxPool2d(3, 2))])
    x = hidden_layers(b, b(Flatten(), x), (hidden, hidden), dropout, first=6)
    return b.genotype(b(Linear(classes), x, name="fc8"))


NETWORKS = {"zfnet": zfnet}
