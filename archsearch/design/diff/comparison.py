"""Compare two networks node by node and cost by cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from archsearch.analysis import analyse
from archsearch.design.diff.difference import Change, Cost, Difference
from archsearch.network.genotype import Genotype, GenotypeError
from archsearch.network.matching import matched
from archsearch.network.text_form.op_syntax import op_text

COSTS = ("params", "macs", "inference_peak_bytes", "training_peak_bytes", "window_field")


def diff(a: Genotype, b: Genotype, batch: int = 1, dtype: str = "float32", optimizer: str = "sgd") -> Difference:
    """What is removed, added, changed, renamed, rewired and reshaped from `a` to `b`, and what that does to the costs.

    Nodes are matched by name where what stands around them agrees, by structure elsewhere: a renamed node is not one removed and one
    added. Memory is for this batch, dtype and optimiser, as in `analyse`, which raises ValueError for those that it does not know.
    """
    before, after = analyse(a, batch, dtype, optimizer), analyse(b, batch, dtype, optimizer)
    pairs = Pairs(a, b)
    return Difference(
        removed=tuple([Change(a.value_names[u], described(a, u), "") for u in pairs.removed]),
        added=tuple([Change(b.value_names[v], "", described(b, v)) for v in pairs.added]),
        changed=tuple(pairs.changed()),
        renamed=tuple(pairs.renamed()),
        rewired=tuple(pairs.rewired()),
        reshaped=tuple(pairs.reshaped()),
        costs=tuple([Cost(name, getattr(before, name), getattr(after, name)) for name in COSTS]),
        batch=batch,
        dtype=dtype,
        optimizer=optimizer,
    )


class Pairs:
    """Two networks with their nodes matched."""

    def __init__(self, a: Genotype, b: Genotype) -> None:
        self.a, self.b = a, b
        self.match = matched(a, b)

    @cached_property
    def found(self) -> list[tuple[int, int]]:
        """Values of both that are partners, in the order of the second network."""
        return sorted([(u, v) for u, v in enumerate(self.match) if v >= 0], key=lambda pair: pair[1])

    @cached_property
    def removed(self) -> list[int]:
        """Values of the first network without partners."""
        return [u for u, v in enumerate(self.match) if v < 0]

    @cached_property
    def added(self) -> list[int]:
        """Values of the second network without partners."""
        partners = set(self.match)
        return [v for v in range(len(self.b.specs)) if v not in partners]

    def nodes(self) -> list[tuple[int, int]]:
        """Partners that are nodes."""
        return [(u, v) for u, v in self.found if v >= len(self.b.inputs)]

    def changed(self) -> list[Change]:
        """Nodes with another op."""
        return [
            Change(self.b.value_names[v], described(self.a, u), described(self.b, v))
            for u, v in self.nodes()
            if self.a.nodes[u - len(self.a.inputs)].op != self.b.nodes[v - len(self.b.inputs)].op or not self.same_weights(u, v)
        ]

    def same_weights(self, u: int, v: int) -> bool:
        """Whether partners both have weights of their own, or use those of partners."""
        mine, theirs = holder_of(self.a, u), holder_of(self.b, v)
        return mine == theirs == -1 or (mine >= 0 and self.match[mine] == theirs)

    def renamed(self) -> list[Change]:
        """Nodes with another name."""
        names = [(self.a.value_names[u], self.b.value_names[v]) for u, v in self.nodes()]
        return [Change(new, old, new) for old, new in names if old != new]

    def reshaped(self) -> list[Change]:
        """Inputs, and nodes of the same op, with another shape."""
        return [
            Change(self.b.value_names[v], str(self.a.specs[u]), str(self.b.specs[v]))
            for u, v in self.found
            if self.a.specs[u] != self.b.specs[v] and described(self.a, u, shape=False) == described(self.b, v, shape=False)
        ]

    def rewired(self) -> list[Change]:
        """Nodes and outputs that read other values, where no removed or added node in between explains it."""
        sources, others = through(self.a, self.removed), through(self.b, self.added)
        reads = [(self.b.value_names[v], reads_of(self.a, u), reads_of(self.b, v), is_commutative(self.b, v)) for u, v in self.nodes()]
        found = []
        for name, mine, theirs, swap in [*reads, ("output", self.a.outputs, self.b.outputs, False)]:
            one, other = [self.match[sources[i]] for i in mine], [others[i] for i in theirs]
            if one != other and not (swap and sorted(one) == sorted(other)):
                found.append(Change(name, said(self.a, mine), said(self.b, theirs)))
        return found


def described(genotype: Genotype, value: int, shape: bool = True) -> str:
    """What makes a value: an op as text, or an input with its shape."""
    if value < len(genotype.inputs):
        return f"input {genotype.specs[value]}" if shape else "input"
    node = genotype.nodes[value - len(genotype.inputs)]
    held = f" weights {node.weights}" if node.weights else ""
    try:
        return op_text(node.op) + held
    except GenotypeError:
        return node.op.kind + held  # an op that no text can stand for


def holder_of(genotype: Genotype, value: int) -> int:
    """The value whose node has the weights that a node uses; -1 for those of its own."""
    offset = len(genotype.inputs)
    return genotype.holders.get(value - offset, -1 - offset) + offset


def reads_of(genotype: Genotype, value: int) -> tuple[int, ...]:
    """The values that a node reads."""
    return genotype.nodes[value - len(genotype.inputs)].inputs


def is_commutative(genotype: Genotype, value: int) -> bool:
    """Whether the order of what a node reads does not matter."""
    return genotype.nodes[value - len(genotype.inputs)].op.commutative


def said(genotype: Genotype, values: Sequence[int]) -> str:
    """Names of values."""
    return ", ".join(genotype.value_names[i] for i in values) or "nothing"


def through(genotype: Genotype, alone: Sequence[int]) -> list[int]:
    """For every value: itself, or for a node of `alone` that reads one value, where that comes from."""
    source, passed = list(range(len(genotype.specs))), set(alone)
    for value, node in enumerate(genotype.nodes, len(genotype.inputs)):
        if value in passed and len(node.inputs) == 1:
            source[value] = source[node.inputs[0]]
    return source
