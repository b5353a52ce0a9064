"""SharpMask: mask and score of the object in the middle of a patch, refined top down (Pinheiro et al. 2016, arXiv:1603.08695)."""

from __future__ import annotations

from archsearch.blocks.basic import Named, chain
from archsearch.blocks.decoder import mirrored_conv, refine
from archsearch.blocks.residual import bottleneck, stages
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Crop2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Reshape
from archsearch.zoo.resnet import BOTTLENECK

STRIDE, BORDER = 16, 1
"""Of the last maps: what they shrink by, and what is cut off around them, where the border of the patch shows."""


def sharpmask(
    depth: int = 50, *, width: int = 64, features: int = 512, channels: int = 32, input: tuple[int, int, int] = (3, 192, 192)
) -> Genotype:
    """DeepMask's trunk on a ResNet's first three stages, four refinements with `channels` at first, and a score (section 3.1, figure 2d).

    The mask covers the patch without its border of 16 pixels: (1, H - 32, W - 32). `features` describe the whole patch. Padding in the
    trunk is of zeros, where the authors mirror.
    """
    if depth not in BOTTLENECK:
        raise ValueError(f"depth={depth} is not known; choose from {', '.join(map(str, BOTTLENECK))}")
    if channels % STRIDE:
        raise ValueError(f"channels={channels} must be a multiple of {STRIDE}: four refinements halve them")
    if any(side % STRIDE or side < 3 * STRIDE for side in input[1:]):
        raise ValueError(
            f"input={input}: height and width must be multiples of {STRIDE} and at least {3 * STRIDE}; pad or resize the patches"
        )
    b = Builder(input)
    with b.scope("trunk"):
        stem = chain(b, b.input, [("conv1", Conv2d(width, 7, 2, bias=False)), ("bn1", BatchNorm2d()), ("relu", ReLU())])
        x = b(MaxPool2d(3, 2, 1), stem, name="maxpool")
        maps = stages(b, x, bottleneck, BOTTLENECK[depth][:3], [4 * width << stage for stage in range(3)])
    with b.scope("whole"):
        top = cut(b, maps[-1], BORDER)
        x = chain(b, top, [("conv", Conv2d(2 * width, 1)), ReLU(), Flatten(), ("fc", Linear(features))])
    score = head(b, x)
    _, height, wide = top.shape
    with b.scope("mask"):
        x = b(Reshape((channels, height, wide)), b(Linear(channels * height * wide), x))
    for number, (skip, hidden) in enumerate(zip((maps[2], maps[1], maps[0], stem), (1.0, 1.0, 1.0, 0.5), strict=True)):
        with b.scope(f"refine{number}"):
            x = refine(b, x, cut(b, skip, BORDER << number), int(hidden * width), channels >> number)
    with b.scope("out"):
        return b.genotype(mirrored_conv(b, x, 1, "conv"), score)


def cut(b: Builder, x: Value, border: int) -> Value:
    """An image without so many pixels at each side."""
    _, height, width = x.shape
    return b(Crop2d(border, border, height - 2 * border, width - 2 * border), x, name="cut")


def head(b: Builder, x: Value) -> Value:
    """How much the patch looks like one whole object in its middle."""
    ops: list[Named] = [("drop1", Dropout(0.5)), ("fc1", Linear(1024)), ReLU(), ("drop2", Dropout(0.5)), ("fc2", Linear(1))]
    with b.scope("score"):
        return chain(b, x, ops)


NETWORKS = {"sharpmask": sharpmask}
