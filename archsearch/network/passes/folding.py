"""What computes the same with the same weights is written in one way; the rules are those of `RULES`, and ops state them."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.network.genotype import Genotype
from archsearch.network.node import Node, apart, bound
from archsearch.ops import Zero
from archsearch.ops.base import Facts, Op, facts
from archsearch.ops.tensor import TensorSpec

RULES = {
    "is_identity": "an op that changes nothing, whatever it reads, goes: `Op.is_identity`",
    "normal": "an op that at these shapes is another, plainer one, or none, is that: `Op.normal`",
    "merged": "two ops one behind the other that together are one are that one: `Op.merged`",
    "gives_zero": "what is zeros because of the zeros that come in is one node of zeros for each shape: `Op.gives_zero`",
    "operands": "inputs that do not count are not read: `Op.operands`",
    "associative": "one of its kind that nothing else reads is written out as its operands: `Op.associative`",
}
"""Everything that is folded, by the attribute with which an op states it. Ops with weights stay, unless nothing reads them."""


class Draft(NamedTuple):
    """A network under way: as in a genotype, but that nodes may be dead, are `bound`, and have the facts that they have alone."""

    inputs: tuple[TensorSpec, ...]
    nodes: list[Node]
    facts: list[Facts]
    outputs: tuple[int, ...]


def draft_of(genotype: Genotype) -> Draft:
    """The genotype to be changed."""
    return Draft(genotype.inputs, bound(genotype.nodes), apart(genotype.facts, genotype.holders), genotype.outputs)


def folded(draft: Draft) -> Draft:
    """The network by all rules but the last, in one walk; what they pass over is left behind, dead."""
    walk = Folding(draft)
    for position, node in enumerate(draft.nodes):
        walk.place(position, node)
    return draft._replace(outputs=tuple([walk.source[output] for output in draft.outputs]))


class Folding:
    """The walk from the inputs on. `source`: for every value the one that stands for it; `zeros`: the node of zeros of each shape."""

    def __init__(self, draft: Draft) -> None:
        self.nodes, self.facts = draft.nodes, draft.facts
        self.offset = len(draft.inputs)
        self.specs = [*draft.inputs, *[fact.spec for fact in draft.facts]]
        self.source = list(range(self.offset))
        self.zeros: dict[TensorSpec, int] = {}
        self.zero_values: set[int] = set()

    def place(self, position: int, node: Node) -> None:
        """Write a node by the rules."""
        op, reads, name, weights = node
        source, fact = self.source, self.facts[position]
        reads = (source[reads[0]],) if len(reads) == 1 else tuple([source[i] for i in reads])
        if self.zero_values and not self.zero_values.isdisjoint(reads):
            op, reads, fact = self.without_zeros(op, reads, fact)
        while not weights:  # what is one module with others stays as it is
            if fact.normal is not None:
                op, fact = fact.normal, facts(fact.normal, self.specs_of(reads))
            if op.is_zero:
                self.place_zeros(position, fact.spec, name)
                return
            if fact.same and self.specs[reads[0]] == fact.spec:
                source.append(reads[0])
                return
            before = self.nodes[reads[0] - self.offset] if len(reads) == 1 and reads[0] >= self.offset else None
            if before is None or before.weights or type(op).merged is Op.merged:
                break
            merged = op.merged(before.op, *self.specs_of(before.inputs))
            if merged is None:
                break
            if merged is before.op:
                source.append(reads[0])
                return
            op, reads = merged, before.inputs
            fact = facts(op, self.specs_of(reads))
        if op is not node.op or reads != node.inputs:
            self.nodes[position], self.facts[position] = Node(op, reads, name, weights), fact
        source.append(self.offset + position)

    def specs_of(self, values: tuple[int, ...]) -> tuple[TensorSpec, ...]:
        """Shapes of values."""
        return tuple([self.specs[i] for i in values])

    def without_zeros(self, op: Op, reads: tuple[int, ...], fact: Facts) -> tuple[Op, tuple[int, ...], Facts]:
        """The op without inputs that are zeros and do not count; zeros themselves if that is what it gives."""
        zeros = [i in self.zero_values for i in reads]
        if op.gives_zero(zeros, *self.specs_of(reads)):
            return Zero(fact.spec.shape), reads, fact
        left = tuple([reads[i] for i in op.operands(zeros)])
        return op, left, fact if left == reads else facts(op, self.specs_of(left))

    def place_zeros(self, position: int, spec: TensorSpec, name: str) -> None:
        """Write zeros: they are made from the first input, and one node makes all of a shape."""
        if spec not in self.zeros:
            value = self.offset + position
            op, first = Zero() if spec == self.specs[0] else Zero(spec.shape), self.specs[0]
            if self.nodes[position][:2] != (op, (0,)):
                self.nodes[position], self.facts[position] = Node(op, (0,), name), facts(op, (first,))
            self.zeros[spec] = value
            self.zero_values.add(value)
        self.source.append(self.zeros[spec])


def uses(draft: Draft) -> list[int]:
    """How often living nodes read every value; an output counts as several, and a dead value has none."""
    found = [0] * (len(draft.inputs) + len(draft.nodes))
    for output in draft.outputs:
        found[output] = 2
    offset = len(draft.inputs)
    for position in range(len(draft.nodes) - 1, -1, -1):
        if found[offset + position]:
            for read in draft.nodes[position].inputs:
                found[read] += 1
    return found


def write_out(draft: Draft, used: list[int]) -> None:
    """Let sums of sums, and the like, read all operands themselves; `used` becomes 0 for those that are written out.

    What others read too stays, as writing it out would compute it again.
    """
    offset = len(draft.inputs)
    for position, node in enumerate(draft.nodes):
        op = node.op
        if not op.associative or not used[offset + position]:
            continue
        inner = [i for i in node.inputs if i >= offset and used[i] == 1 and draft.nodes[i - offset].op == op]
        if inner:
            apart = set(inner)
            reads = tuple([read for i in node.inputs for read in (draft.nodes[i - offset].inputs if i in apart else (i,))])
            for i in inner:
                used[i] = 0
            specs = tuple([draft.facts[i - offset].spec if i >= offset else draft.inputs[i] for i in reads])
            draft.nodes[position], draft.facts[position] = Node(op, reads, node.name), facts(op, specs)
