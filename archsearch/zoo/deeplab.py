"""DeepLab v3: convolutions of several dilations side by side, at stride 8 or 16 (Chen et al. 2017, arXiv:1706.05587)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import atrous_pyramid, resize_to
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, ReLU
from archsearch.zoo.fcn import scores
from archsearch.zoo.mobilenet_v3 import mobilenet_v3_features
from archsearch.zoo.resnet import trunk

STRIDE_8 = 4
"""Block of MobileNetV3-large that takes the step to an eighth of the sides."""


def deeplabv3_resnet(
    depth: int = 50,
    *,
    width: int = 64,
    channels: int = 256,
    rates: tuple[int, ...] = (12, 24, 36),
    aux: bool = False,
    classes: int = 21,
    input: tuple[int, int, int] = (3, 520, 520),
) -> Genotype:
    """On a dilated ResNet of stride 8; `aux`: scores of the third stage too.

    `rates`: dilations of the pyramid (section 3.3); `channels`: of each of its branches.
    """
    b = Builder(input)
    with b.scope("backbone"):
        *_, third, last = trunk(b, b.input, depth, width=width, dilate=(False, True, True))
    return outputs(b, last, third if aux else None, channels, rates, classes)


def deeplabv3_mobilenet_v3(
    width: float = 1.0,
    *,
    channels: int = 256,
    rates: tuple[int, ...] = (12, 24, 36),
    aux: bool = False,
    classes: int = 21,
    input: tuple[int, int, int] = (3, 520, 520),
) -> Genotype:
    """On MobileNetV3-large, its last stage dilated: stride 16; `aux`: scores of its maps of stride 8 too."""
    b = Builder(input)
    with b.scope("backbone"):
        features = mobilenet_v3_features(b, b.input, width=width, dilated=True)
    return outputs(b, features[-1], features[STRIDE_8] if aux else None, channels, rates, classes)


def outputs(b: Builder, x: Value, early: Value | None, channels: int, rates: tuple[int, ...], classes: int) -> Genotype:
    """Scores at the size of the input, from the last features and, where given, from earlier ones."""
    with b.scope("classifier"):
        with b.scope("0"):
            x = atrous_pyramid(b, x, channels, rates)
        x = chain(b, x, [("1", Conv2d(channels, bias=False)), ("2", BatchNorm2d()), ("3", ReLU()), ("4", Conv2d(classes, 1))])
    main = resize_to(b, x, b.input, name="out")
    return b.genotype(main) if early is None else b.genotype(main, scores(b, early, classes, "aux_classifier", "aux"))


NETWORKS = {
    "deeplabv3_resnet50": partial(deeplabv3_resnet, 50),
    "deeplabv3_resnet50_aux": partial(deeplabv3_resnet, 50, aux=True),
    "deeplabv3_resnet101": partial(deeplabv3_resnet, 101),
    "deeplabv3_resnet101_aux": partial(deeplabv3_resnet, 101, aux=True),
    "deeplabv3_mobilenet_v3_large": deeplabv3_mobilenet_v3,
    "deeplabv3_mobilenet_v3_large_aux": partial(deeplabv3_mobilenet_v3, aux=True),
}
