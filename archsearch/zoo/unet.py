"""U-Net: a path down, a path up, and skips between them at every size (Ronneberger et al. 2015, arXiv:1505.04597)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.decoder import double_conv, down, up
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d


def unet(
    width: int = 64,
    depth: int = 4,
    *,
    padded: bool = False,
    norm: bool = False,
    classes: int = 2,
    input: tuple[int, int, int] = (1, 572, 572),
) -> Genotype:
    """The paper's figure 1: `depth` levels below the first, whose channels are `width`; they double on the way down.

    Its convolutions take the border away, and skips are cropped; `padded`, the output is as large as the input. `norm`: batch norm
    after every convolution but the last.
    """
    b = Builder(input)
    skips = []
    with b.scope("encoder0"):
        x = double_conv(b, b.input, width, padded=padded, norm=norm)
    for level in range(1, depth + 1):
        skips.append(x)
        with b.scope(f"encoder{level}"):
            x = down(b, x, width << level, padded=padded, norm=norm)
    for level in reversed(range(depth)):
        with b.scope(f"decoder{level}"):
            x = up(b, x, skips[level], width << level, padded=padded, norm=norm)
    return b.genotype(b(Conv2d(classes, 1), x, name="head"))


NETWORKS = {
    "unet": unet,
    "unet_padded": partial(unet, padded=True, norm=True, input=(3, 512, 512)),
}
