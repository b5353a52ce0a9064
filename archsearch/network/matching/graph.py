"""A genotype as numbers to compare: what each value is, what it reads, who reads it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from archsearch.network.genotype import Genotype

Numbers = dict[Hashable, int]
"""A number for every distinct thing seen, the same in both networks."""

Edge = tuple[int, int]
"""A value at the other end, and the place that the edge takes at its reader; -1 where places are interchangeable."""


class Graph:
    """Values of a genotype by number, inputs first.

    `what` numbers equal ops, inputs by position; `reads` and `readers` are edges; `above` numbers all that leads to a
    value, `below` all that it leads to, `around` the ops that it reads and those that read it.
    """

    def __init__(self, genotype: Genotype, numbers: Numbers) -> None:
        inputs = len(genotype.inputs)
        self.inputs, self.size = inputs, len(genotype.specs)
        self.names = list(genotype.value_names)
        self.by_name = {name: value for value, name in enumerate(self.names)}
        self.what = [number(numbers, ("input", i)) for i in range(inputs)] + [number(numbers, node.op) for node in genotype.nodes]
        self.kinds = ["input"] * inputs + [node.op.kind for node in genotype.nodes]
        self.reads: list[tuple[Edge, ...]] = [()] * inputs
        self.readers: list[list[Edge]] = [[] for _ in range(self.size)]
        for value, node in enumerate(genotype.nodes, inputs):
            edges = [(read, -1 if node.op.commutative else place) for place, read in enumerate(node.inputs)]
            self.reads.append(tuple(sorted(edges)) if node.op.commutative else tuple(edges))
            for read, place in edges:
                self.readers[read].append((value, place))
        for place, output in enumerate(genotype.outputs):
            self.readers[output].append((-1, place))
        self.above, self.below = self._above(numbers), self._below(numbers)
        self.around = self._around(numbers)

    def _above(self, numbers: Numbers) -> list[int]:
        found: list[int] = []
        for value, edges in enumerate(self.reads):
            leading = sorted([(found[read], place) for read, place in edges])
            found.append(number(numbers, ("above", self.what[value], *leading)))
        return found

    def _below(self, numbers: Numbers) -> list[int]:
        found = [0] * (self.size + 1)  # what stands behind the last place are the outputs' readers
        for value in range(self.size - 1, -1, -1):
            led = sorted([(found[reader], place) for reader, place in self.readers[value]])
            found[value] = number(numbers, ("below", self.what[value], *led))
        return found[:-1]

    def _around(self, numbers: Numbers) -> list[tuple[int, int]]:
        what = [*self.what, -1]  # of the outputs' readers
        above = [number(numbers, tuple(sorted([(what[read], place) for read, place in edges]))) for edges in self.reads]
        below = [number(numbers, tuple(sorted([(what[reader], place) for reader, place in edges]))) for edges in self.readers]
        return list(zip(above, below, strict=True))


def number(numbers: Numbers, thing: Hashable) -> int:
    """The thing's number, a new one if it has none."""
    return numbers.setdefault(thing, len(numbers) + 1)


def mapped(edges: Iterable[Edge], match: list[int]) -> tuple[Edge, ...] | None:
    """The edges in terms of the other network, or None where a value has no partner; outputs are their own."""
    found = []
    for value, place in edges:
        partner = match[value] if value >= 0 else -1
        if partner < 0 <= value:
            return None
        found.append((partner, place))
    return tuple(sorted(found))
