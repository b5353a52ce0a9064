"""EfficientNet (Tan & Le 2019, arXiv:1905.11946) and EfficientNetV2 (Tan & Le 2021, arXiv:2104.00298)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import NamedTuple

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.mobile import divisible, fused_mbconv, mbconv
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.network.genotype_json import MAX_NODES
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, Op, SiLU


class Stage(NamedTuple):
    """Blocks of one kind; the first has the stride."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    blocks: int
    fused: bool = False


B0 = (
    Stage(1, 3, 1, 16, 1), Stage(6, 3, 2, 24, 2), Stage(6, 5, 2, 40, 2), Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3), Stage(6, 5, 2, 192, 4), Stage(6, 3, 1, 320, 1),
)  # fmt: skip
V2: dict[str, tuple[Stage, ...]] = {
    "s": (
        Stage(1, 3, 1, 24, 2, fused=True), Stage(4, 3, 2, 48, 4, fused=True), Stage(4, 3, 2, 64, 4, fused=True),
        Stage(4, 3, 2, 128, 6), Stage(6, 3, 1, 160, 9), Stage(6, 3, 2, 256, 15),
    ),
    "m": (
        Stage(1, 3, 1, 24, 3, fused=True), Stage(4, 3, 2, 48, 5, fused=True), Stage(4, 3, 2, 80, 5, fused=True),
        Stage(4, 3, 2, 160, 7), Stage(6, 3, 1, 176, 14), Stage(6, 3, 2, 304, 18), Stage(6, 3, 1, 512, 5),
    ),
    "l": (
        Stage(1, 3, 1, 32, 4, fused=True), Stage(4, 3, 2, 64, 7, fused=True), Stage(4, 3, 2, 96, 7, fused=True),
        Stage(4, 3, 2, 192, 10), Stage(6, 3, 1, 224, 19), Stage(6, 3, 2, 384, 25), Stage(6, 3, 1, 640, 7),
    ),
}  # fmt: skip
NORM, NORM_B5, NORM_V2, SILU = BatchNorm2d(), BatchNorm2d(eps=1e-3, momentum=0.01), BatchNorm2d(eps=1e-3), SiLU()


def efficientnet(
    width: float = 1.0,
    depth: float = 1.0,
    *,
    dropout: float = 0.2,
    drop: float = 0.2,
    norm: Op = NORM,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """EfficientNet-B0 with `width` times the channels, rounded to multiples of 8, and `depth` times the blocks, rounded up.

    `drop`: chance that a sample skips the last block in training; it grows from 0 with the number of the block.
    """
    stages = [stage._replace(channels=divisible(stage.channels * width), blocks=ceil(stage.blocks * depth)) for stage in B0]
    return stacked(divisible(32 * width), stages, 4 * stages[-1].channels, norm, dropout, drop, classes, input)


def efficientnet_v2(
    size: str = "s", *, dropout: float = 0.2, drop: float = 0.2, classes: int = 1000, input: tuple[int, int, int] = (3, 384, 384)
) -> Genotype:
    """`size` is s, m or l; `drop` as in `efficientnet`.

    Raises:
        ValueError: another size.
    """
    if size not in V2:
        raise ValueError(f"efficientnet_v2: size={size!r} must be one of {', '.join(V2)}")
    return stacked(V2[size][0].channels, V2[size], 1280, NORM_V2, dropout, drop, classes, input)


def stacked(
    stem: int, stages: Sequence[Stage], last: int, norm: Op, dropout: float, drop: float, classes: int, input: tuple[int, int, int]
) -> Genotype:
    """A 3x3 convolution with `stem` channels, the stages, a 1x1 convolution with `last` channels, the classifier."""
    total, made = sum(stage.blocks for stage in stages), 0
    if not 0 < total < MAX_NODES // 10:
        raise ValueError(f"efficientnet: {total} blocks must be 1 to {MAX_NODES // 10}; scale the depth by another factor")
    b = Builder(input)
    with b.scope("features"):
        with b.scope("0"):
            x = numbered(b, b.input, [Conv2d(stem, 3, 2, bias=False), norm, SILU])
        for number, stage in enumerate(stages, 1):
            block = fused_mbconv if stage.fused else mbconv
            for index in range(stage.blocks):
                step, chance = 1 if index else stage.stride, drop * made / total
                with b.scope(f"{number}/{index}"):
                    x = block(b, x, stage.channels, stage.expansion, kernel=stage.kernel, stride=step, drop=chance, norm=norm)
                made += 1
        with b.scope(str(len(stages) + 1)):
            x = numbered(b, x, [Conv2d(last, 1, bias=False), norm, SILU])
    x = chain(b, x, [("avgpool", GlobalAvgPool2d()), Flatten()])
    with b.scope("classifier"):
        return b.genotype(numbered(b, x, [Dropout(dropout), Linear(classes)]))


NETWORKS = {
    "efficientnet_b0": efficientnet,
    "efficientnet_b1": partial(efficientnet, 1.0, 1.1, input=(3, 240, 240)),
    "efficientnet_b2": partial(efficientnet, 1.1, 1.2, dropout=0.3, input=(3, 288, 288)),
    "efficientnet_b3": partial(efficientnet, 1.2, 1.4, dropout=0.3, input=(3, 300, 300)),
    "efficientnet_b4": partial(efficientnet, 1.4, 1.8, dropout=0.4, input=(3, 380, 380)),
    "efficientnet_b5": partial(efficientnet, 1.6, 2.2, dropout=0.4, norm=NORM_B5, input=(3, 456, 456)),
    "efficientnet_b6": partial(efficientnet, 1.8, 2.6, dropout=0.5, norm=NORM_B5, input=(3, 528, 528)),
    "efficientnet_b7": partial(efficientnet, 2.0, 3.1, dropout=0.5, norm=NORM_B5, input=(3, 600, 600)),
    "efficientnet_v2_s": partial(efficientnet_v2, "s"),
    "efficientnet_v2_m": partial(efficientnet_v2, "m", dropout=0.3, input=(3, 480, 480)),
    "efficientnet_v2_l": partial(efficientnet_v2, "l", dropout=0.4, input=(3, 480, 480)),
}
