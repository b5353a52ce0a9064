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
    """A new map that starts as the identity; with a `reader` a value that is to be nothing to that sum."""

    value: int
    reader: int | None = None


class Starts:
    """`through`: values of new maps that start as the identity; `silent`: values of new nodes that start as zeros."""

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
        self.through = {step.value for step in self.steps if step.reader is None}
        needed = self.needed()
        quiet = {step.value for step in self.steps if step.reader is not None} - needed
        self.silent = {last for value in quiet if (last := self.last_weights(value)) is not None}

    def apply(self, weights: dict[str, Tensor]) -> None:
        """Put new tensors in the place of those of the nodes that start so."""
        for value in self.through:
            let_through(weights, self.pairs.node(value))
        for value in self.silent:
            silence(weights, self.pairs.node(value))

    def lead(self, value: int, partner: Node) -> None:
        """Let a node read what its partner reads, as far as new nodes stand between; what a sum reads besides is to be nothing."""
        wanted, strange = list(partner.inputs), list[Step]()
        for reader, read in self.edges(value):
            if self.pairs.back[read] in wanted:
                wanted.remove(self.pairs.back[read])
            elif self.is_new(read):
                strange.append(Step(read, reader))
        for step in list(strange):
            for before in wanted:
                if (steps := self.plan(step.value, before, MAX_CHAIN)) is not None:
                    self.steps.update(steps)
                    wanted.remove(before)
                    strange.remove(step)
                    break
        if isinstance(partner.op, Add) and not wanted:
            self.steps.update(strange)

    def edges(self, value: int) -> list[tuple[int, int]]:
        """What a node reads, with itself as the reader; of a sum also what new sums before it read, that nothing else does."""
        found, waiting = list[tuple[int, int]](), [(value, read) for read in self.pairs.node(value).inputs[::-1]]
        is_sum = isinstance(self.pairs.node(value).op, Add)
        while waiting:
            reader, read = waiting.pop()
            if is_sum and self.is_new(read) and isinstance(self.pairs.node(read).op, Add) and self.pairs.readers[read] == 1:
                waiting += [(read, inner) for inner in self.pairs.node(read).inputs[::-1]]
            else:
                found.append((reader, read))
        return found

    def needed(self) -> set[int]:
        """New values that reach those of the parent, or the outputs, on another way than as what is to be nothing."""
        found, waiting = set[int](), list(self.pairs.child.outputs)
        for value in range(self.inputs, len(self.pairs.child.specs)):
            waiting += [] if self.is_new(value) else self.heard(value)
        while waiting:
            value = waiting.pop()
            if self.is_new(value) and value not in found:
                found.add(value)
                waiting += self.heard(value)
        return found

    def heard(self, value: int) -> list[int]:
        """What a node reads but for what is to be nothing to it."""
        return [read for read in self.pairs.node(value).inputs if Step(read, value) not in self.steps]

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
                    return [*first, *(Step(other, value) for other in node.inputs if other != read)]
            return None
        if len(node.inputs) != 1 or self.pairs.child.specs[node.inputs[0]] != self.pairs.child.specs[value]:
            return None
        is_map = is_identity_map(node)
        if not is_map and node.op.channels_are() != "kept":
            return None
        rest = self.plan(node.inputs[0], before, left - 1)
        return None if rest is None else [*rest, *[Step(value)] * is_map]

    def last_weights(self, value: int) -> int | None:
        """The last new node up to a value that makes it zeros if its weights are; None where there is none."""
        for _ in range(MAX_CHAIN):
            if not self.is_new(value):
                return None
            node = self.pairs.node(value)
            if isinstance(node.op, SILENT) and value - self.inputs not in self.pairs.shared:
                return value
            quiet = len(node.inputs) == 1 and node.op.gives_zero([True], self.pairs.child.specs[node.inputs[0]])
            if not quiet or node.op.never_negative:  # a ReLU lets no gradient through where it reads zeros, so nothing would ever wake up
                return None
            value = node.inputs[0]
        return None


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
