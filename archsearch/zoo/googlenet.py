"""GoogLeNet (Szegedy et al. 2014, arXiv:1409.4842), by the paper and as it is used since."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import scaled
from archsearch.blocks.inception import NORM, bottlenecked, conv_norm
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Op,
    ReLU,
)

MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1: channels of 1x1, before 3x3, 3x3, before 5x5, 5x5, behind the pooling."""
AUXILIARY = {"4a": "aux1", "4d": "aux2"}
HALVE = MaxPool2d(3, 2, ceil=True)


def googlenet(
    width: float = 1.0,
    *,
    aux: bool = False,
    original: bool = False,
    dropout: float = 0.2,
    dropout_aux: float = 0.7,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Table 1 with batch norms, and 3x3 for 5x5, as it is used since; with `original` 5x5, biases and response norms as in the paper.

    `aux`: two further outputs for training, the later one first; `width` scales all channels. Weights that were trained on inputs in
    -1...1 want such inputs here too: nothing is rescaled inside.
    """
    b, norm = Builder(input), None if original else NORM
    x = stem(b, b.input, width, original)
    heads: list[Value] = []
    for name, widths in MODULES.items():
        if name == "4a":
            x = b(HALVE, x, name="maxpool3")
        if name == "5a":
            x = b(HALVE if original else MaxPool2d(2, 2, ceil=True), x, name="maxpool4")
        with b.scope(f"inception{name}"):
            x = bottlenecked(b, x, *(scaled(channels, width) for channels in widths), kernel=5 if original else 3, norm=norm)
        if aux and name in AUXILIARY:
            with b.scope(AUXILIARY[name]):
                mean: Op = AvgPool2d(5, 3) if original else AdaptiveAvgPool2d(4)
                heads.append(auxiliary(b, b(mean, x), width, dropout_aux, classes, norm))
    x = chain(b, x, [("avgpool", GlobalAvgPool2d()), Flatten(), ("dropout", Dropout(dropout)), ("fc", Linear(classes))])
    return b.genotype(x, *reversed(heads))


def stem(b: Builder, x: Value, width: float, original: bool) -> Value:
    """An eighth of the image's sides, by three convolutions and two poolings."""
    norm = None if original else NORM
    convs = {"conv1": Conv2d(64, 7, 2), "conv2": Conv2d(64, 1), "conv3": Conv2d(192, 3)}
    for name, conv in convs.items():
        with b.scope(name):
            x = conv_norm(b, x, conv, width=width, norm=norm)
        if name == "conv1":
            x = b(HALVE, x, name="maxpool1")
            x = b(LocalResponseNorm(), x, name="norm1") if original else x
    x = b(LocalResponseNorm(), x, name="norm2") if original else x
    return b(HALVE, x, name="maxpool2")


def auxiliary(b: Builder, x: Value, width: float, dropout: float, classes: int, norm: Op | None) -> Value:
    """A small classifier on (C, 4, 4), so that a gradient reaches the middle of the network."""
    with b.scope("conv"):
        x = b(Flatten(), conv_norm(b, x, Conv2d(128, 1), width=width, norm=norm))
    x = chain(b, x, [("fc1", Linear(scaled(1024, width))), ReLU(), ("dropout", Dropout(dropout))])
    return b(Linear(classes), x, name="fc2")


NETWORKS = {
    "googlenet": googlenet,
    "googlenet_aux": partial(googlenet, aux=True),
    "googlenet_paper": partial(googlenet, original=True, dropout=0.4),
    "googlenet_paper_aux": partial(googlenet, original=True, dropout=0.4, aux=True),
}
