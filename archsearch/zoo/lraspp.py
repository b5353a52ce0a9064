"""Lite reduced atrous pyramid on MobileNetV3 (Howard et al. 2019, arXiv:1905.02244, section 6.4)."""

from __future__ import annotations

from archsearch.blocks.decoder import lite_atrous_pyramid, resize_to
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.zoo.mobilenet_v3 import mobilenet_v3_features

STRIDE_8 = 4
"""Block of MobileNetV3-large that takes the step to an eighth of the sides."""


def lraspp_mobilenet_v3(
    width: float = 1.0, *, channels: int = 128, classes: int = 21, input: tuple[int, int, int] = (3, 520, 520)
) -> Genotype:
    """Scores at the size of the input: maps of stride 8 plus gated ones of stride 16; `channels` of the latter."""
    b = Builder(input)
    with b.scope("backbone"):
        features = mobilenet_v3_features(b, b.input, width=width, dilated=True)
    with b.scope("classifier"):
        x = lite_atrous_pyramid(b, features[STRIDE_8], features[-1], classes, channels)
    return b.genotype(resize_to(b, x, b.input, name="out"))


NETWORKS = {"lraspp_mobilenet_v3_large": lraspp_mobilenet_v3}
