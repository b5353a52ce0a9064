"""Scopes that are alike: blocks whose choices are made once, and runs of them that can be longer or shorter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from itertools import pairwise

from archsearch.network.genotype import Genotype, scopes_of
from archsearch.ops.base import Op

PASSING = ("p", "shift")
"""Fields that differ between blocks which are alike."""


@dataclass(frozen=True)
class Block:
    """A scope with the values that its nodes make, in order; `entry`: the one value that it reads, `leaving`: the one that is read outside.

    Both are -1 where there is none, or several.
    """

    name: str
    values: tuple[int, ...]
    entry: int
    leaving: int


class Scopes:
    """The tree of scopes of a genotype."""

    def __init__(self, genotype: Genotype) -> None:
        self.genotype = genotype
        self._offset = len(genotype.inputs)
        self._values: dict[str, list[int]] = {}
        self._children: dict[str, list[str]] = {"": []}
        for value, node in enumerate(genotype.nodes, self._offset):
            for scope in scopes_of(node.scope) if node.scope else ():
                if scope not in self._values:
                    self._values[scope], self._children[scope] = [], []
                    self._children[scope.rpartition("/")[0]].append(scope)
                self._values[scope].append(value)

    def reads(self, value: int) -> tuple[int, ...]:
        """What a value's node reads."""
        return self.genotype.nodes[value - self._offset].inputs if value >= self._offset else ()

    def op(self, value: int) -> Op:
        """The op that makes a value, which is no input."""
        return self.genotype.nodes[value - self._offset].op

    @cached_property
    def readers(self) -> list[list[int]]:
        """Who reads each value; an output of the network is read by -1."""
        found: list[list[int]] = [[] for _ in self.genotype.specs]
        for value, node in enumerate(self.genotype.nodes, self._offset):
            for read in node.inputs:
                found[read].append(value)
        for output in self.genotype.outputs:
            found[output].append(-1)
        return found

    def block(self, scope: str) -> Block:
        """A scope as a block."""
        values = self._values[scope]
        inside = set(values)
        entering = {read for value in values for read in self.reads(value)} - inside
        leaving = [value for value in values if any(reader not in inside for reader in self.readers[value])]
        return Block(scope, tuple(values), entering.pop() if len(entering) == 1 else -1, leaving[0] if len(leaving) == 1 else -1)

    def children(self, scope: str) -> list[Block]:
        """The scopes right in a scope, in the order in which they begin; those of the whole network for ''."""
        return [self.block(child) for child in self._children[scope]]

    def all(self) -> Iterator[str]:
        """Every scope, '' first."""
        return iter(self._children)

    def alike(self, one: Block, other: Block) -> bool:
        """Whether two scopes hold the same ops that read each other in the same way, whatever they read from outside."""
        return len(one.values) == len(other.values) and self._form(one, whole=False) == self._form(other, whole=False)

    def _form(self, block: Block, whole: bool) -> list[object]:
        """What is in a block; `whole`: with the places where it reads what comes from outside."""
        local = {value: place for place, value in enumerate(block.values)}
        reads = [[local.get(read, -1) for read in self.reads(value)] for value in block.values]
        if not whole:
            reads = [[place for place in row if place >= 0] for row in reads]
        return [(form_of(self.op(value)), row) for value, row in zip(block.values, reads, strict=True)]

    def keeps_shape(self, block: Block) -> bool:
        """Whether a block reads one value and makes one of the same shape."""
        specs = self.genotype.specs
        return block.entry >= 0 and block.leaving >= 0 and specs[block.entry] == specs[block.leaving]

    def follows(self, before: Block, after: Block) -> bool:
        """Whether a block goes on from another that is alike, and nothing else reads that one."""
        if not (self.keeps_shape(before) and self.keeps_shape(after) and after.entry == before.leaving):
            return False
        alone = set(self.readers[after.entry]) <= set(after.values)
        return alone and self._form(before, whole=True) == self._form(after, whole=True)


@lru_cache(maxsize=1 << 12)
def form_of(op: Op) -> object:
    """An op without what tends to change from block to block: rates of dropping, shifts of windows."""
    return op.kind, tuple(getattr(op, f.name) for f in fields(op) if f.name not in PASSING)  # type: ignore[arg-type]


def twins(scopes: Scopes) -> dict[int, int]:
    """By value, the first of those at the same place of neighbouring scopes that are alike; others stand for themselves."""
    found = {value: value for value in range(len(scopes.genotype.specs))}
    for scope in scopes.all():
        for before, after in pairwise(scopes.children(scope)):
            if scopes.alike(before, after):
                for one, other in zip(before.values, after.values, strict=True):
                    found[other] = one
    for value in found:
        while found[found[value]] != found[value]:
            found[value] = found[found[value]]
    return found


def runs(scopes: Scopes, residual: set[tuple[int, int]]) -> list[list[Block]]:
    """Blocks in a row that are alike, each going on from the one before; `residual`: values that a shortcut leads from and to.

    A block alone is a run when a shortcut leads around it and it has no runs inside.
    """
    return list(found_in(scopes, "", residual))


def found_in(scopes: Scopes, scope: str, residual: set[tuple[int, int]]) -> Iterator[list[Block]]:
    """The runs right in a scope, and those inside what is in none."""
    rows: list[list[Block]] = []
    for block in scopes.children(scope):
        if rows and scopes.follows(rows[-1][-1], block):
            rows[-1].append(block)
        else:
            rows.append([block])
    for row in rows:
        inside = list(found_in(scopes, row[0].name, residual)) if len(row) == 1 else []
        alone = len(row) == 1 and not inside and scopes.keeps_shape(row[0]) and has_shortcut(row[0], residual)
        yield from [row] if len(row) > 1 or alone else inside


def has_shortcut(block: Block, residual: set[tuple[int, int]]) -> bool:
    """Whether a shortcut leads from what a block reads to a value in it."""
    return any((block.entry, value) in residual for value in block.values)
