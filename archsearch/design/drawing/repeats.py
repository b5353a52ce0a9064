"""Repeated scopes: which of them are drawn once, and for how many each node then stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archsearch.network.genotype import Genotype

Group = list[int]
"""Values made inside one scope, in order."""


class Run(NamedTuple):
    """Equal scopes in a row: how many, and the last one's part of the name."""

    length: int
    last: str


class Outline(NamedTuple):
    """A genotype with repeated scopes drawn once.

    `stands[v]`: the value that is drawn for value v. `times[v]`: how many nodes are drawn as v; 0: it is drawn as another one.
    `reads[v]`: what v reads, as drawn. `runs`: by the full name of the first scope of each run.
    """

    genotype: Genotype
    stands: list[int]
    times: list[int]
    reads: list[tuple[int, ...]]
    runs: dict[str, Run]


class Wiring(NamedTuple):
    """What every value reads, and who reads it; an output of the network reads under a number that no value has."""

    reads: list[tuple[int, ...]]
    readers: list[list[int]]


def outline(genotype: Genotype) -> Outline:
    """Find scopes that repeat: next to each other, equal inside (names do not count), each reading the one before."""
    offset, values = len(genotype.inputs), len(genotype.specs)
    wiring = wire(genotype)
    stands, times = list(range(values)), [1] * values
    runs: dict[str, Run] = {}
    waiting = [("", list(range(offset, values)))]
    while waiting:
        prefix, nodes = waiting.pop()
        scopes = [(part, group) for part, group in grouped(genotype, nodes, prefix).items() if not is_leaf(genotype, group[0], prefix)]
        for run in runs_of(genotype, wiring, scopes, prefix):
            (first, kept), (last, _) = run[0], run[-1]
            if len(run) > 1:
                runs[prefix + first] = Run(len(run), last)
            for _, member in run[1:]:
                for inner, same in zip(member, kept, strict=True):
                    stands[inner], times[inner] = same, 0
            for inner in kept:
                times[inner] *= len(run)
            waiting.append((f"{prefix}{first}/", kept))
    for value in range(values):
        stands[value] = stands[stands[value]]  # what it stands for comes before it, and is settled
    reads = [tuple(dict.fromkeys(stands[read] for read in row)) for row in wiring.reads]
    return Outline(genotype, stands, times, reads, runs)


def wire(genotype: Genotype) -> Wiring:
    """Who reads whom."""
    offset, values = len(genotype.inputs), len(genotype.specs)
    reads = [()] * offset + [node.inputs for node in genotype.nodes]
    readers: list[list[int]] = [[] for _ in range(values)]
    for value, row in enumerate(reads):
        for read in row:
            readers[read].append(value)
    for output in genotype.outputs:
        readers[output].append(values)
    return Wiring(reads, readers)


def is_leaf(genotype: Genotype, value: int, prefix: str) -> bool:
    """Whether the node stands right in the scope with that prefix."""
    return "/" not in genotype.value_names[value][len(prefix) :]


def grouped(genotype: Genotype, nodes: Sequence[int], prefix: str) -> dict[str, Group]:
    """Nodes of a scope by the next part of their names, in the order of the first ones."""
    names, start = genotype.value_names, len(prefix)
    groups: dict[str, Group] = {}
    for value in nodes:
        groups.setdefault(names[value][start:].partition("/")[0], []).append(value)
    return groups


Scope = tuple[str, Group]


def runs_of(genotype: Genotype, wiring: Wiring, scopes: list[Scope], prefix: str) -> list[list[Scope]]:
    """The scopes parted into runs; most are runs of one."""
    found: list[list[Scope]] = []
    chain: Chain | None = None
    for scope in scopes:
        if chain is not None and chain.takes(scope[1], prefix):
            found[-1].append(scope)
        else:
            chain = Chain(genotype, wiring, scope[1], prefix)
            found.append([scope])
    return found


class Chain:
    """A run that grows; `takes` says whether a scope goes on with it, and if so adds it."""

    def __init__(self, genotype: Genotype, wiring: Wiring, first: Group, prefix: str) -> None:
        self._genotype, self._wiring = genotype, wiring
        self._members = [first]
        self._place = {value: (0, position) for position, value in enumerate(first)}
        self._form: object = None
        self._outside: set[int] = set()
        self._pattern: list[tuple[int, int] | None] = []

    def takes(self, group: Group, prefix: str) -> bool:
        """Whether the scope is equal to the others, reads the last one (and at most the one before), and hides no other reader."""
        last = len(self._members) - 1
        if len(group) != len(self._members[0]) or not any(
            self._place.get(read, (-1, 0))[0] == last for value in group for read in self._wiring.reads[value]
        ):
            return False
        if self._form is None:
            self._form, outer = form(self._genotype, self._members[0], prefix)
            self._outside, self._pattern = set(outer), [None] * len(outer)
        same, outer = form(self._genotype, group, prefix)
        if same != self._form:
            return False
        pattern = [self._seen_from(last + 1, read) for read in outer]
        foreign = {read for read, seen in zip(outer, pattern, strict=True) if seen is None} - self._outside
        back = 1 if all(seen is not None and seen[0] == 1 for seen in pattern) else 2
        grown = {value: (last + 1, position) for position, value in enumerate(group)}
        if foreign or not self._continues(pattern) or not self._quiet(last + 2 - back, grown):
            return False
        self._members.append(group)
        self._place.update(grown)
        self._pattern = pattern
        return True

    def _seen_from(self, member: int, read: int) -> tuple[int, int] | None:
        place = self._place.get(read)
        return (member - place[0], place[1]) if place else None

    def _continues(self, pattern: list[tuple[int, int] | None]) -> bool:
        """Whether the scope reads as the one before it did, which at first read what comes before the run."""
        near = all(seen is None or seen[0] <= 2 for seen in pattern)
        return near and all(before is None or before == now for before, now in zip(self._pattern, pattern, strict=True))

    def _quiet(self, upto: int, grown: dict[int, tuple[int, int]]) -> bool:
        """Whether nothing but the run reads the members before `upto`; those before the last two have been asked."""
        asked = range(max(upto - 2, 0), upto)
        readers = (reader for member in asked for value in self._members[member] for reader in self._wiring.readers[value])
        return all(reader in self._place or reader in grown for reader in readers)


def form(genotype: Genotype, group: Group, prefix: str) -> tuple[object, list[int]]:
    """What makes scopes equal: ops, shapes and wiring inside, and the inner scopes without their names; and what it reads outside."""
    offset, local = len(genotype.inputs), {value: position for position, value in enumerate(group)}
    outer: dict[int, int] = {}
    scopes: dict[str, int] = {}
    rows: list[object] = []
    for value in group:
        node = genotype.nodes[value - offset]
        reads = tuple([local[read] if read in local else -1 - outer.setdefault(read, len(outer)) for read in node.inputs])
        inner = node.scope[len(prefix) :].partition("/")[2]
        rows.append(
            (alike(genotype, value), node.weights, genotype.specs[value], reads, scopes.setdefault(inner, len(scopes)), inner.count("/"))
        )
    return (tuple(rows), tuple(genotype.specs[read] for read in outer)), list(outer)


def alike(genotype: Genotype, value: int) -> object:
    """What ops drawn as one have in common: all fields, but a rate of dropping, which tends to grow from block to block."""
    place = value - len(genotype.inputs)
    op = genotype.nodes[place].op
    return op.kind if genotype.facts[place].saved.eval_view and hasattr(op, "p") else op
