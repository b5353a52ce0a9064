"""SRCNN (Dong et al. 2014, arXiv:1501.00092): three convolutions that sharpen an image that was made larger before."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import check_length
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, ReLU


def srcnn(
    kernels: tuple[int, int, int] = (9, 1, 5),
    *,
    channels: tuple[int, int] = (64, 32),
    padded: bool = True,
    input: tuple[int, int, int] = (1, 33, 33),
) -> Genotype:
    """(C, H, W) -> (C, H, W): patches, a mapping between them, reconstruction; `padded` keeps the size, without it the borders go.

    Raises:
        ValueError: not three kernels, or not two numbers of channels before the last.
    """
    check_length("srcnn: kernels", kernels, 3)
    check_length("srcnn: channels", channels, 2)
    names = ("patches", "mapping", "reconstruction")
    first, second, third = (
        (name, Conv2d(count, kernel, padding=None if padded else 0))
        for name, count, kernel in zip(names, (*channels, input[0]), kernels, strict=True)
    )
    b = Builder(input)
    return b.genotype(chain(b, b.input, [first, ReLU(), second, ReLU(), third]))


NETWORKS = {f"srcnn_{'_'.join(map(str, kernels))}": partial(srcnn, kernels) for kernels in ((9, 1, 5), (9, 3, 5), (9, 5, 5))}
