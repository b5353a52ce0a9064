"""LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition", doi:10.1109/5.726791)."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import scaled_tanh, subsample
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import AvgPool2d, Conv2d, Flatten, Linear, SparseConv2d, Tanh

MAPS = 6
RUNS_OF_THREE, RUNS_OF_FOUR = (
    tuple(tuple(sorted((first + step) % MAPS for step in range(length))) for first in range(MAPS)) for length in (3, 4)
)
C3 = (*RUNS_OF_THREE, *RUNS_OF_FOUR, (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), tuple(range(MAPS)))
"""Table 1: which maps of S2 each map of C3 reads."""


def lenet5(*, classes: int = 10, input: tuple[int, int, int] = (1, 32, 32)) -> Genotype:
    """The network as it is taught: every map of C3 reads all of S2, subsampling is a plain mean, and the output a linear map."""
    b = Builder(input)
    x = chain(b, b.input, [("c1", Conv2d(6, 5, padding=0)), Tanh(), ("s2", AvgPool2d(2))])
    x = chain(b, x, [("c3", Conv2d(16, 5, padding=0)), Tanh(), ("s4", AvgPool2d(2))])
    x = chain(b, x, [("c5", Conv2d(120, 5, padding=0)), Tanh(), Flatten()])
    x = chain(b, x, [("f6", Linear(84)), Tanh()])
    return b.genotype(b(Linear(classes), x, name="output"))


def lenet5_1998(*, classes: int = 10, input: tuple[int, int, int] = (1, 32, 32)) -> Genotype:
    """The network of the paper: 60,000 params up to F6, C3 with its table of connections, a learned subsampling, a wide tanh everywhere.

    The output of the paper is |x - w|**2 for every class with fixed bitmaps w of -1 and 1. Its parts |x|**2 and |w|**2 are the same for all
    classes, so that a linear map without bias, whose rows are the w, ranks the classes alike; that one stands here, and learns.
    """
    b = Builder(input)
    x = squashed(b, b.input, "c1", Conv2d(6, 5, padding=0))
    x = squashed(b, subsampled(b, x, "s2"), "c3", SparseConv2d(C3, 5, padding=0))
    x = squashed(b, subsampled(b, x, "s4"), "c5", Conv2d(120, 5, padding=0))
    x = squashed(b, b(Flatten(), x), "f6", Linear(84))
    return b.genotype(b(Linear(classes, bias=False), x, name="output"))


def squashed(b: Builder, x: Value, name: str, op: Conv2d | SparseConv2d | Linear) -> Value:
    """An op with weights and the wide tanh, in a scope."""
    with b.scope(name):
        return scaled_tanh(b, b(op, x))


def subsampled(b: Builder, x: Value, name: str) -> Value:
    """Half the size with two params a map, and the wide tanh, in a scope."""
    with b.scope(name):
        return scaled_tanh(b, subsample(b, x))


NETWORKS = {"lenet5": lenet5, "lenet5_1998": lenet5_1998}
