"""AlexNet (Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks"), and its one-column heir."""

from __future__ import annotations

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.classic import RESPONSE_NORM, hidden_layers, scaled
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU


def alexnet(
    width: float = 1.0, *, hidden: int = 4096, dropout: float = 0.5, classes: int = 1000, input: tuple[int, int, int] = (3, 224, 224)
) -> Genotype:
    """The network in one column, without norms (Krizhevsky 2014, arXiv:1404.5997); `width` scales the convolutions' channels."""
    first, second, third, fourth, fifth = (scaled(channels, width) for channels in (64, 192, 384, 256, 256))
    b = Builder(input)
    pool = MaxPool2d(3, 2)
    with b.scope("features"):
        x = numbered(b, b.input, [Conv2d(first, 11, 4, 2), ReLU(), pool, Conv2d(second, 5), ReLU(), pool])
        x = numbered(b, x, [Conv2d(third), ReLU(), Conv2d(fourth), ReLU(), Conv2d(fifth), ReLU(), pool], first=6)
    x = b(Flatten(), b(AdaptiveAvgPool2d(6), x, name="avgpool"))
    with b.scope("classifier"):
        drop = Dropout(dropout)
        return b.genotype(numbered(b, x, [drop, Linear(hidden), ReLU(), drop, Linear(hidden), ReLU(), Linear(classes)]))


def alexnet_paper(
    width: float = 1.0,
    *,
    columns: int = 2,
    hidden: int = 4096,
    dropout: float = 0.5,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 227, 227),
) -> Genotype:
    """The network of the paper, figure 2: `columns` see each other in conv3 alone; response norms, overlapping pooling, 60,965,224 params.

    The paper says 224 pixels, but its 55x55 maps need 227.
    """
    first, second, third, fourth, fifth = (scaled(channels, width) for channels in (96, 256, 384, 384, 256))
    b = Builder(input)
    x = chain(b, b.input, [("conv1", Conv2d(first, 11, 4, 0)), ("relu1", ReLU()), ("norm1", RESPONSE_NORM), ("pool1", MaxPool2d(3, 2))])
    x = chain(b, x, [("conv2", Conv2d(second, 5, groups=columns)), ("relu2", ReLU()), ("norm2", RESPONSE_NORM), ("pool2", MaxPool2d(3, 2))])
    x = chain(b, x, [("conv3", Conv2d(third)), ("relu3", ReLU())])
    x = chain(b, x, [("conv4", Conv2d(fourth, groups=columns)), ("relu4", ReLU())])
    x = chain(b, x, [("conv5", Conv2d(fifth, groups=columns)), ("relu5", ReLU()), ("pool5", MaxPool2d(3, 2))])
    x = hidden_layers(b, b(Flatten(), x), (hidden, hidden), dropout, first=6)
    return b.genotype(b(Linear(classes), x, name="fc8"))


NETWORKS = {"alexnet": alexnet, "alexnet_paper": alexnet_paper}
