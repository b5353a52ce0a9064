"""SSD: boxes of many sizes from maps of falling size, in one pass (Liu et al. 2015, arXiv:1512.02325)."""

from __future__ import annotations

from archsearch.blocks.basic import numbered
from archsearch.blocks.detection import CORNERS, own_head
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, L2Norm2d, LayerScale, MaxPool2d, Op, ReLU

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3))
"""Channels and convolutions of the stages up to conv4_3."""
EXTRAS = ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))
"""Channels of the 1x1 and the 3x3 convolution of each further map, stride and padding of the latter (figure 2)."""
BOXES = (4, 6, 6, 6, 4, 4)


def ssd300_vgg16(width: int = 64, *, hidden: int = 1024, classes: int = 91, input: tuple[int, int, int] = (3, 300, 300)) -> Genotype:
    """Scores (rows, classes) and offsets (rows, 4), a row for each of 4 or 6 boxes at each position of six maps (figure 2).

    `classes` with the background; `width` of the first convolution, `hidden` of the two that were fully connected in VGG-16.
    """
    b = Builder(input)
    with b.scope("backbone"):
        maps = features(b, b.input, width, hidden)
    with b.scope("head/regression_head/module_list"):
        offsets = own_head(b, maps, BOXES, CORNERS)
    with b.scope("head/classification_head/module_list"):
        scores = own_head(b, maps, BOXES, classes)
    return b.genotype(scores, offsets)


def features(b: Builder, x: Value, width: int, hidden: int) -> list[Value]:
    """The six maps: conv4_3 with its length made even, fc7, and four behind it."""
    ops: list[Op] = []
    for stage, (channels, convs) in enumerate(VGG16):
        for _ in range(convs):
            ops += [Conv2d(channels * width // 64), ReLU()]
        ops.append(MaxPool2d(2, ceil=stage == 2))
    *before, pool = ops
    with b.scope("features"):
        x = numbered(b, x, before)
    maps = [b(LayerScale(20.0), b(L2Norm2d(), x, name="normalised"), name="scale_weight")]
    with b.scope("extra/0"):
        x = numbered(b, x, [pool, *[op for _ in range(3) for op in (Conv2d(8 * width), ReLU())]])
        with b.scope("7"):
            fully = [MaxPool2d(3, 1, 1), Conv2d(hidden, 3, dilation=6), ReLU(), Conv2d(hidden, 1), ReLU()]
            x = numbered(b, x, fully)
    maps.append(x)
    for number, (first, second, stride, padding) in enumerate(EXTRAS, 1):
        with b.scope(f"extra/{number}"):
            x = numbered(b, x, [Conv2d(first * width // 64, 1), ReLU(), Conv2d(second * width // 64, 3, stride, padding), ReLU()])
        maps.append(x)
    return maps


NETWORKS = {"ssd300_vgg16": ssd300_vgg16}
