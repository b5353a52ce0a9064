"""How nodes that the parent does not have start: as the identity where they were put in between, silent where they were put beside.

So what is behind them reads what it has learned to read (network morphisms, Elsken et al. 2018, arXiv:1804.09081).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Node
from archsearch.network.inheritance.pairs import Pairs
from archsearch.network.morphisms.branches import SILENT, silence
from archsearch.network.morphisms.insertion import identity
from archsearch.ops import Add, Conv2d, DepthwiseConv2d, Linear
from archsearch.ops.base import pair

MAX_CHAIN = 50
"""New nodes in a row that are looked through."""
Action = Callable[[], None]


class Starts:
    """Changes tensors of the child's new nodes in place."""

    def __init__(self, pairs: Pairs, weights: dict[str, Tensor]) -> None:
        self.pairs, self.weights = pairs, weights
        self.plans: dict[tuple[int, int], list[Action] | None] = {}

    def run(self) -> None:
        """Let all that has a partner read what it read there, as far as new nodes stand between."""
        for value in range(len(self.pairs.child.inputs), len(self.pairs.child.specs)):
            partner = self.pairs.partner(value)
            if partner is not None:
                self.lead(value, partner)
        if len(self.pairs.child.outputs) == len(self.pairs.parent.outputs):
            for value, before in zip(self.pairs.child.outputs, self.pairs.parent.outputs, strict=True):
                self.bring(value, before)

    def lead(self, value: int, partner: Node) -> None:
        """Let a node read what its partner reads; what a sum reads besides starts silent."""
        node, wanted, strange = self.pairs.node(value), list(partner.inputs), list[int]()
        for read in node.inputs:
            if self.pairs.back[read] in wanted:
                wanted.remove(self.pairs.back[read])
            else:
                strange.append(read)
        for read in [read for read in strange if self.pairs.back[read] < 0]:
            found = next((before for before in wanted if self.bring(read, before)), None)
            if found is not None:
                wanted.remove(found)
                strange.remove(read)
        if isinstance(node.op, Add) and not wanted:
            for read in strange:
                self.quieten(read)

    def bring(self, value: int, before: int) -> bool:
        """Let a new value start as that of the parent, if it can."""
        actions = self.plan(value, before, MAX_CHAIN)
        for action in actions or []:
            action()
        return actions is not None

    def plan(self, value: int, before: int, left: int) -> list[Action] | None:
        """What to do so that a value starts as the parent's, nearly so where norms and activations come too; None if nothing can."""
        key = (value, before)
        if key not in self.plans:
            self.plans[key] = None
            self.plans[key] = self.planned(value, before, left)
        return self.plans[key]

    def planned(self, value: int, before: int, left: int) -> list[Action] | None:
        """`plan`, worked out."""
        if self.pairs.back[value] >= 0 or value < len(self.pairs.child.inputs) or not left:
            return [] if self.pairs.back[value] == before else None
        node = self.pairs.node(value)
        if isinstance(node.op, Add):
            for read in node.inputs:
                if (first := self.plan(read, before, left - 1)) is not None:
                    return [*first, *(partial(self.quieten, other) for other in node.inputs if other != read)]
            return None
        if len(node.inputs) != 1 or self.pairs.child.specs[node.inputs[0]] != self.pairs.child.specs[value]:
            return None
        is_map = is_identity_map(node)
        if not is_map and node.op.channels_are() != "kept":
            return None
        rest = self.plan(node.inputs[0], before, left - 1)
        return None if rest is None else [*rest, *([partial(self.let_through, node)] if is_map else [])]

    def let_through(self, node: Node) -> None:
        """Start a map as the identity."""
        path = module_path(node.name)
        weight = torch.zeros_like(self.weights[f"{path}.weight"])
        if isinstance(node.op, DepthwiseConv2d):
            weight[..., weight.shape[2] // 2, weight.shape[3] // 2] = 1
        else:
            identity(weight)
        self.weights[f"{path}.weight"] = weight
        if f"{path}.bias" in self.weights:
            self.weights[f"{path}.bias"] = torch.zeros_like(self.weights[f"{path}.bias"])

    def quieten(self, value: int) -> None:
        """Let a new value start as zeros, by the last weights before it that make it so, if nothing else reads it."""
        for _ in range(MAX_CHAIN):
            if value < len(self.pairs.child.inputs) or self.pairs.back[value] >= 0 or self.pairs.readers[value] > 1:
                return
            node = self.pairs.node(value)
            if isinstance(node.op, SILENT) and not node.weights and value - len(self.pairs.child.inputs) not in self.pairs.shared:
                silence(self.weights, node)
                return
            if len(node.inputs) != 1 or not node.op.gives_zero([True], self.pairs.child.specs[node.inputs[0]]):
                return
            value = node.inputs[0]


def is_identity_map(node: Node) -> bool:
    """Whether a node that keeps the shape can be the identity by its weights alone, which are its own."""
    op = node.op
    if node.weights:
        return False
    if isinstance(op, Conv2d | DepthwiseConv2d):
        alone = op.groups == 1 if isinstance(op, Conv2d) else op.multiplier == 1
        return alone and all(size % 2 for size in pair(op.kernel)) and pair(op.stride) == (1, 1)
    return isinstance(op, Linear)
