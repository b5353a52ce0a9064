"""The way back to the size of the image: U-Net levels, pyramids of features, unpooling, atrous pyramids, refinement."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.blocks.basic import Named, chain, numbered
from archsearch.network.builder import Builder, Value
from archsearch.ops import (
    Add,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Crop2d,
    Dropout,
    GlobalAvgPool2d,
    MaxPool2d,
    MaxPoolIndices2d,
    MaxUnpool2d,
    Mul,
    Pad2d,
    ReLU,
    Sigmoid,
    Upsample,
)

SIDES = ("top", "bottom", "left", "right")


def conv_relu(b: Builder, x: Value, channels: int, kernel: int = 3, *, dilation: int = 1, norm: bool = True) -> Value:
    """Convolution, batch norm and ReLU, named 0, 1 and 2; without the norm, convolution with a bias and ReLU, named 0 and 1."""
    conv = Conv2d(channels, kernel, dilation=dilation, bias=not norm)
    return numbered(b, x, [conv, BatchNorm2d(), ReLU()] if norm else [conv, ReLU()])


def size_of(x: Value) -> tuple[int, int]:
    """(height, width) of an image."""
    _, height, width = x.spec.expect(rank=3, by="a decoder")
    return height, width


def crop_to(b: Builder, x: Value, like: Value, *, centre: bool = True) -> Value:
    """As much of an image as another one has, from its centre or its top left corner; itself where the sizes are equal."""
    (high, wide), (height, width) = size_of(x), size_of(like)
    if (high, wide) == (height, width):
        return x
    top, left = ((high - height) // 2, (wide - width) // 2) if centre else (0, 0)
    return b(Crop2d(max(top, 0), max(left, 0), height, width), x, name="crop")


def pad_to(b: Builder, x: Value, like: Value) -> Value:
    """An image with a border of zeros that makes it as large as another one; itself where the sizes are equal."""
    (high, wide), (height, width) = size_of(x), size_of(like)
    if (high, wide) == (height, width):
        return x
    down, across = height - high, width - wide
    return b(Pad2d(down // 2, down - down // 2, across // 2, across - across // 2), x, name="pad")


def resize_to(b: Builder, x: Value, like: Value, *, mode: str = "bilinear", name: str | None = None) -> Value:
    """An image sampled at the size of another one; itself where the sizes are equal."""
    (high, wide), (height, width) = size_of(x), size_of(like)
    if (high, wide) == (height, width):
        return x
    whole = height % high == width % wide == 0  # as a scale the step between positions stays known
    return b(Upsample((height // high, width // wide), mode=mode) if whole else Upsample(size=(height, width), mode=mode), x, name=name)


def double_conv(b: Builder, x: Value, channels: int, *, padded: bool = True, norm: bool = True) -> Value:
    """Two 3x3 convolutions with ReLU, what stands at every level of a U-Net; not `padded`, each takes a border of one pixel away."""
    for number in (1, 2):
        conv = Conv2d(channels, 3, padding=1 if padded else 0, bias=not norm)
        ops: list[Named] = [(f"conv{number}", conv), *([(f"bn{number}", BatchNorm2d())] if norm else []), (f"relu{number}", ReLU())]
        x = chain(b, x, ops)
    return x


def down(b: Builder, x: Value, channels: int, *, padded: bool = True, norm: bool = True) -> Value:
    """One level down a U-Net: max pooling and two convolutions, (C, H, W) -> (channels, H / 2, W / 2)."""
    return double_conv(b, b(MaxPool2d(2), x, name="pool"), channels, padded=padded, norm=norm)


def up(b: Builder, x: Value, skip: Value, channels: int, *, padded: bool = True, norm: bool = True) -> Value:
    """One level up a U-Net (Ronneberger et al. 2015, arXiv:1505.04597): (C, H, W) and a skip of twice the size -> (channels, 2H, 2W).

    A transposed convolution doubles the image, the skip is put beside it, two convolutions follow. Where sizes differ, the skip is cropped,
    or, if `padded`, the image gets a border.
    """
    x = b(ConvTranspose2d(channels, 2, 2), x, name="up")
    x, skip = (pad_to(b, x, skip), skip) if padded else (x, crop_to(b, skip, x))
    return double_conv(b, b(Concat(), skip, x), channels, padded=padded, norm=norm)


def pool_with_places(b: Builder, x: Value, kernel: int = 2) -> tuple[Value, Value]:
    """Max pooling, and where in `x` each maximum stood, for `unpool`."""
    return b(MaxPool2d(kernel), x, name="pool"), b(MaxPoolIndices2d(kernel), x, name="places")


def unpool(b: Builder, x: Value, places: Value, like: Value, kernel: int = 2) -> Value:
    """Values back to the places of the maxima, zeros elsewhere, at the size of `like`, the image that was pooled (arXiv:1511.00561)."""
    return b(MaxUnpool2d(kernel, size=size_of(like)), x, places, name="unpool")


def feature_pyramid(b: Builder, maps: Sequence[Value], channels: int = 256) -> list[Value]:
    """Images of falling size -> as many of `channels` (Lin et al. 2016, arXiv:1612.03144).

    From the smallest on, each is brought to `channels` by a 1x1 convolution, gets the enlarged sum of the one before it added, and goes
    through a 3x3 convolution.
    """
    merged, found = None, []
    for level in reversed(range(len(maps))):
        lateral = b(Conv2d(channels, 1), maps[level], name=f"inner_blocks/{level}/0")
        if merged is not None:
            lateral = b(Add(), lateral, resize_to(b, merged, lateral, mode="nearest", name=f"upsample{level}"), name=f"add{level}")
        merged = lateral
        found.append(b(Conv2d(channels, 3), merged, name=f"layer_blocks/{level}/0"))
    return found[::-1]


def atrous_pyramid(b: Builder, x: Value, channels: int = 256, rates: Sequence[int] = (12, 24, 36), dropout: float = 0.5) -> Value:
    """Convolutions of several dilations beside a mean over the image, fused: (C, H, W) -> (channels, H, W) (arXiv:1706.05587)."""
    branches = []
    for number, rate in enumerate((None, *rates)):
        with b.scope(f"convs/{number}"):
            branches.append(conv_relu(b, x, channels, 1) if rate is None else conv_relu(b, x, channels, 3, dilation=rate))
    with b.scope(f"convs/{len(rates) + 1}"):
        mean = b(GlobalAvgPool2d(), x, name="0")
        mean = chain(b, mean, [("1", Conv2d(channels, 1, bias=False)), ("2", BatchNorm2d()), ("3", ReLU())])
        branches.append(resize_to(b, mean, x))
    fused = b(Concat(), *branches)
    with b.scope("project"):
        fused = conv_relu(b, fused, channels, 1)
        return b(Dropout(dropout), fused, name="3")


def lite_atrous_pyramid(b: Builder, low: Value, high: Value, classes: int, channels: int = 128) -> Value:
    """Gated scores of small maps added to those of large ones, at the size of `low` (Howard et al. 2019, arXiv:1905.02244, section 6.4)."""
    with b.scope("cbr"):
        x = conv_relu(b, high, channels, 1)
    with b.scope("scale"):
        gate = chain(b, high, [("0", GlobalAvgPool2d()), ("1", Conv2d(channels, 1, bias=False)), ("2", Sigmoid())])
    x = resize_to(b, b(Mul(), x, gate), low)
    scores = b(Conv2d(classes, 1), low, name="low_classifier")
    return b(Add(), scores, b(Conv2d(classes, 1), x, name="high_classifier"))


def mirrored_conv(b: Builder, x: Value, channels: int, name: str) -> Value:
    """A 3x3 convolution that sees its border pixels twice instead of zeros outside the image."""
    x = b(Pad2d(**dict.fromkeys(SIDES, 1), mode="replicate"), x, name=f"pad_{name}")
    return b(Conv2d(channels, 3, padding=0), x, name=name)


def refine(b: Builder, x: Value, skip: Value, hidden: int, channels: int) -> Value:
    """One step of top-down refinement: (C, H, W) and a skip of the same size -> (C / 2, 2H, 2W) (Pinheiro et al. 2016, arXiv:1603.08695).

    The skip goes to `hidden`, `channels` and C / 2 channels; sum, ReLU, and enlargement follow.
    """
    half = x.channels // 2
    for number, width in enumerate((hidden, channels), 1):
        skip = b(ReLU(), mirrored_conv(b, skip, width, f"skip{number}"))
    skip = mirrored_conv(b, skip, half, "skip3")
    x = b(ReLU(), mirrored_conv(b, x, x.channels, "conv1"))
    x = mirrored_conv(b, x, half, "conv2")
    return b(Upsample(2, mode="nearest"), b(ReLU(), b(Add(), skip, x)))
