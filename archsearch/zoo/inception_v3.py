"""Inception v3 (Szegedy et al. 2015, arXiv:1512.00567)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.inception import HALVE, branch, v3_a, v3_b, v3_c, v3_d, v3_e, valid
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear

STEM = (
    ("Conv2d_1a_3x3", valid(32, 3, 2)),
    ("Conv2d_2a_3x3", valid(32, 3)),
    ("Conv2d_2b_3x3", Conv2d(64, 3)),
    ("maxpool1", HALVE),
    ("Conv2d_3b_1x1", Conv2d(80, 1)),
    ("Conv2d_4a_3x3", valid(192, 3)),
    ("maxpool2", HALVE),
)
MODULES: dict[str, Callable[..., Value]] = {
    "5b": partial(v3_a, pooled=32),
    "5c": v3_a,
    "5d": v3_a,
    "6a": v3_b,
    "6b": partial(v3_c, sevens=128),
    "6c": partial(v3_c, sevens=160),
    "6d": partial(v3_c, sevens=160),
    "6e": v3_c,
    "7a": v3_d,
    "7b": v3_e,
    "7c": v3_e,
}


def inception_v3(
    width: float = 1.0, *, aux: bool = False, dropout: float = 0.5, classes: int = 1000, input: tuple[int, int, int] = (3, 299, 299)
) -> Genotype:
    """Table 1 as released: three modules with 5x5, four with 7x7, two that split at their end; `width` scales all channels.

    `aux`: a further output for training, from the end of the 7x7 modules. Weights that were trained on inputs in -1...1 want such
    inputs here too: nothing is rescaled inside.
    """
    b = Builder(input)
    x, heads = branch(b, b.input, STEM, width=width), []
    for name, module in MODULES.items():
        with b.scope(f"Mixed_{name}"):
            x = module(b, x, width=width)
        if aux and name == "6e":
            heads.append(auxiliary(b, x, width, classes))
    x = chain(b, x, [("avgpool", GlobalAvgPool2d()), ("dropout", Dropout(dropout)), Flatten(), ("fc", Linear(classes))])
    return b.genotype(x, *heads)


def auxiliary(b: Builder, x: Value, width: float, classes: int) -> Value:
    """A small classifier, which serves as a regulariser (section 4)."""
    with b.scope("AuxLogits"):
        x = branch(b, b(AvgPool2d(5, 3), x), [("conv0", Conv2d(128, 1)), ("conv1", valid(768, 5))], width=width)
        return chain(b, x, [GlobalAvgPool2d(), Flatten(), ("fc", Linear(classes))])


NETWORKS = {"inception_v3": inception_v3, "inception_v3_aux": partial(inception_v3, aux=True)}
