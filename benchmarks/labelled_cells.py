"""NAS-Bench-201's cells, each with a network of its own: isomorphic ones were measured apart, and differ in the table."""

from __future__ import annotations

from archsearch import Genotype, Node, Pick
from archsearch.ops import Dropout
from archsearch.spaces.space import load_space

CELL = load_space("cell", cells=1, channels=4).function
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def space(pick: Pick) -> Genotype:
    """The network of one cell in each stage, and behind it the number of the cell as the rate of a dropout."""
    genotype = CELL(pick, cells=1, channels=4)
    number = sum(5**place * OPS.index(op) for place, op in enumerate(pick.made.values()))
    label = Node(Dropout((1 + number) / 20_000), genotype.outputs, "label")
    return Genotype(genotype.inputs, (*genotype.nodes, label), (len(genotype.inputs) + len(genotype.nodes),))
