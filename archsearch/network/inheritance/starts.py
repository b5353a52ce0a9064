"""How nodes that the parent does not have start: as the identity where they were put in between, silent where they were put beside.

So what is behind them reads what it has learned to read (network morphisms, Elsken et al. 2018, arXiv:1804.09081).
"""

from __future__ import annotations

from typing import NamedTuple

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


class Step(NamedTuple):
    """How one new node starts: as the identity, or silent."""

    value: int
    silent: bool


class Starts:
    """Which of the child's new nodes start in a way of their own; `steps` are without those that nothing hangs on."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs, self.inputs = pairs, len(pairs.child.inputs)
        self.steps: set[Step] = set()
        self.plans: dict[tuple[int, int], list[Step] | None] = {}
        for value in range(self.inputs, len(pairs.child.specs)):
            if (partner := pairs.partner(value)) is not None:
                self.lead(value, partner)
        if len(pairs.child.outputs) == len(pairs.parent.outputs):
            for value, before in zip(pairs.child.outputs, pairs.parent.outputs, strict=True):
                self.steps.update(self.plan(value, before, MAX_CHAIN) or ())

    def apply(self, weights: dict[str, Tensor]) -> None:
        """Put new tensors in the place of those of the nodes that start so."""
        for step in self.steps:
            node = self.pairs.node(step.value)
            if step.silent:
                silence(weights, node)
            else:
                let_through(weights, node)

    def lead(self, value: int, partner: Node) -> None:
        """Let a node read what its partner reads, as far as new nodes stand between; what a sum reads besides starts silent."""
        wanted, strange = list(partner.inputs), list[int]()
        for read in self.summands(value):
            if self.pairs.back[read] in wanted:
                wanted.remove(self.pairs.back[read])
            else:
                strange.append(read)
        for read in [read for read in strange if self.pairs.back[read] < 0]:
            for before in wanted:
                if (steps := self.plan(read, before, MAX_CHAIN)) is not None:
                    self.steps.update(steps)
                    wanted.remove(before)
                    strange.remove(read)
                    break
        if isinstance(partner.op, Add) and not wanted:
            self.steps.update(step for read in strange for step in self.quiet(read))

    def summands(self, value: int) -> list[int]:
        """What a node reads; of a sum also what new sums before it do, that nothing else reads."""
        node, found = self.pairs.node(value), list[int]()
        waiting = list(node.inputs[::-1])
        while waiting:
            read = waiting.pop()
            inner = isinstance(node.op, Add) and self.is_new(read) and isinstance(self.pairs.node(read).op, Add)
            if inner and self.pairs.readers[read] == 1:
                waiting += self.pairs.node(read).inputs[::-1]
            else:
                found.append(read)
        return found

    def is_new(self, value: int) -> bool:
        """Whether a node without partner makes the value."""
        return value >= self.inputs and self.pairs.back[value] < 0

    def plan(self, value: int, before: int, left: int) -> list[Step] | None:
        """What lets a value start as the parent's, nearly so where norms and activations come too; None if nothing can."""
        key = (value, before)
        if key not in self.plans:
            self.plans[key] = self.planned(value, before, left)
        return self.plans[key]

    def planned(self, value: int, before: int, left: int) -> list[Step] | None:
        """`plan`, worked out."""
        if not self.is_new(value) or not left:
            return [] if self.pairs.back[value] == before else None
        node = self.pairs.node(value)
        if isinstance(node.op, Add):
            for read in node.inputs:
                if (first := self.plan(read, before, left - 1)) is not None:
                    return [*first, *(step for other in node.inputs if other != read for step in self.quiet(other))]
            return None
        if len(node.inputs) != 1 or self.pairs.child.specs[node.inputs[0]] != self.pairs.child.specs[value]:
            return None
        is_map = is_identity_map(node)
        if not is_map and node.op.channels_are() != "kept":
            return None
        rest = self.plan(node.inputs[0], before, left - 1)
        return None if rest is None else [*rest, *[Step(value, silent=False)] * is_map]

    def quiet(self, value: int) -> list[Step]:
        """What lets a new value start as zeros, if that is all that it is read for: zeros in the last weights before it."""
        for _ in range(MAX_CHAIN):
            if not self.is_new(value) or self.pairs.readers[value] > 1:
                return []
            node = self.pairs.node(value)
            if isinstance(node.op, SILENT) and value - self.inputs not in self.pairs.shared:
                return [Step(value, silent=True)]
            if len(node.inputs) != 1 or not node.op.gives_zero([True], self.pairs.child.specs[node.inputs[0]]):
                return []
            value = node.inputs[0]
        return []


def let_through(weights: dict[str, Tensor], node: Node) -> None:
    """Make of the weights of a node those of the identity."""
    path = module_path(node.name)
    weight = torch.zeros_like(weights[f"{path}.weight"])
    if isinstance(node.op, DepthwiseConv2d):
        weight[..., weight.shape[2] // 2, weight.shape[3] // 2] = 1
    else:
        identity(weight)
    weights[f"{path}.weight"] = weight
    if f"{path}.bias" in weights:
        weights[f"{path}.bias"] = torch.zeros_like(weights[f"{path}.bias"])


def is_identity_map(node: Node) -> bool:
    """Whether a node that keeps the shape can be the identity by its weights alone, which are its own."""
    op = node.op
    if node.weights:
        return False
    if isinstance(op, Conv2d | DepthwiseConv2d):
        alone = op.groups == 1 if isinstance(op, Conv2d) else op.multiplier == 1
        return alone and all(size % 2 for size in pair(op.kernel)) and pair(op.stride) == (1, 1)
    return isinstance(op, Linear)
