"""The canonical form, and the passes that it is made of."""

from __future__ import annotations

from archsearch.network.genotype import Genotype
from archsearch.network.isomorphism import Arrangement, arrange, common
from archsearch.network.node import Node, unbound
from archsearch.network.passes.folding import Draft, draft_of, folded, uses, write_out
from archsearch.ops.base import Facts, facts


def canonicalise(genotype: Genotype) -> Genotype:
    """The form in which isomorphic genotypes are equal but for names: folded by `RULES`, dead nodes dropped, nodes in order.

    Names stay, so trained weights load by them. The order is depth first from the outputs, operands of add sorted, so it reads branch
    by branch and keeps few values alive.
    """
    draft = folded(draft_of(genotype))
    used = uses(draft)
    write_out(draft, used)
    return ordered(living(draft, used))


def fold(genotype: Genotype) -> Genotype:
    """Write what computes the same with the same weights in one way; nodes stay where they are, those passed over too."""
    draft = folded(draft_of(genotype))
    write_out(draft, uses(draft))
    return Genotype(draft.inputs, tuple(unbound(draft.nodes)), draft.outputs, tuple(draft.facts), named=True)


def drop_dead(genotype: Genotype) -> Genotype:
    """Drop nodes that no output depends on."""
    draft = draft_of(genotype)
    draft = living(draft, uses(draft))
    return Genotype(draft.inputs, tuple(unbound(draft.nodes)), draft.outputs, tuple(draft.facts), named=True)


def order(genotype: Genotype) -> Genotype:
    """Put nodes depth first from the outputs, and operands of commutative ops in an order that isomorphic genotypes share."""
    return ordered(draft_of(genotype))


def living(draft: Draft, used: list[int]) -> Draft:
    """The network without the nodes that are not used."""
    offset = len(draft.inputs)
    kept = [position for position in range(len(draft.nodes)) if used[offset + position]]
    if len(kept) == len(draft.nodes):
        return draft
    place = list(range(offset)) + [0] * len(draft.nodes)
    nodes = []
    for number, position in enumerate(kept, offset):
        op, reads, name, weights = draft.nodes[position]
        place[offset + position] = number
        nodes.append(Node(op, tuple([place[i] for i in reads]), name, weights))
    return Draft(draft.inputs, nodes, [draft.facts[position] for position in kept], tuple([place[i] for i in draft.outputs]))


def ordered(draft: Draft) -> Genotype:
    """The genotype with the nodes in order; it knows that they are."""
    offset = len(draft.inputs)
    arranged = arrange(offset, unbound(draft.nodes), draft.outputs)
    place = list(range(offset)) + [0] * len(draft.nodes)
    nodes: list[Node] = []
    for number, value in enumerate(arranged.values, offset):
        place[value] = number
        op, _, name, weights = draft.nodes[value - offset]
        reads = arranged.reads[value - offset]
        nodes.append(Node(op, (place[reads[0]],) if len(reads) == 1 else tuple([place[i] for i in reads]), name, weights))
    known = tuple([moved_facts(draft, value - offset, arranged.reads[value - offset]) for value in arranged.values])
    nodes = unbound(nodes)
    own = Arrangement(
        tuple(range(offset, offset + len(nodes))),
        tuple([node.inputs for node in nodes]),
        tuple([arranged.colours[value - offset] for value in arranged.values]),
        arranged.exact,
        common(nodes),
    )
    return Genotype(draft.inputs, tuple(nodes), tuple([place[i] for i in draft.outputs]), known, named=True, arranged=own)


def moved_facts(draft: Draft, position: int, reads: tuple[int, ...]) -> Facts:
    """Facts of a node whose operands may have changed places."""
    node, offset = draft.nodes[position], len(draft.inputs)
    if reads == node.inputs:
        return draft.facts[position]
    return facts(node.op, tuple([draft.facts[i - offset].spec if i >= offset else draft.inputs[i] for i in reads]))
