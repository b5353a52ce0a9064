"""Networks that give the same answer to every input."""

from __future__ import annotations

from archsearch.network.genotype import Genotype


def is_constant(genotype: Genotype) -> bool:
    """Whether nothing of the input reaches any output: zeros stand in every way, as in a cell whose edges are `none`."""
    moved = [True] * len(genotype.inputs)
    for node in genotype.nodes:
        moved.append(not node.op.is_zero and any(moved[read] for read in node.inputs))
    return not any(moved[output] for output in genotype.outputs)
