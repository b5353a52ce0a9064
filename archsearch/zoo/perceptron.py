"""Perceptrons: linear maps of the whole input, alone or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from archsearch.blocks.classic import hidden_layers
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import Flatten, Linear


def perceptron(*, classes: int = 10, input: tuple[int, ...] = (1, 28, 28)) -> Genotype:
    """One linear map from all inputs to the classes (Rosenblatt 1958, doi:10.1037/h0042519), its threshold left to the loss."""
    return mlp((), classes=classes, input=input)


def mlp(hidden: Sequence[int] = (512, 512), *, dropout: float = 0.0, classes: int = 10, input: tuple[int, ...] = (1, 28, 28)) -> Genotype:
    """Hidden layers of any widths with ReLU, and a linear map to the classes (Rumelhart et al. 1986, doi:10.1038/323533a0)."""
    b = Builder(input)
    x = b.input if len(input) == 1 else b(Flatten(), b.input)
    x = hidden_layers(b, x, hidden, dropout)
    return b.genotype(b(Linear(classes), x, name=f"fc{len(hidden) + 1}"))


NETWORKS = {
    "perceptron": perceptron,
    "mlp": mlp,
    "lenet_300_100": partial(mlp, (300, 100)),
}
