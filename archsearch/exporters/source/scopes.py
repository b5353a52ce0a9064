"""Scopes of a genotype as a tree of modules: what each does in which order, what it reads and what it gives."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from torch import nn

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype

Path = tuple[str, ...]
SEQUENTIAL = frozenset(dir(nn.Sequential()))
FEW = 3
"""So many nodes without weights need no module of their own."""


@dataclass
class Step:
    """A module that a scope calls: a node or a scope within it, and where it stands.

    `path`: relative to the scope; of several parts where the scopes between are no modules of their own. `reads` and `makes` are values.
    `kept`: whether it has weights or buffers, so that its name stands in the state dict. `again`: whether an earlier step made it.
    `first`: position of its first node.
    """

    path: Path
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    first: int
    node: int | None = None
    scope: Scope | None = None
    kept: bool = True
    again: bool = False


@dataclass
class Scope:
    """A module made of others: its full path, the steps in an order in which they can run, the values that it reads and gives."""

    path: Path
    steps: list[Step]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def is_chain(self) -> bool:
        """Whether it is a Sequential: each step reads what the one before has made, and nothing else."""
        if len(self.inputs) != 1 or len({step.path for step in self.steps}) < len(self.steps):
            return False
        value = self.inputs[0]
        for step in self.steps:
            if step.reads != (value,) or len(step.makes) != 1 or step.again or len(step.path) > 1:
                return False
            if step.kept and step.path[0] in SEQUENTIAL:
                return False
            value = step.makes[0]
        return self.outputs == (value,)


@dataclass
class Branch:
    """A scope while the tree is made: nodes and scopes in it by the order of their first nodes."""

    path: Path
    parts: dict[str, Branch | int] = field(default_factory=dict)
    nodes: list[int] = field(default_factory=list)
    scope: Scope | None = None
    """Set when it becomes a module of its own; without one its parts stand in the scope around it."""


def is_attribute(part: str) -> bool:
    """Whether `self.part` can be written: no leading digit, and no name that Python changes inside a class."""
    return part.isidentifier() and not part.startswith("__")


def module_tree(genotype: Genotype, state: Collection[str]) -> Scope:
    """The network as a scope; `state`: the names in its state dict."""
    return Tree(genotype, state).root()


class Tree:
    """Makes scopes modules where that can be: one whose parts run in between those of another cannot, nor one that shares weights."""

    def __init__(self, genotype: Genotype, state: Collection[str]) -> None:
        self._genotype = genotype
        self._offset = len(genotype.inputs)
        self._paths = [tuple(module_path(node.name).split(".")) for node in genotype.nodes]
        self._homes = [tuple(module_path(node.weights or node.name).split(".")) for node in genotype.nodes]
        self._kept = {tuple(parts[:depth]) for parts in (name.split(".") for name in state) for depth in range(1, len(parts))}
        self._sizes = Counter(path[:length] for path in self._paths for length in range(1, len(path)))
        self._shared = self._sharing()
        self._readers: list[list[int]] = [[] for _ in genotype.specs]
        for position, node in enumerate(genotype.nodes):
            for value in node.inputs:
                self._readers[value].append(position)
        for value in genotype.outputs:
            self._readers[value].append(-1)

    def root(self) -> Scope:
        """The whole network."""
        top = Branch(())
        for position, path in enumerate(self._paths):
            branch = top
            branch.nodes.append(position)
            for depth, part in enumerate(path[:-1], 1):
                inner = branch.parts.setdefault(part, Branch(path[:depth]))
                assert isinstance(inner, Branch)
                branch = inner
                branch.nodes.append(position)
            branch.parts[path[-1]] = position
        self._settle(top)
        return Scope((), self._ordered(top), tuple(range(self._offset)), self._genotype.outputs)

    def _sharing(self) -> set[Path]:
        """Scopes that cannot be modules, as a node in them has its weights elsewhere, or gives them away."""
        found: set[Path] = set()
        for path, home in zip(self._paths, self._homes, strict=True):
            common = 0
            while common < min(len(path), len(home)) - 1 and path[common] == home[common]:
                common += 1
            if path != home:
                found |= {each[:depth] for each in (path, home) for depth in range(common + 1, len(each))}
        return found

    def _settle(self, branch: Branch) -> None:
        """Make modules of all scopes within a branch that can be."""
        for part in branch.parts.values():
            if isinstance(part, Branch):
                self._settle(part)
                self._close(part)

    def _close(self, branch: Branch) -> None:
        few = 1 if branch.path[-1][0].isdigit() else FEW  # a numbered one is a part of a Sequential
        if branch.path in self._shared or (len(branch.nodes) <= few and branch.path not in self._kept):
            return
        steps = self._ordered(branch)
        scope = Scope(branch.path, steps, self._read_from_outside(steps, branch), self._read_outside(steps, branch))
        nameless = any(step.kept and not is_attribute(step.path[0]) for step in steps)
        if not nameless or scope.is_chain():
            branch.scope = scope

    def _ordered(self, branch: Branch) -> list[Step]:
        """The steps of a branch in an order in which they can run; scopes that stand in the way of one are opened."""
        while True:
            items = list(members(branch))
            owner = {position: place for place, item in enumerate(items) for position in nodes_of(item)}
            reads = [self._items_read(item, place, owner) for place, item in enumerate(items)]
            order, left = sorted_out(reads, [first_of(item) for item in items])
            if not left:
                return [self._step(items[place], branch) for place in order]
            for place in left:
                item = items[place]
                if isinstance(item, Branch):
                    item.scope = None

    def _items_read(self, item: Branch | int, place: int, owner: dict[int, int]) -> set[int]:
        """Places of the items that one reads."""
        nodes = self._genotype.nodes
        sources = (owner.get(value - self._offset) for position in nodes_of(item) for value in nodes[position].inputs)
        return {source for source in sources if source is not None} - {place}

    def _step(self, item: Branch | int, around: Branch) -> Step:
        depth = len(around.path)
        if isinstance(item, Branch):
            assert item.scope is not None
            scope = item.scope
            return Step(item.path[depth:], scope.inputs, scope.outputs, item.nodes[0], scope=scope, kept=item.path in self._kept)
        home, node = self._homes[item], self._genotype.nodes[item]
        path = self._lone(item, depth) if home not in self._kept else home
        return Step(
            path[depth:], node.inputs, (item + self._offset,), item, node=item, kept=home in self._kept, again=home != self._paths[item]
        )

    def _lone(self, position: int, depth: int) -> Path:
        """The path of a node without weights; where it is all that a scope without weights holds, that scope's."""
        path = self._paths[position]
        lone = (path[:length] for length in range(depth + 1, len(path)) if path[:length] not in self._kept)
        return next((scope for scope in lone if self._sizes[scope] == 1), path)

    def _read_from_outside(self, steps: Iterable[Step], branch: Branch) -> tuple[int, ...]:
        inside = {position + self._offset for position in branch.nodes}
        return tuple(dict.fromkeys(value for step in steps for value in step.reads if value not in inside))

    def _read_outside(self, steps: list[Step], branch: Branch) -> tuple[int, ...]:
        """Values that a scope gives; one of which nothing is read gives its last one, so that it still runs."""
        inside = set(branch.nodes)
        made = [value for step in steps for value in step.makes]
        read = tuple(value for value in made if any(reader not in inside for reader in self._readers[value]))
        return read or (made[-1],)


def members(branch: Branch) -> Iterator[Branch | int]:
    """What stands in a scope: nodes, scopes that are modules, and what stands in those that are none."""
    for part in branch.parts.values():
        if isinstance(part, Branch) and part.scope is None:
            yield from members(part)
        else:
            yield part


def nodes_of(item: Branch | int) -> list[int]:
    """Positions of the nodes of an item."""
    return item.nodes if isinstance(item, Branch) else [item]


def first_of(item: Branch | int) -> int:
    """Position of its first node."""
    return nodes_of(item)[0]


def sorted_out(reads: list[set[int]], first: list[int]) -> tuple[list[int], set[int]]:
    """An order in which everything is read after it is made, by first nodes where several could come; and what reads in a circle."""
    order = ordered(reads, turned(reads), first)
    left = set(range(len(reads))) - set(order)
    if not left:
        return order, left
    within = [{source for source in sources if source in left} if place in left else set() for place, sources in enumerate(reads)]
    behind = ordered(turned(within), within, first)  # from the other end: what only reads a circle is in none
    return order, left.difference(behind)


def turned(reads: list[set[int]]) -> list[set[int]]:
    """Who reads each."""
    readers: list[set[int]] = [set() for _ in reads]
    for place, sources in enumerate(reads):
        for source in sources:
            readers[source].add(place)
    return readers


def ordered(reads: list[set[int]], readers: list[set[int]], first: list[int]) -> list[int]:
    """An order as far as there is one."""
    missing = [len(sources) for sources in reads]
    ready = [(first[place], place) for place, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        _, place = heapq.heappop(ready)
        order.append(place)
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, (first[reader], reader))
    return order
