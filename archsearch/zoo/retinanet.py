"""RetinaNet: one head for all levels of a feature pyramid (Lin et al. 2017, arXiv:1708.02002)."""

from __future__ import annotations

from archsearch.blocks.decoder import feature_pyramid
from archsearch.blocks.detection import CORNERS, frozen, shared, shared_head, shared_tower
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, ReLU
from archsearch.zoo.resnet import trunk


def retinanet_resnet_fpn(
    depth: int = 50,
    *,
    width: int = 64,
    channels: int = 256,
    boxes: int = 9,
    trained_norms: bool = False,
    eps: float = 1e-5,
    classes: int = 91,
    input: tuple[int, int, int] = (3, 800, 800),
) -> Genotype:
    """Scores (rows, classes) and offsets (rows, 4), a row for each of so many boxes at each position of strides 8 to 128.

    Norms of the ResNet learn nothing unless `trained_norms`; `eps` is theirs (published weights for COCO were trained with 0).
    """
    b = Builder(input)
    with b.scope("backbone"):
        maps = pyramid(b, b.input, depth, width, channels)
    x, sizes = shared(b, maps)
    with b.scope("head/classification_head"):
        scores = shared_head(b, shared_tower(b, x, sizes), sizes, boxes, classes, "cls_logits")
    with b.scope("head/regression_head"):
        offsets = shared_head(b, shared_tower(b, x, sizes), sizes, boxes, CORNERS, "bbox_reg")
    genotype = b.genotype(scores, offsets)
    return genotype if trained_norms else frozen(genotype, eps)


def pyramid(b: Builder, x: Value, depth: int, width: int, channels: int) -> list[Value]:
    """Maps of stride 8, 16 and 32 from a ResNet, and two more behind the last."""
    with b.scope("body"):
        stages = trunk(b, x, depth, width=width)
    with b.scope("fpn"):
        maps = feature_pyramid(b, stages[1:], channels)
        sixth = b(Conv2d(channels, 3, 2), maps[-1], name="extra_blocks/p6")
        seventh = b(Conv2d(channels, 3, 2), b(ReLU(), sixth), name="extra_blocks/p7")
    return [*maps, sixth, seventh]


NETWORKS = {"retinanet_resnet50_fpn": retinanet_resnet_fpn}
