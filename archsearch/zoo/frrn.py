"""Full-resolution residual networks: a stream that pools, and one that never does (Pohlen et al. 2016, arXiv:1611.08323)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import Named, chain
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, BatchNorm2d, Concat, Conv2d, MaxPool2d, ReLU, Upsample

Stage = tuple[int, int, int]
STAGES: dict[str, tuple[tuple[Stage, ...], tuple[Stage, ...]]] = {
    "a": (((3, 2, 2), (4, 4, 4), (2, 8, 8), (2, 8, 16)), ((2, 4, 8), (2, 4, 4), (2, 2, 2))),
    "b": (((3, 2, 2), (4, 4, 4), (2, 8, 8), (2, 8, 16), (2, 8, 32)), ((2, 4, 16), (2, 4, 8), (2, 4, 4), (2, 2, 2))),
}
"""Units, channels in units of the width, and scale of each stage of the pooling stream, down and up (table 1)."""


def frrn(size: str = "a", *, width: int = 48, lanes: int = 32, classes: int = 19, input: tuple[int, int, int] = (3, 256, 512)) -> Genotype:
    """Table 1; `width`: channels at the full size, `lanes`: those of the stream of residuals."""
    if size not in STAGES:
        raise ValueError(f"size={size!r} is not known; choose from {', '.join(STAGES)}")
    below, above = STAGES[size]
    smallest = max(scale for _, _, scale in below)
    if input[1] % smallest or input[2] % smallest:
        raise ValueError(
            f"input={input}: height and width must be multiples of {smallest}, so that both streams fit; pad or resize the images"
        )
    b = Builder(input)
    with b.scope("stem"):
        x = chain(b, b.input, [Conv2d(width, 5, bias=False), BatchNorm2d(), ReLU()])
    for number in range(3):
        x = residual_unit(b, x, width, f"head{number}")
    with b.scope("split"):
        lane = chain(b, x, [Conv2d(lanes, 1, bias=False), BatchNorm2d()])
    for count, units, scale in below:
        with b.scope(f"down{scale}"):
            x = b(MaxPool2d(2), x)
            x, lane = stage(b, x, lane, count, units * width, scale)
    for count, units, scale in above:
        with b.scope(f"up{scale}"):
            x = b(Upsample(2), x)
            x, lane = stage(b, x, lane, count, units * width, scale)
    x = b(Concat(), b(Upsample(2), x), lane, name="merge")
    for number in range(3):
        x = residual_unit(b, x, width, f"tail{number}")
    return b.genotype(b(Conv2d(classes, 1), x, name="classifier"))


def stage(b: Builder, x: Value, lane: Value, count: int, channels: int, scale: int) -> tuple[Value, Value]:
    """So many full-resolution residual units."""
    for number in range(count):
        with b.scope(f"unit{number}"):
            x, lane = full_resolution_unit(b, x, lane, channels, scale)
    return x, lane


def full_resolution_unit(b: Builder, x: Value, lane: Value, channels: int, scale: int) -> tuple[Value, Value]:
    """Two 3x3 convolutions over both streams, the second of `scale` times the size; what comes out is added to it (figure 2)."""
    x = b(Concat(), x, b(MaxPool2d(scale), lane, name="pool"))
    for number in (1, 2):
        x = chain(b, x, conv_norm(number, Conv2d(channels, bias=False)))
        x = b(ReLU(), x)
    residual = b(Conv2d(lane.channels, 1), x, name="residual")
    return x, b(Add(), lane, b(Upsample(scale, mode="nearest"), residual))


def residual_unit(b: Builder, x: Value, channels: int, name: str) -> Value:
    """Two 3x3 convolutions with a skip around them, a 1x1 convolution in the skip where channels change."""
    with b.scope(name):
        skip = x if x.channels == channels else b(Conv2d(channels, 1, bias=False), x, name="skip")
        x = b(ReLU(), chain(b, x, conv_norm(1, Conv2d(channels, bias=False))))
        return b(Add(), chain(b, x, conv_norm(2, Conv2d(channels, bias=False))), skip)


def conv_norm(number: int, conv: Conv2d) -> list[Named]:
    """A convolution and its norm, with names."""
    return [(f"conv{number}", conv), (f"bn{number}", BatchNorm2d())]


NETWORKS = {"frrn_a": partial(frrn, "a"), "frrn_b": partial(frrn, "b", input=(3, 512, 1024))}
