"""Faster R-CNN and Mask R-CNN on a feature pyramid: boxes proposed, then judged (arXiv:1506.01497, 1612.03144, 1703.06870).

Which proposals go on is chosen between the two halves by sorting and suppression, which is no network: here the chosen boxes are an input.
"""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import feature_pyramid
from archsearch.blocks.detection import CORNERS, cut_regions, frozen, mask_head, region_head, shared, shared_head
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import MaxPool2d, PyramidConv2d, ReLU
from archsearch.zoo.resnet import trunk


def faster_rcnn_resnet_fpn(
    depth: int = 50,
    *,
    masks: bool = False,
    width: int = 64,
    channels: int = 256,
    hidden: int = 1024,
    boxes: int = 100,
    anchors: int = 3,
    trained_norms: bool = False,
    eps: float = 1e-5,
    classes: int = 91,
    input: tuple[int, int, int] = (3, 800, 800),
) -> Genotype:
    """An image and so many boxes (boxes, 4) with corners in pixels -> what is proposed, and what the boxes hold.

    Outputs: for each of so many `anchors` at each position of strides 4 to 64 whether there is an object (rows, 1) and offsets (rows, 4);
    for each box scores (boxes, classes), offsets (boxes, 4 * classes) and with `masks` masks (boxes, classes, 28, 28). `hidden` features
    in the linear layers. Norms of the ResNet learn nothing unless `trained_norms`; `eps` is theirs (published weights for COCO were
    trained with 0).
    """
    b = Builder(input, (boxes, CORNERS))
    image, chosen = b.inputs
    with b.scope("backbone"):
        with b.scope("body"):
            stages = trunk(b, image, depth, width=width)
        with b.scope("fpn"):
            maps = feature_pyramid(b, stages, channels)
            smallest = b(MaxPool2d(1, 2), maps[-1], name="pool")
    with b.scope("rpn"):
        outputs = proposals(b, [*maps, smallest], anchors)
    with b.scope("roi_heads"):
        outputs += region_head(b, cut_regions(b, maps, chosen, 7, "box_roi_pool"), classes, hidden)
        if masks:
            outputs.append(mask_head(b, cut_regions(b, maps, chosen, 14, "mask_roi_pool"), classes, channels))
    genotype = b.genotype(*outputs)
    return genotype if trained_norms else frozen(genotype, eps)


def proposals(b: Builder, maps: list[Value], anchors: int) -> list[Value]:
    """Whether there is an object, and offsets, for so many boxes at each position of every map, by one head."""
    x, sizes = shared(b, maps)
    with b.scope("head"):
        x = chain(b, x, [("conv/0/0", PyramidConv2d(x.channels, 3, sizes)), ("conv/0/1", ReLU())])
        return [shared_head(b, x, sizes, anchors, 1, "cls_logits", 1), shared_head(b, x, sizes, anchors, CORNERS, "bbox_pred", 1)]


NETWORKS = {"fasterrcnn_resnet50_fpn": faster_rcnn_resnet_fpn, "maskrcnn_resnet50_fpn": partial(faster_rcnn_resnet_fpn, masks=True)}
