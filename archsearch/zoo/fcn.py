"""Fully convolutional networks: classifiers that score every pixel (Long et al. 2014, arXiv:1411.4038)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.decoder import resize_to
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, BatchNorm2d, Conv2d, ConvTranspose2d, Crop2d, Dropout, MaxPool2d, ReLU
from archsearch.zoo.resnet import trunk
from archsearch.zoo.vgg import CONVS

STRIDES = (32, 16, 8)
SKIP_CROPS = {4: 5, 3: 9}
"""Where the scores of a pooling stage are cut so that they lie on the enlarged ones: what a border of 100 pixels leaves."""
CROPS = {32: 19, 16: 27, 8: 31}


def fcn_resnet(
    depth: int = 50, *, width: int = 64, aux: bool = False, classes: int = 21, input: tuple[int, int, int] = (3, 520, 520)
) -> Genotype:
    """A dilated ResNet of stride 8, scores, and bilinear sampling at the size of the input; `aux`: scores of the third stage too."""
    b = Builder(input)
    with b.scope("backbone"):
        *_, third, last = trunk(b, b.input, depth, width=width, dilate=(False, True, True))
    outputs = [scores(b, last, classes, "classifier", "out")]
    if aux:
        outputs.append(scores(b, third, classes, "aux_classifier", "aux"))
    return b.genotype(*outputs)


def scores(b: Builder, x: Value, classes: int, scope: str, name: str) -> Value:
    """Scores of classes at the size of the first input, from a 3x3 convolution to a quarter of the channels and a 1x1."""
    with b.scope(scope):
        head = [Conv2d(x.channels // 4, bias=False), BatchNorm2d(), ReLU(), Dropout(0.1), Conv2d(classes, 1)]
        x = numbered(b, x, head)
    return resize_to(b, x, b.input, name=name)


def fcn_vgg16(
    stride: int = 32, *, width: int = 64, hidden: int = 4096, classes: int = 21, input: tuple[int, int, int] = (3, 500, 500)
) -> Genotype:
    """FCN-32s, 16s and 8s (figure 3): scores of the last stage of VGG-16, those of poolings 4 and 3 added on the way to the input's size.

    A border of 100 pixels leaves room for the 7x7 convolution; what is too much is cut off at the end. Enlarging is learned.
    """
    if stride not in STRIDES:
        raise ValueError(f"stride={stride} is not known; choose from {', '.join(map(str, STRIDES))}")
    b = Builder(input)
    x, pools = b.input, []
    for stage, convs in enumerate(CONVS[16], 1):
        for number in range(1, convs + 1):
            padding = 100 if (stage, number) == (1, 1) else 1
            conv = Conv2d(width * min(2 ** (stage - 1), 8), 3, padding=padding)
            x = chain(b, x, [(f"conv{stage}_{number}", conv), (f"relu{stage}_{number}", ReLU())])
        x = b(MaxPool2d(2, ceil=True), x, name=f"pool{stage}")
        pools.append(x)
    for name, kernel in (("6", 7), ("7", 1)):
        x = chain(b, x, [(f"fc{name}", Conv2d(hidden, kernel, padding=0)), (f"relu{name}", ReLU()), (f"drop{name}", Dropout(0.5))])
    x = b(Conv2d(classes, 1), x, name="score_fr")
    for pool in range(4, 4 - STRIDES.index(stride), -1):
        x = fused(b, x, pools[pool - 1], pool)
    return b.genotype(enlarged(b, x, stride, CROPS[stride], b.input, "upscore"))


def fused(b: Builder, x: Value, skip: Value, pool: int) -> Value:
    """Scores enlarged twice, plus those of a pooling stage."""
    x = b(ConvTranspose2d(x.channels, 4, 2, bias=False), x, name=f"upscore_pool{pool}")
    skip = b(Conv2d(x.channels, 1), skip, name=f"score_pool{pool}")
    start = SKIP_CROPS[pool]
    return b(Add(), x, b(Crop2d(start, start, *x.shape[1:]), skip, name=f"crop_pool{pool}"), name=f"fuse_pool{pool}")


def enlarged(b: Builder, x: Value, stride: int, start: int, like: Value, name: str) -> Value:
    """Scores enlarged by a stride, cut to the size of an image."""
    x = b(ConvTranspose2d(x.channels, 2 * stride, stride, bias=False), x, name=name)
    return b(Crop2d(start, start, *like.shape[1:]), x, name="score")


NETWORKS = {
    "fcn_resnet50": partial(fcn_resnet, 50),
    "fcn_resnet50_aux": partial(fcn_resnet, 50, aux=True),
    "fcn_resnet101": partial(fcn_resnet, 101),
    "fcn_resnet101_aux": partial(fcn_resnet, 101, aux=True),
    **{f"fcn{stride}s_vgg16": partial(fcn_vgg16, stride) for stride in STRIDES},
}
