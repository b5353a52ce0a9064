"""Genotype -> Genotype: what stays the same network with less or other writing."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.genotype import Genotype, Node
from archsearch.ops.base import facts


def canonicalise(genotype: Genotype) -> Genotype:
    """The form in which isomorphic genotypes are equal but for names: identities folded, dead nodes dropped, nodes in order.

    Names stay. The order is depth first from the outputs, operands of add sorted, so it reads branch by branch and keeps
    few values alive. Values that no refinement of colours tells apart are taken as interchangeable.
    """
    return order(drop_dead(fold_identities(genotype)))


def fold_identities(genotype: Genotype) -> Genotype:
    """Let readers of an op that changes nothing (identity, dropout 0, sum of one value, zeros in a sum) read its input."""
    offset, specs = len(genotype.inputs), genotype.specs
    source = list(range(offset))
    zero = [False] * offset
    nodes, known = list(genotype.nodes), list(genotype.facts)
    for position, node in enumerate(genotype.nodes):
        reads = tuple([source[i] for i in node.inputs])
        reads = tuple([reads[i] for i in node.op.operands([zero[i] for i in reads])])
        if reads != node.inputs:
            nodes[position] = Node(node.op, reads, node.name)
            if len(reads) < len(node.inputs):
                known[position] = facts(node.op, tuple([specs[i] for i in reads]))
        folded = node.op.is_identity(len(reads)) and specs[reads[0]] == specs[offset + position]
        source.append(reads[0] if folded else offset + position)
        zero.append(zero[reads[0]] if folded else node.op.is_zero)
    return Genotype(genotype.inputs, tuple(nodes), tuple(source[i] for i in genotype.outputs), tuple(known), named=True)


def drop_dead(genotype: Genotype) -> Genotype:
    """Drop nodes that no output depends on."""
    offset = len(genotype.inputs)
    alive = set(genotype.outputs)
    for value in range(len(genotype.specs) - 1, offset - 1, -1):
        if value in alive:
            alive.update(genotype.nodes[value - offset].inputs)
    if len(alive.union(range(offset))) == len(genotype.specs):
        return genotype
    return rearranged(genotype, genotype.nodes, [value for value in range(offset, len(genotype.specs)) if value in alive])


def order(genotype: Genotype) -> Genotype:
    """Put nodes depth first from the outputs, and operands of commutative ops in the order of their colours."""
    offset, colour = len(genotype.inputs), genotype.colours
    reads = [tuple(sorted(node.inputs, key=colour.__getitem__)) if node.op.commutative else node.inputs for node in genotype.nodes]
    made, done = [], set(range(offset))
    stack = [(output, False) for output in reversed(genotype.outputs)]
    while stack:
        value, ready = stack.pop()
        if value in done:
            continue
        if ready:
            done.add(value)
            made.append(value)
            continue
        stack.append((value, True))
        stack.extend((read, False) for read in reversed(reads[value - offset]))
    nodes = [node if read == node.inputs else Node(node.op, read, node.name) for node, read in zip(genotype.nodes, reads, strict=True)]
    return rearranged(genotype, nodes, made, (*colour[:offset], *[colour[value] for value in made]))


def rearranged(genotype: Genotype, nodes: Sequence[Node], values: Sequence[int], coloured: tuple[bytes, ...] | None = None) -> Genotype:
    """The genotype with only those of `nodes` that make `values`, in this order; `coloured`: its colours, if they are known."""
    offset = len(genotype.inputs)
    place = {i: i for i in range(offset)} | {value: offset + position for position, value in enumerate(values)}
    renumbered, known = [], []
    for value in values:
        old, node = genotype.nodes[value - offset], nodes[value - offset]
        renumbered.append(Node(node.op, tuple([place[i] for i in node.inputs]), node.name))
        same = node.inputs == old.inputs  # facts belong to the order of the operands
        known.append(genotype.facts[value - offset] if same else facts(node.op, tuple(genotype.specs[i] for i in node.inputs)))
    outputs = tuple(place[i] for i in genotype.outputs)
    return Genotype(genotype.inputs, tuple(renumbered), outputs, tuple(known), named=True, coloured=coloured)
