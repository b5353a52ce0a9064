"""Swin transformers: attention within windows that are shifted from block to block."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.transformer import heads_of, patch_merging, rates, swin
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Flatten, GlobalAvgPool2d, Image, LayerNorm, Linear, Tokens


def swin_transformer(
    blocks: tuple[int, ...] = (2, 2, 6, 2),
    *,
    width: int = 96,
    head: int = 32,
    window: int = 7,
    patch: int = 4,
    absent: float = 0.2,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Liu et al. 2021 (arXiv:2103.14030), table 7: patches of 4x4, which 2x2 merge into one from stage to stage.

    `blocks`: of each stage; `width`: features of a token in the first stage; `head`: features of a head; `absent`: probability of
    stochastic depth at the last block. Sides that windows do not divide are filled up with zeros.
    """
    b = Builder(input)
    absences = iter(rates(absent, sum(blocks)))
    with b.scope("features"):
        with b.scope("0"):
            x = b(Conv2d(width, patch, patch, 0), b.input, name="0")
            _, high, wide = x.shape
            x = chain(b, x, [("1", Tokens()), ("2", LayerNorm())])
        for stage, count in enumerate(blocks):
            if stage:
                with b.scope(str(2 * stage)):
                    x = patch_merging(b, x, high, wide)
                high, wide = (high + 1) // 2, (wide + 1) // 2
            with b.scope(str(2 * stage + 1)):
                for number in range(count):
                    with b.scope(str(number)):
                        heads, shift = heads_of(x.shape[1], head), window // 2 if number % 2 else 0
                        x = swin(b, x, heads, high, wide, size=window, shift=shift, absent=next(absences))
    x = chain(b, x, [("norm", LayerNorm()), ("permute", Image(high, wide)), ("avgpool", GlobalAvgPool2d()), Flatten()])
    return b.genotype(b(Linear(classes), x, name="head"))


NETWORKS = {
    "swin_t": partial(swin_transformer, (2, 2, 6, 2)),
    "swin_s": partial(swin_transformer, (2, 2, 18, 2), absent=0.3),
    "swin_b": partial(swin_transformer, (2, 2, 18, 2), width=128, absent=0.5),
}
