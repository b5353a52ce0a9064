"""SegNet: a decoder that puts values back to where max pooling found them (Badrinarayanan et al. 2015, arXiv:1511.00561)."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import pool_with_places, unpool
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, LocalResponseNorm, ReLU

VGG16 = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
"""Channels of the convolutions before each pooling."""


def segnet(stages: Sequence[Sequence[int]] = VGG16, *, classes: int = 11, input: tuple[int, int, int] = (3, 360, 480)) -> Genotype:
    """Section 3: the 13 convolutions of VGG-16, each with a norm, and their mirror image; `stages`: their channels, stage by stage."""
    b = Builder(input)
    x, pooled = b.input, []
    for number, stage in enumerate(stages, 1):
        with b.scope(f"encoder{number}"):
            x = convolutions(b, x, stage)
            whole = x
            x, places = pool_with_places(b, x)
            pooled.append((whole, places))
    for number in range(len(stages), 0, -1):
        before = stages[number - 2][-1] if number > 1 else stages[0][0]
        with b.scope(f"decoder{number}"):
            whole, places = pooled[number - 1]
            x = unpool(b, x, places, whole)
            widths = (*stages[number - 1][:-1], before)
            x = convolutions(b, x, widths if number > 1 else widths[:-1])
    return b.genotype(b(Conv2d(classes, 3), x, name="head"))


def convolutions(b: Builder, x: Value, widths: Sequence[int]) -> Value:
    """3x3 convolutions with norm and ReLU."""
    for number, channels in enumerate(widths, 1):
        x = chain(b, x, [(f"conv{number}", Conv2d(channels)), (f"bn{number}", BatchNorm2d()), (f"relu{number}", ReLU())])
    return x


def segnet_basic(
    width: int = 64, *, depth: int = 4, kernel: int = 7, classes: int = 11, input: tuple[int, int, int] = (3, 360, 480)
) -> Genotype:
    """Section 3.1: `depth` convolutions with norm, ReLU and pooling, and as many with a norm alone after unpooling."""
    b = Builder(input)
    x, pooled = b(LocalResponseNorm(5, 1e-4, 0.75), b.input, name="norm"), []
    for number in range(1, depth + 1):
        with b.scope(f"encoder{number}"):
            whole = chain(b, x, [Conv2d(width, kernel), BatchNorm2d(), ReLU()])
            x, places = pool_with_places(b, whole)
            pooled.append((whole, places))
    for number in range(depth, 0, -1):
        with b.scope(f"decoder{number}"):
            whole, places = pooled[number - 1]
            x = chain(b, unpool(b, x, places, whole), [Conv2d(width, kernel), BatchNorm2d()])
    return b.genotype(b(Conv2d(classes, 1), x, name="head"))


NETWORKS = {"segnet": segnet, "segnet_basic": segnet_basic}
