"""MLP-Mixer: perceptrons across patches and across features, and nothing else."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.transformer import mixer
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, LayerNorm, Linear, MeanTokens, Tokens


def mlp_mixer(
    patch: int = 16,
    *,
    depth: int = 12,
    width: int = 768,
    mixing: int = 0,
    hidden: int = 0,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Tolstikhin et al. 2021 (arXiv:2105.01601), table 1.

    `patch`: side of the patches, which must divide the image's; `width`: features of a token; `mixing` and `hidden`: features inside
    the perceptrons across tokens and across features, width / 2 and 4 * width where not given.

    Raises:
        ValueError: patches do not divide the image.
    """
    if min(input[1:]) < patch or input[1] % patch or input[2] % patch:
        fits = tuple(max(patch, side // patch * patch) for side in input[1:])
        raise ValueError(f"mixer: patch={patch} must divide the sides of input={tuple(input)}; use ({input[0]}, {fits[0]}, {fits[1]})")
    b = Builder(input)
    x = b(Tokens(), b(Conv2d(width, patch, patch, 0), b.input, name="stem"))
    for block in range(depth):
        with b.scope(f"block{block + 1}"):
            x = mixer(b, x, mixing or width // 2, hidden or 4 * width)
    x = b(MeanTokens(), b(LayerNorm(1e-6), x, name="norm"))
    return b.genotype(b(Linear(classes), x, name="head"))


SMALL = partial(mlp_mixer, depth=8, width=512)
LARGE = partial(mlp_mixer, depth=24, width=1024)
NETWORKS = {
    "mixer_s32": partial(SMALL, 32),
    "mixer_s16": partial(SMALL, 16),
    "mixer_b32": partial(mlp_mixer, 32),
    "mixer_b16": partial(mlp_mixer, 16),
    "mixer_l32": partial(LARGE, 32),
    "mixer_l16": partial(LARGE, 16),
}
