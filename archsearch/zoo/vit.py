"""Vision transformers: patches of an image as tokens."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.transformer import encoder
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import ClassToken, Conv2d, Dropout, LayerNorm, Linear, PositionEmbedding, TakeToken, Tokens


def vit(
    patch: int = 16,
    *,
    depth: int = 12,
    width: int = 768,
    heads: int = 12,
    hidden: int = 0,
    dropout: float = 0.0,
    fused: bool = False,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Dosovitskiy et al. 2020 (arXiv:2010.11929), table 1; the smaller widths are DeiT's (Touvron et al. 2020, arXiv:2012.12877), table 1.

    `patch`: side of the patches, which must divide the image's; `width`: features of a token; `hidden`: features inside the
    perceptrons, 4 * width where not given; `fused`: attention in one kernel, which keeps no numbers for pairs of tokens in training.

    Raises:
        ValueError: patches do not divide the image.
    """
    if min(input[1:]) < patch or input[1] % patch or input[2] % patch:
        fits = tuple(max(patch, side // patch * patch) for side in input[1:])
        raise ValueError(f"vit: patch={patch} must divide the sides of input={tuple(input)}; use ({input[0]}, {fits[0]}, {fits[1]})")
    b = Builder(input)
    x = chain(b, b.input, [("conv_proj", Conv2d(width, patch, patch, 0)), Tokens(), ("class_token", ClassToken())])
    with b.scope("encoder"):
        x = b(PositionEmbedding(), x, name="pos_embedding")
        x = b(Dropout(dropout), x) if dropout else x
        with b.scope("layers"):
            for layer in range(depth):
                with b.scope(f"encoder_layer_{layer}"):
                    x = encoder(b, x, heads, hidden or 4 * width, dropout=dropout, fused=fused)
        x = b(LayerNorm(1e-6), x, name="ln")
    with b.scope("heads"):
        return b.genotype(b(Linear(classes), b(TakeToken(), x), name="head"))


LARGE = partial(vit, depth=24, width=1024, heads=16)
NETWORKS = {
    "deit_ti_16": partial(vit, 16, width=192, heads=3),
    "deit_s_16": partial(vit, 16, width=384, heads=6),
    "vit_b_16": partial(vit, 16),
    "vit_b_32": partial(vit, 32),
    "vit_l_16": partial(LARGE, 16),
    "vit_l_32": partial(LARGE, 32),
    "vit_h_14": partial(vit, 14, depth=32, width=1280, heads=16),
}
