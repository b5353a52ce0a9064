"""Inception v4 (Szegedy et al. 2016, arXiv:1602.07261, figure 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import check_length
from archsearch.blocks.inception import reduction_a, v4_a, v4_b, v4_c, v4_reduction_b, v4_stem
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Dropout, Flatten, GlobalAvgPool2d, Linear

REDUCTION_A = partial(reduction_a, double=(192, 224, 256), single=384)


def inception_v4(
    width: float = 1.0,
    *,
    blocks: Sequence[int] = (4, 7, 3),
    dropout: float = 0.0,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 299, 299),
) -> Genotype:
    """A stem, then so many `blocks` of the kinds A, B and C with a reduction between them; `width` scales all channels.

    Raises:
        ValueError: not three numbers of blocks.
    """
    check_length("inception_v4: blocks", blocks, 3)
    first, second, third = blocks
    b = Builder(input)
    with b.scope("features"):
        x = v4_stem(b, b.input, width=width)
        modules: list[Callable[..., Value]] = [*[v4_a] * first, REDUCTION_A, *[v4_b] * second, v4_reduction_b, *[v4_c] * third]
        for number, module in enumerate(modules, 6):
            with b.scope(str(number)):
                x = module(b, x, width=width)
    x = chain(b, x, [("global_pool", GlobalAvgPool2d()), Flatten()])
    x = b(Dropout(dropout), x, name="head_drop") if dropout else x
    return b.genotype(b(Linear(classes), x, name="last_linear"))


NETWORKS = {"inception_v4": inception_v4}
