"""Which node of one network is which of another: by name where what stands around it agrees, by structure elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from archsearch.network.genotype import Genotype
from archsearch.network.matching.graph import Edge, Graph, Numbers, mapped
from archsearch.network.matching.subsequence import common, rising

Agree = Callable[[int, int], bool]

MAX_TWINS = 20
MAX_ROUNDS = 10


def matched(a: Genotype, b: Genotype) -> list[int]:
    """For every value of `a` its partner in `b`, or -1; inputs are partners by position.

    Two ways are gone and the one that leaves less to tell is taken. By name: a node's partner has its name, op and equal ops around it;
    then what has equal ops all the way from partners; then names again, where the ops on one side are equal. By structure: equal ops
    all the way from the inputs and outputs alone. Both go on with longest common subsequences of ops with equal surroundings between
    partners, then with one kind and name, one kind beside a partner, one name beside a partner, and partners on all sides.
    """
    numbers: Numbers = {}
    graphs = Graph(a, numbers), Graph(b, numbers)
    by_name, by_structure = Matching(*graphs), Matching(*graphs)
    by_name.same_name(by_name.is_amid_equals)
    by_name.spread(by_name.is_named_alike)
    by_name.same_name(by_name.is_next_to_equals)
    for matching in (by_name, by_structure):
        matching.run()
    return min(by_name, by_structure, key=Matching.to_tell).match


class Matching:
    """Partners found so far, both ways."""

    def __init__(self, a: Graph, b: Graph) -> None:
        self.a, self.b = a, b
        self.match, self.back = [-1] * self.a.size, [-1] * self.b.size
        self.found = 0
        self._by_reads = index(self.b.what, self.b.reads, self.b.inputs)
        self._by_readers = index(self.b.what, self.b.readers, self.b.inputs)
        for value in range(min(self.a.inputs, self.b.inputs)):
            self.pair(value, value)

    def pair(self, u: int, v: int) -> None:
        """Make two values partners."""
        self.match[u], self.back[v] = v, u
        self.found += 1

    def run(self) -> None:
        """Find all other partners, what can be trusted most first."""
        self.spread(anything)
        self.in_gaps(list(zip(self.a.what, self.a.around, strict=True)), list(zip(self.b.what, self.b.around, strict=True)))
        self.spread(anything)
        self.in_gaps(self.a.what, self.b.what)
        for _ in range(MAX_ROUNDS):
            before = self.found
            self.spread(anything)
            self.same_name(self.is_of_kind, any_op=True)
            self.beside()
            self.same_name(self.is_beside, any_op=True)
            self.in_place()
            if self.found == before:
                return

    def to_tell(self) -> int:
        """How much there is to tell with these partners: nodes alone, ops that differ, edges that do, names."""
        told = 3 * (self.a.size + self.b.size - 2 * self.found)
        for u, v in enumerate(self.match):
            if v >= self.b.inputs:
                told += 2 * (self.a.what[u] != self.b.what[v]) + (self.a.names[u] != self.b.names[v])
                told += mapped(self.a.reads[u], self.match) != tuple(sorted(self.b.reads[v]))
        return told

    def is_amid_equals(self, u: int, v: int) -> bool:
        """Whether what both read and what reads them has equal ops."""
        return self.a.around[u] == self.b.around[v]

    def is_next_to_equals(self, u: int, v: int) -> bool:
        """Whether what both read, or what reads them, has equal ops."""
        return any(one == other for one, other in zip(self.a.around[u], self.b.around[v], strict=True))

    def is_of_kind(self, u: int, v: int) -> bool:
        """Whether both are of one kind."""
        return self.a.kinds[u] == self.b.kinds[v]

    def is_named_alike(self, u: int, v: int) -> bool:
        """Whether two nodes have one name, or each a name that the other network does not know."""
        name, other = self.a.names[u], self.b.names[v]
        return name == other or (name not in self.b.by_name and other not in self.a.by_name)

    def same_name(self, agree: Agree, any_op: bool = False) -> None:
        """Pair nodes of one name, and of one op unless any will do, that agree otherwise."""
        for u in range(self.a.inputs, self.a.size):
            if self.match[u] < 0:
                v = self.b.by_name.get(self.a.names[u], -1)
                if v >= self.b.inputs and self.back[v] < 0 and (any_op or self.a.what[u] == self.b.what[v]) and agree(u, v):
                    self.pair(u, v)

    def spread(self, agree: Agree) -> None:
        """Go on from partners to nodes of equal op all of whose neighbours on one side are partners; to sure ones as far as that goes."""
        for _ in range(MAX_ROUNDS):
            before = self.found
            self.down(agree, sure=True)
            self.up(agree, sure=True)
            if self.found > before:
                continue
            self.down(agree, sure=False)
            self.up(agree, sure=False)
            if self.found == before:
                return

    def down(self, agree: Agree, sure: bool) -> None:
        """Pair nodes of equal op that read partners; alike below too or of one name if it is to be sure."""
        for u in range(self.a.inputs, self.a.size):
            if self.match[u] < 0 and (edges := mapped(self.a.reads[u], self.match)) is not None:
                free = self._free(u, self._by_reads.get((self.a.what[u], edges), []), agree)
                self._choose(u, free, self.a.below, self.b.below, sure)

    def up(self, agree: Agree, sure: bool) -> None:
        """Pair nodes of equal op that are read by partners; alike above too or of one name if it is to be sure."""
        for u in range(self.a.size - 1, self.a.inputs - 1, -1):
            if self.match[u] < 0 and self.a.readers[u] and (edges := mapped(self.a.readers[u], self.match)) is not None:
                free = self._free(u, self._by_readers.get((self.a.what[u], edges), []), agree)
                self._choose(u, free, self.a.above, self.b.above, sure)

    def _free(self, u: int, candidates: list[int], agree: Agree) -> list[int]:
        """The first candidates that have no partner and agree."""
        while candidates and self.back[candidates[-1]] >= 0:
            candidates.pop()
        return [v for v in candidates[: -MAX_TWINS - 1 : -1] if self.back[v] < 0 and agree(u, v)]

    def _choose(self, u: int, free: list[int], mine: list[int], theirs: list[int], sure: bool) -> None:
        """Pair a node with the candidate most like it: alike far, of one name, alike near, or, unless it must be sure, the first."""
        named = self.b.by_name.get(self.a.names[u], -1)
        far = [v for v in free if mine[u] == theirs[v]]
        near = [v for v in free if self.a.around[u] == self.b.around[v]]
        best = [named] * (named in far) + far + [named] * (named in free) + near + ([] if sure else free)
        if best:
            self.pair(u, best[0])

    def in_gaps(self, keys: Sequence[Hashable], others: Sequence[Hashable]) -> None:
        """Pair what stands between partners by the longest common subsequence of keys, where a neighbour is a partner then."""
        anchors = rising([(u, v) for u, v in enumerate(self.match) if v >= 0])
        ends = [*anchors, (self.a.size, self.b.size)]
        found: list[tuple[int, int]] = []
        for (i, j), (k, m) in zip([(-1, -1), *anchors], ends, strict=True):
            left = [u for u in range(i + 1, k) if self.match[u] < 0]
            right = [v for v in range(j + 1, m) if self.back[v] < 0]
            pairs = common([keys[u] for u in left], [others[v] for v in right]) if left and right else []
            found += [(left[x], right[y]) for x, y in pairs]
        for u, v in found:
            self.pair(u, v)
        lonely = [(u, v) for u, v in found if not self.is_beside(u, v)]
        for u, v in lonely:
            self.match[u] = self.back[v] = -1
        self.found -= len(lonely)

    def is_beside(self, u: int, v: int) -> bool:
        """Whether partners stand at the same place beside both nodes."""
        return any(
            self.match[read] == other and place == there
            for mine, others in ((self.a.reads[u], self.b.reads[v]), (self.a.readers[u], self.b.readers[v]))
            for read, place in mine[:MAX_TWINS]
            for other, there in others[:MAX_TWINS]
            if read >= 0
        )

    def in_place(self) -> None:
        """Pair nodes whose neighbours on both sides are partners: one has been put in the place of the other."""
        alone = [v for v in range(self.b.inputs, self.b.size) if self.back[v] < 0]
        places = {(tuple(sorted(self.b.reads[v])), tuple(sorted(self.b.readers[v]))): v for v in alone}
        for u in range(self.a.inputs, self.a.size):
            if self.match[u] < 0:
                v = places.pop((mapped(self.a.reads[u], self.match) or (), mapped(self.a.readers[u], self.match) or ()), -1)
                if v >= 0 and self.b.reads[v] and self.b.readers[v]:
                    self.pair(u, v)

    def beside(self) -> None:
        """Pair nodes of one kind that stand at the same place beside partners."""
        for u in range(self.a.inputs, self.a.size):
            if self.match[u] < 0:
                near = [*self._near(self.a.reads[u], self.b.readers), *self._near(self.a.readers[u], self.b.reads)]
                v = next((v for v in near if v >= self.b.inputs and self.back[v] < 0 and self.is_of_kind(u, v)), -1)
                if v >= 0:
                    self.pair(u, v)

    def _near(self, edges: Sequence[Edge], others: Sequence[Sequence[Edge]]) -> list[int]:
        """Nodes of the other network at the other ends of the same edges."""
        partners = [(self.match[value], place) for value, place in edges[:MAX_TWINS] if value >= 0 and self.match[value] >= 0]
        return [v for partner, place in partners for v, there in others[partner][:MAX_TWINS] if there == place]


def anything(u: int, v: int) -> bool:
    """Any two nodes agree."""
    return True


def index(what: list[int], edges: Sequence[Sequence[Edge]], first: int) -> dict[tuple[int, tuple[Edge, ...]], list[int]]:
    """Nodes by what they are and by their edges, the last first."""
    found: dict[tuple[int, tuple[Edge, ...]], list[int]] = {}
    for value in range(len(what) - 1, first - 1, -1):
        found.setdefault((what[value], tuple(sorted(edges[value]))), []).append(value)
    return found
