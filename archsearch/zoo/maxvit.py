"""MaxViT: convolutions, attention within windows, and attention across a grid, in every block."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.mbconv_attention import Style, mbconv, partition_attention
from archsearch.blocks.transformer import rates
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import GELU, AvgPool2d, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, LayerNorm, Linear, Tanh

NORM = BatchNorm2d(1e-3, 0.01)
STYLE = Style(norm=NORM, pool=AvgPool2d(3, 2, 1), project=True)


def maxvit(
    blocks: tuple[int, ...] = (2, 2, 5, 2),
    *,
    width: int = 64,
    stem: int = 64,
    head: int = 32,
    window: int = 7,
    absent: float = 0.2,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Tu et al. 2022 (arXiv:2204.01697), table 1; the image's sides must make multiples of `window` in every stage.

    `blocks`: of each stage; `width`: channels of the first stage, doubled from stage to stage; `stem`: channels before it; `head`:
    features of a head; `absent`: probability of stochastic depth at the last block.

    Raises:
        ValueError: windows do not divide the image.
    """
    whole = window << len(blocks) + 1
    if input[1] % whole or input[2] % whole:
        fits = tuple(max(whole, side // whole * whole) for side in input[1:])
        raise ValueError(
            f"maxvit: input={tuple(input)} needs sides that are multiples of {whole} for windows of {window} in every stage; "
            f"use ({input[0]}, {fits[0]}, {fits[1]}) or another window"
        )
    b = Builder(input)
    absences = iter(rates(absent, sum(blocks)))
    with b.scope("stem"):
        with b.scope("0"):
            x = numbered(b, b.input, [Conv2d(stem, 3, 2, bias=False), NORM, GELU()])
        with b.scope("1"):
            x = b(Conv2d(stem), x, name="0")
    for stage, count in enumerate(blocks):
        with b.scope(f"blocks/{stage}/layers"):
            for number in range(count):
                with b.scope(f"{number}/layers"):
                    x = layer(b, x, width << stage, 1 if number else 2, head=head, window=window, absent=next(absences))
    return b.genotype(classifier(b, x, classes))


def layer(b: Builder, x: Value, channels: int, stride: int, *, head: int, window: int, absent: float) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): convolutions, then attention within windows, then across the grid."""
    with b.scope("MBconv"):
        x = mbconv(b, x, channels, stride, style=STYLE, absent=absent)
    for name, strided in (("window_attention", False), ("grid_attention", True)):
        with b.scope(name):
            x = partition_attention(b, x, size=window, strided=strided, head=head, absent=absent)
    return x


def classifier(b: Builder, x: Value, classes: int) -> Value:
    """Mean over the image, and two linear maps to the classes."""
    with b.scope("classifier"):
        ops = [GlobalAvgPool2d(), Flatten(), LayerNorm(), Linear(x.channels), Tanh(), Linear(classes, bias=False)]
        return chain(b, x, [(str(number), op) for number, op in enumerate(ops)])


NETWORKS = {"maxvit_t": partial(maxvit, (2, 2, 5, 2))}
