"""CoAtNet: two stages of convolutions, then two of relative attention."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.mbconv_attention import PAPER, Style, mbconv, transformer2d
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, LayerNorm2d, Linear, ReLU, SiLU, Tanh

RETHOUGHT = Style(
    activation=SiLU(), gate_activation=ReLU(), expand_input=True, pool_first=True, gate_early=True, active_norm=True, bias=False
)


def coatnet(
    blocks: tuple[int, int, int, int] = (2, 3, 5, 2),
    widths: tuple[int, int, int, int] = (96, 192, 384, 768),
    *,
    stem: int = 64,
    head: int = 32,
    rethought: bool = False,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Dai et al. 2021 (arXiv:2106.04803), table 3, with absolute sizes of the image that 32 divides.

    `blocks` and `widths`: of the four stages; `stem`: channels before them; `head`: features of a head. `rethought`: SiLU, gates before the
    second norm, pooling in place of strides, widths that grow after attention, and one linear map at the end (the `rw` networks of timm).

    Raises:
        ValueError: 32 does not divide the image.
    """
    if input[1] % 32 or input[2] % 32:
        fits = tuple(max(32, side // 32 * 32) for side in input[1:])
        raise ValueError(f"coatnet: input={tuple(input)} needs sides that 32 divides; use ({input[0]}, {fits[0]}, {fits[1]})")
    style = RETHOUGHT if rethought else PAPER
    b = Builder(input)
    with b.scope("stem"):
        ops = [Conv2d(stem // 2 if rethought else stem, 3, 2, bias=False), BatchNorm2d(), style.activation, Conv2d(stem, bias=False)]
        x = chain(b, b.input, ops)
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        for number in range(count):
            stride = 1 if number else 2
            with b.scope(f"stage{stage + 1}/block{number + 1}"):
                if stage < 2:
                    x = mbconv(b, x, width, stride, style=style)
                else:
                    x = transformer2d(b, x, width, stride, head=head, expand_late=rethought, bias=not rethought)
    return b.genotype(classifier(b, x, classes, rethought))


def classifier(b: Builder, x: Value, classes: int, rethought: bool) -> Value:
    """Mean over the image and linear maps to the classes: one after a norm of the image, or two after a norm of the mean."""
    with b.scope("head"):
        if rethought:
            return chain(b, x, [LayerNorm2d(), GlobalAvgPool2d(), Flatten(), Linear(classes)])
        return chain(b, x, [GlobalAvgPool2d(), LayerNorm2d(), Flatten(), Linear(x.channels), Tanh(), Linear(classes)])


NETWORKS = {
    "coatnet_0": partial(coatnet, (2, 3, 5, 2)),
    "coatnet_0_rw": partial(coatnet, (2, 3, 7, 2), rethought=True),
    "coatnet_1": partial(coatnet, (2, 6, 14, 2)),
    "coatnet_2": partial(coatnet, (2, 6, 14, 2), (128, 256, 512, 1024), stem=128),
    "coatnet_3": partial(coatnet, (2, 6, 14, 2), (192, 384, 768, 1536), stem=192),
    "coatnet_4": partial(coatnet, (2, 12, 28, 2), (192, 384, 768, 1536), stem=192),
}
