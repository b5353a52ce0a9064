"""One fingerprint means isomorphic: regular, strongly regular and gadget graphs, judged by networkx; hostile ones end in bounded time."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import networkx as nx
import pytest

from archsearch import Builder, Genotype, Op, TensorSpec, canonicalise
from archsearch import ops as o
from archsearch.network.isomorphism import labelling, op_colour
from archsearch.ops.base import OPS, Cost, Saved, register
from tests.test_passes import are_isomorphic, as_graph, form


def network(graph: nx.Graph, seed: int | None = None, twins: bool = False) -> Genotype:
    """A convolution for every vertex, a sum under a ReLU for every edge, all summed; the order is drawn from the seed."""
    graph = nx.convert_node_labels_to_integers(graph)
    vertices, edges = list(graph.nodes), [tuple(edge) for edge in graph.edges]
    if seed is not None:
        rng = random.Random(seed)
        rng.shuffle(vertices)
        rng.shuffle(edges)
        edges = [edge[:: rng.choice((1, -1))] for edge in edges]
    b = Builder((1, 2, 2))
    x = b(o.Add(), b(o.Conv2d(1), b.input), b(o.Conv2d(1), b.input)) if twins else b.input
    made = {vertex: b(o.Conv2d(1), x) for vertex in vertices}
    return b.genotype(b(o.Add(), *(b(o.ReLU(), b(o.Add(), made[u], made[v])) for u, v in edges)))


def shrikhande() -> nx.Graph:
    steps = [(0, 1), (1, 0), (1, 1)]
    places = list(itertools.product(range(4), repeat=2))
    return nx.Graph([((i, j), ((i + di) % 4, (j + dj) % 4)) for i, j in places for di, dj in steps])


def gadgets(base: nx.Graph, twist: bool) -> nx.Graph:
    """The graphs of Cai, Fuerer & Immerman 1992, which no refinement of few colours tells apart: one edge is crossed, or none."""
    graph, edges = nx.Graph(), list(base.edges)
    for vertex in base:
        own = [edge for edge in edges if vertex in edge]
        for bits in itertools.product((0, 1), repeat=len(own)):
            if sum(bits) % 2 == 0:
                graph.add_edges_from((("inner", vertex, bits), (vertex, edge, bit)) for edge, bit in zip(own, bits, strict=True))
    for number, edge in enumerate(edges):
        for bit in (0, 1):
            graph.add_edge((edge[0], edge, bit), (edge[1], edge, bit ^ (twist and number == 0)))
    return graph


ROOK = nx.line_graph(nx.complete_bipartite_graph(4, 4))
PAIRS = {
    "six and three": (nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))),
    "ten and five": (nx.cycle_graph(10), nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(5))),
    "cubic": (nx.circular_ladder_graph(3), nx.complete_bipartite_graph(3, 3)),
    "rook and shrikhande": (ROOK, shrikhande()),
    "gadgets": (gadgets(nx.complete_graph(4), False), gadgets(nx.complete_graph(4), True)),
}
SYMMETRIC = {
    "petersen": nx.petersen_graph(), "complete": nx.complete_graph(12), "cube": nx.hypercube_graph(4), "star": nx.star_graph(64),
    "tree": nx.balanced_tree(2, 5), "ring": nx.cycle_graph(200), "torus": nx.grid_2d_graph(5, 5, periodic=True),
    "many": nx.disjoint_union_all([nx.petersen_graph()] * 4), "cubic": nx.random_regular_graph(3, 40, seed=1),
}  # fmt: skip


@pytest.mark.parametrize("twins", [False, True], ids=["alone", "beside equal branches"])
@pytest.mark.parametrize("name", PAIRS)
def test_regular_graphs_that_differ_have_different_fingerprints(name: str, twins: bool) -> None:
    one, other = PAIRS[name]
    prints = [{canonicalise(network(graph, seed, twins)).fingerprint for seed in range(3)} for graph in (one, other)]
    assert [len(found) for found in prints] == [1, 1]
    assert prints[0] != prints[1]
    assert name == "gadgets" or not nx.is_isomorphic(one, other)  # which is proven of gadgets, and slow


@pytest.mark.parametrize("name", SYMMETRIC)
def test_one_form_whatever_the_order(name: str) -> None:
    plain = [canonicalise(network(SYMMETRIC[name], seed)) for seed in (None, 1, 2)]
    assert len({form(genotype) for genotype in plain}) == 1
    assert len({genotype.fingerprint for genotype in plain}) == 1
    assert plain[0].arrangement.exact


def test_fingerprints_agree_with_networkx_on_random_graphs() -> None:
    rng, equal = random.Random(5), 0
    for _ in range(150):
        count, share = rng.randint(3, 6), rng.uniform(0.4, 0.9)
        graphs = [nx.gnp_random_graph(count, share, seed=rng.randint(0, 10**6)) for _ in range(2)]
        if not all(graph.edges for graph in graphs):
            continue
        a, b = (canonicalise(network(graph, rng.randint(0, 99))) for graph in graphs)
        assert (a.fingerprint == b.fingerprint) == are_isomorphic(as_graph(a), as_graph(b))
        equal += a.fingerprint == b.fingerprint
    assert equal > 5


def parallel(count: int, nested: int = 0) -> Genotype:
    """Equal branches beside each other; `nested`: pairs of branches, one pair behind the other."""
    b = Builder((1, 2, 2))
    x = b(o.Add(), *(b(o.BatchNorm2d(), b(o.Conv2d(1), b.input)) for _ in range(count)))
    for _ in range(nested):
        x = b(o.Add(), b(o.Conv2d(1), x), b(o.Conv2d(1), x))
    return b.genotype(x)


def test_equal_branches_cost_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "MOST_STEPS", 0)
    plain = canonicalise(parallel(64, 30))
    assert plain.arrangement.exact
    assert plain.fingerprint != canonicalise(parallel(64, 29)).fingerprint != canonicalise(parallel(63, 30)).fingerprint


def test_a_pattern_that_takes_too_long_stays_as_it_is_written() -> None:
    hostile = [network(nx.random_regular_graph(3, 400, seed=1), seed) for seed in (None, 1)]
    first, second = map(canonicalise, hostile)
    assert not first.arrangement.exact
    assert first.fingerprint != second.fingerprint
    assert canonicalise(first) == first
    assert Genotype.from_json(first.to_json()).fingerprint == first.fingerprint


def test_places_of_operands_count() -> None:
    b = Builder((2, 4, 4))
    x, y = b(o.Conv2d(2), b.input), b(o.Conv2d(2), b(o.Tanh(), b.input))
    left, right = b.genotype(b(o.Concat(), x, y)), b.genotype(b(o.Concat(), y, x))
    two = Builder((2, 4, 4), (2, 4, 4))
    first = two.genotype(two(o.Concat(), two(o.Tanh(), two.inputs[0]), two.inputs[1]))
    other = two.genotype(two(o.Concat(), two(o.Tanh(), two.inputs[1]), two.inputs[0]))
    assert len({canonicalise(genotype).fingerprint for genotype in (left, right)}) == 2
    assert len({canonicalise(genotype).fingerprint for genotype in (first, other)}) == 2


class Plain(Op):
    """What the ops below share."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def build(self, layers: Any, x: TensorSpec) -> Any:
        return layers.Identity()


@pytest.fixture
def kinds() -> Any:
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.usefixtures("kinds")
def test_colours_are_of_the_fields_by_their_types_and_of_nothing_else() -> None:
    @register("slotted")
    @dataclass(frozen=True, slots=True)
    class Slotted(Plain):
        width: int | float = 8

    @register("remembering")
    @dataclass(frozen=True)
    class Remembering(Plain):
        width: int = 8

        @cached_property
        def half(self) -> int:
            return self.width // 2

    assert len({op_colour(Slotted(width)) for width in (1, 1.0, True, 2)}) == 4
    alone = op_colour(Slotted(1.0))
    op_colour.cache_clear()
    assert op_colour(Slotted(1)) != op_colour(Slotted(1.0)) == alone
    read, fresh = Remembering(), Remembering()
    assert read.half == 4
    op_colour.cache_clear()
    assert op_colour(read) == op_colour(fresh)
