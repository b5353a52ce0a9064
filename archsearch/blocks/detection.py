"""Heads of detectors: scores and offsets for the boxes at every position of a pyramid, and for regions cut out of it."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import size_of
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import (
    BatchNorm2d,
    BoxRows,
    Conv2d,
    ConvTranspose2d,
    FlattenBoxes,
    FrozenBatchNorm2d,
    JoinTokens,
    Linear,
    MultiScaleRoIAlign,
    Pyramid,
    PyramidConv2d,
    ReLU,
)

Sizes = tuple[tuple[int, int], ...]
CORNERS = 4
"""Numbers that move and stretch a box."""


def frozen(genotype: Genotype, eps: float = 1e-5) -> Genotype:
    """The genotype with norms that learn nothing in place of its batch norms, as detectors have them that start from trained weights."""
    op = FrozenBatchNorm2d(eps)
    nodes = tuple(node._replace(op=op if isinstance(node.op, BatchNorm2d) else node.op) for node in genotype.nodes)
    return Genotype(genotype.inputs, nodes, genotype.outputs)


def own_head(b: Builder, maps: Sequence[Value], boxes: Sequence[int], width: int) -> Value:
    """`width` numbers for each of so many boxes at each position of each map, (rows, width): a 3x3 convolution a map (arXiv:1512.02325)."""
    rows = []
    for number, (x, count) in enumerate(zip(maps, boxes, strict=True)):
        scores = b(Conv2d(count * width), x, name=str(number))
        rows.append(b(BoxRows(width), scores, name=f"rows{number}"))
    return b(JoinTokens(), *rows, name="joined")


def shared(b: Builder, maps: Sequence[Value], name: str = "pyramid") -> tuple[Value, Sizes]:
    """The maps side by side as one row of positions, for convolutions that all maps share, and their sizes."""
    return b(Pyramid(), *maps, name=name), tuple(size_of(x) for x in maps)


def shared_tower(b: Builder, x: Value, sizes: Sizes, depth: int = 4) -> Value:
    """So many 3x3 convolutions with ReLU over a row of maps, as wide as the row (Lin et al. 2017, arXiv:1708.02002)."""
    for number in range(depth):
        conv = PyramidConv2d(x.channels, 3, sizes)
        x = chain(b, x, [(f"conv/{number}/0", conv), (f"conv/{number}/1", ReLU())])
    return x


def shared_head(b: Builder, x: Value, sizes: Sizes, boxes: int, width: int, name: str, kernel: int = 3) -> Value:
    """`width` numbers for each of so many boxes at each position of a row of maps, (rows, width), by one convolution of that name."""
    conv = Conv2d(boxes * width, 1) if kernel == 1 else PyramidConv2d(boxes * width, kernel, sizes)  # a 1x1 needs no sizes
    x = b(conv, x, name=name)
    return b(BoxRows(width), x, name=f"{name}_rows")


def cut_regions(b: Builder, maps: Sequence[Value], boxes: Value, size: int, name: str) -> Value:
    """Regions (N, C, size, size) of maps of stride 4, 8, 16 and so on, for boxes (N, 4) in pixels of the network's input."""
    scales = tuple(1 / (4 << level) for level in range(len(maps)))
    return b(MultiScaleRoIAlign(size, scales), *maps, boxes, name=name)


def region_head(b: Builder, regions: Value, classes: int, hidden: int = 1024) -> tuple[Value, Value]:
    """Regions (N, C, H, W) -> scores (N, classes) and offsets (N, 4 * classes), after two linear layers (arXiv:1506.01497)."""
    with b.scope("box_head"):
        x = chain(b, regions, [FlattenBoxes(), ("fc6", Linear(hidden)), ("relu6", ReLU()), ("fc7", Linear(hidden)), ("relu7", ReLU())])
    with b.scope("box_predictor"):
        return b(Linear(classes), x, name="cls_score"), b(Linear(CORNERS * classes), x, name="bbox_pred")


def mask_head(b: Builder, regions: Value, classes: int, channels: int = 256, depth: int = 4) -> Value:
    """Regions (N, C, H, W) -> a mask for every class of each, (N, classes, 2H, 2W) (He et al. 2017, arXiv:1703.06870)."""
    x = regions
    with b.scope("mask_head"):
        for number in range(depth):
            x = chain(b, x, [(f"{number}/0", Conv2d(channels)), (f"{number}/1", ReLU())])
    with b.scope("mask_predictor"):
        ops = [("conv5_mask", ConvTranspose2d(channels, 2, 2)), ("relu", ReLU()), ("mask_fcn_logits", Conv2d(classes, 1))]
        return chain(b, x, ops)
