"""Context by dilation: convolutions whose field doubles while the size stays (Yu & Koltun 2015, arXiv:1511.07122)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import Named, chain
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Dropout, MaxPool2d, Pad2d, ReLU

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32)}
"""Channels of each 3x3 convolution, in units of the classes (table 1)."""
FRONT = ((64, 2, 1, True), (128, 2, 1, True), (256, 3, 1, True), (512, 3, 1, False), (512, 3, 2, False))
"""Channels, convolutions, dilation and pooling of each stage of VGG-16 (section 4)."""


def dilated_context(size: str = "basic", *, input: tuple[int, int, int] = (21, 64, 64)) -> Genotype:
    """The module alone (table 1): maps of C classes -> as many of the same size, each position seeing 67 x 67 of them."""
    b = Builder(input)
    return b.genotype(context(b, b.input, size))


def dilated_vgg16(
    context_size: str | None = None, *, width: int = 64, hidden: int = 4096, classes: int = 21, input: tuple[int, int, int] = (3, 900, 900)
) -> Genotype:
    """The front end (section 4): VGG-16 without its last two poolings, dilated instead; its convolutions take the border away.

    `context_size`: of the context module behind it, basic or large; none, if not given. 900 pixels give 66 positions: an image of 528
    with a border of 186, at stride 8.
    """
    b = Builder(input)
    x = b.input
    for stage, (channels, convs, dilation, pooled) in enumerate(FRONT, 1):
        for number in range(1, convs + 1):
            conv = Conv2d(channels * width // 64, 3, padding=0, dilation=dilation)
            x = chain(b, x, [(f"conv{stage}_{number}", conv), (f"relu{stage}_{number}", ReLU())])
        x = b(MaxPool2d(2), x, name=f"pool{stage}") if pooled else x
    for number, kernel, dilation in ((6, 7, 4), (7, 1, 1)):
        conv = Conv2d(hidden, kernel, padding=0, dilation=dilation)
        x = chain(b, x, [(f"fc{number}", conv), (f"relu{number}", ReLU()), (f"drop{number}", Dropout(0.5))])
    x = b(Conv2d(classes, 1), x, name="fc_final")
    if context_size is None:
        return b.genotype(x)
    with b.scope("context"):
        return b.genotype(context(b, x, context_size))


def context(b: Builder, x: Value, size: str) -> Value:
    """Seven 3x3 convolutions of growing dilation and a 1x1, after one border of zeros as wide as all of them need."""
    if size not in WIDTHS:
        raise ValueError(f"size={size!r} of the context module is not known; choose from {', '.join(WIDTHS)}")
    classes, border = x.channels, sum(DILATIONS)
    x = b(Pad2d(border, border, border, border), x, name="border")
    for number, (dilation, units) in enumerate(zip(DILATIONS, WIDTHS[size], strict=True), 1):
        conv = Conv2d(units * classes, 3, padding=0, dilation=dilation)
        layer: list[Named] = [(f"conv{number}", conv), (f"relu{number}", ReLU())]
        x = chain(b, x, layer)
    return b(Conv2d(classes, 1), x, name="conv8")


NETWORKS = {
    "dilated_context_basic": partial(dilated_context, "basic"),
    "dilated_context_large": partial(dilated_context, "large"),
    "dilated_vgg16": dilated_vgg16,
    "dilated_vgg16_context": partial(dilated_vgg16, "large"),
}
