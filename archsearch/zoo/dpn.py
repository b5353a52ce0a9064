"""Dual path networks: half ResNeXt, half DenseNet."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.dual_path import NORM, dual_path
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Conv2d, Flatten, GlobalAvgPool2d, MaxPool2d, ReLU


def dpn(
    blocks: tuple[int, int, int, int] = (3, 4, 20, 3),
    growth: tuple[int, int, int, int] = (16, 32, 24, 128),
    *,
    stem: int = 64,
    kernel: int = 7,
    residual: int = 256,
    inner: int = 96,
    groups: int = 32,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Chen et al. 2017 (arXiv:1707.01629), table 1; `residual` and `inner` channels in the first stage, doubled in each later one."""
    b = Builder(input)
    with b.scope("features"):
        with b.scope("conv1_1"):
            x = chain(b, b.input, [("conv", Conv2d(stem, kernel, 2, bias=False)), ("bn", NORM), ReLU()])
        x = b(MaxPool2d(3, 2, 1), x, name="conv1_pool")
        for stage, (count, more) in enumerate(zip(blocks, growth, strict=True)):
            for number in range(count):
                stride = 2 if stage and not number else 1
                with b.scope(f"conv{stage + 2}_{number + 1}"):
                    x = dual_path(b, x, residual << stage, more, inner << stage, groups, stride, first=not number)
        with b.scope("conv5_bn_ac"):
            x = chain(b, x, [("bn", NORM), ReLU()])
    # Classes as channels, so that a network for larger images can give a map of them.
    return b.genotype(chain(b, x, [("pool", GlobalAvgPool2d()), ("classifier", Conv2d(classes, 1)), Flatten()]))


NETWORKS = {
    "dpn68": partial(dpn, (3, 4, 12, 3), (16, 32, 32, 64), stem=10, kernel=3, residual=64, inner=128),
    "dpn92": dpn,
    "dpn98": partial(dpn, (3, 6, 20, 3), (16, 32, 32, 128), stem=96, inner=160, groups=40),
}
