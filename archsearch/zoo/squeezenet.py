"""SqueezeNet (Iandola et al. 2016, arXiv:1602.07360): AlexNet's accuracy with a fiftieth of its params."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import numbered
from archsearch.blocks.fire import fire
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Dropout, Flatten, GlobalAvgPool2d, MaxPool2d, Op, ReLU

STEMS = {"1.0": Conv2d(96, 7, 2, 0), "1.1": Conv2d(64, 3, 2, 0)}
POOLED = {"1.0": (3, 7), "1.1": (2, 4)}
"""After how many of the eight fire modules a pooling stands, by version; one more stands behind the stem."""
MODULES = 8


def squeezenet(
    version: str = "1.0",
    *,
    expanded: int = 128,
    grow: int = 128,
    squeeze: float = 0.125,
    threes: float = 0.5,
    bypass: str = "none",
    dropout: float = 0.5,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Table 1 of the paper, or the authors' version 1.1 of less work; the settings are those of section 5.1.

    `expanded`: channels of the first two fire modules, which `grow` after every two; `squeeze`: the squeezed share of them;
    `threes`: the share of the 3x3 convolution; `bypass`: "none", "simple" or "complex" (figure 2).

    Raises:
        ValueError: a version or bypass that is not known.
    """
    if version not in STEMS:
        raise ValueError(f"squeezenet: version={version!r} is not known; choose from {', '.join(STEMS)}")
    b = Builder(input)
    pool = MaxPool2d(3, 2, ceil=True)
    with b.scope("features"):
        head: list[Op] = [STEMS[version], ReLU(), pool]
        x, place = numbered(b, b.input, head), len(head)
        for number in range(MODULES):
            if number in POOLED[version]:
                x, place = b(pool, x, name=str(place)), place + 1
            channels = expanded + grow * (number // 2)
            wide = round(threes * channels)
            with b.scope(str(place)):
                x = fire(b, x, round(squeeze * channels), channels - wide, wide, bypass=bypass)
            place += 1
    with b.scope("classifier"):
        x = numbered(b, x, [Dropout(dropout), Conv2d(classes, 1), ReLU(), GlobalAvgPool2d()])
    return b.genotype(b(Flatten(), x))


NETWORKS = {
    "squeezenet1_0": squeezenet,
    "squeezenet1_1": partial(squeezenet, "1.1"),
    "squeezenet1_0_simple_bypass": partial(squeezenet, bypass="simple"),
    "squeezenet1_0_complex_bypass": partial(squeezenet, bypass="complex"),
}
