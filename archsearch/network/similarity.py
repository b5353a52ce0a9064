"""How alike two networks are: what their subtrees have in common.

Weisfeiler-Lehman subtree counts (Shervashidze et al. 2011, JMLR 12:2539) of the canonical genotype, in which ops that only bend or norm
a value are folded into what they follow: what tells networks apart is where they mix positions and channels.
"""

from __future__ import annotations

from collections import Counter

from archsearch.network.genotype import Genotype
from archsearch.network.isomorphism import hashed, op_colour
from archsearch.ops.base import POINT, Facts, Op
from archsearch.ops.tensor import TensorSpec

Counts = tuple[Counter[bytes], ...]


def subtree_counts(genotype: Genotype, depth: int = 2) -> Counts:
    """For every height up to `depth`: how often each subtree of that height occurs, by a colour that is the same on every machine."""
    colours, reads = condensed(genotype)
    counts = [Counter(colours)]
    for _ in range(depth):
        colours = [hashed(own, *sorted(colours[i] for i in below)) for own, below in zip(colours, reads, strict=True)]
        counts.append(Counter(colours))
    return tuple(counts)


def condensed(genotype: Genotype) -> tuple[list[bytes], list[tuple[int, ...]]]:
    """Colours of the values that stay when activations, norms and the like are folded into what they read, and what each of them reads."""
    colours = [hashed(b"input", str(spec.shape).encode()) for spec in genotype.inputs]
    reads: list[tuple[int, ...]] = [() for _ in colours]
    place = list(range(len(colours)))
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        if len(node.inputs) == 1 and keeps_structure(node.op, fact, genotype.specs[node.inputs[0]]):
            place.append(place[node.inputs[0]])
            continue
        place.append(len(colours))
        colours.append(op_colour(node.op))
        reads.append(tuple(place[i] for i in node.inputs))
    return colours, reads


def keeps_structure(op: Op, fact: Facts, x: TensorSpec) -> bool:
    """Whether an op leaves every value of its input where it is, in its own position and channel: it does not cut, move, mix or silence."""
    return fact.window is POINT and fact.cost.macs == 0 and fact.spec == x and not op.is_zero and op.channels_are() == "kept"
