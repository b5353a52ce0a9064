"""The nodes of two networks side by side, with their weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype, Node
from archsearch.network.matching import matched

Weights = Mapping[str, Tensor]


class Pairs:
    """Child and parent.

    `back`: for every value of the child its partner of the same kind in the parent, or -1; `old`: for every node of the parent its
    tensors by name, those of another node where it uses them.
    """

    def __init__(self, child: Genotype, parent: Genotype, weights: Weights) -> None:
        self.child, self.parent = child, parent
        self.back = [-1] * len(child.specs)
        for before, value in enumerate(matched(parent, child)):
            if value >= 0 and kind_of(parent, before) == kind_of(child, value):
                self.back[value] = before
        self.old = by_node(parent, weights)
        for user, holder in parent.holders.items():
            self.old[user] = self.old[holder]

    @cached_property
    def shared(self) -> frozenset[int]:
        """Positions of the child's nodes that have weights in common with others."""
        return frozenset(i for pair in self.child.holders.items() for i in pair)

    @cached_property
    def readers(self) -> list[int]:
        """How often every value of the child is read; an output counts once."""
        found = [0] * len(self.child.specs)
        for read in (*self.child.outputs, *(read for node in self.child.nodes for read in node.inputs)):
            found[read] += 1
        return found

    def node(self, value: int) -> Node:
        """The child's node that makes a value."""
        return self.child.nodes[value - len(self.child.inputs)]

    def partner(self, value: int) -> Node | None:
        """The node that is a value's partner in the parent, if it has one."""
        found = self.back[value] - len(self.parent.inputs)
        return self.parent.nodes[found] if found >= 0 else None

    def old_of(self, values: Iterable[int]) -> tuple[Node, dict[str, Tensor]] | None:
        """The parent's node and tensors for nodes that are one module: those of the first that has a partner."""
        for value in values:
            if (node := self.partner(value)) is not None:
                return node, self.old[self.back[value] - len(self.parent.inputs)]
        return None


def kind_of(genotype: Genotype, value: int) -> str:
    """Kind of the op that makes a value; nothing for an input."""
    return "" if value < len(genotype.inputs) else genotype.nodes[value - len(genotype.inputs)].op.kind


def by_node(genotype: Genotype, weights: Weights) -> list[dict[str, Tensor]]:
    """For every node its tensors, by their names within it; what belongs to no node is left out."""
    found: list[dict[str, Tensor]] = [{} for _ in genotype.nodes]
    place = {module_path(node.name): position for position, node in enumerate(genotype.nodes)}
    for key, tensor in weights.items():
        path, _, name = key.rpartition(".")
        while path and path not in place:
            path, _, part = path.rpartition(".")
            name = f"{part}.{name}"
        if path:
            found[place[path]][name] = tensor
    return found
