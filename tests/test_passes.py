"""Canonical form: it keeps the function, it is one form for each class of isomorphic networks, and networkx agrees which those are."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import fx

from archsearch import Builder, Genotype, canonicalise, compile_network, load_space
from archsearch import ops as o
from archsearch.network.compiler import module_path
from archsearch.network.passes import drop_dead, fold
from tests.meta_tracker import as_tuple
from tests.strategies_hypothesis import genotypes
from tests.test_analysis import counts

Form = tuple[tuple[tuple[object, tuple[int, ...]], ...], tuple[int, ...]]


def form(genotype: Genotype) -> Form:
    """The genotype without names."""
    return tuple((node.op, node.inputs) for node in genotype.nodes), genotype.outputs


def as_graph(genotype: Genotype) -> nx.DiGraph:
    """Values as vertices with what they are, edges with the places that they take at the reader."""
    graph, offset = nx.DiGraph(), len(genotype.inputs)
    for value, spec in enumerate(genotype.specs):
        what = str(genotype.nodes[value - offset].op) if value >= offset else f"input {value} {spec}"
        places = [place for place, output in enumerate(genotype.outputs) if output == value]
        graph.add_node(value, what=f"{what} output {places}")
    for value, node in enumerate(genotype.nodes, offset):
        for read in set(node.inputs):
            places = [0 if node.op.commutative else place for place, i in enumerate(node.inputs) if i == read]
            graph.add_edge(read, value, places=str(places))
    return graph


def are_isomorphic(a: nx.DiGraph, b: nx.DiGraph) -> bool:
    """What networkx says."""
    return nx.is_isomorphic(a, b, node_match=lambda u, v: u == v, edge_match=lambda u, v: u == v)


def signature(graph: nx.DiGraph) -> tuple[object, ...]:
    """Counts that isomorphic graphs share: of each vertex what it is, what its neighbours are, how far it is from both ends."""
    depth: dict[int, int] = {}
    for value in graph:  # numbered in topological order
        depth[value] = 1 + max((depth[read] for read in graph.pred[value]), default=0)
    height: dict[int, int] = {}
    for value in reversed(list(graph)):
        height[value] = 1 + max((height[reader] for reader in graph.succ[value]), default=0)
    what = graph.nodes(data="what")
    near = Counter(
        (what[v], depth[v], height[v], tuple(sorted(what[u] for u in graph.pred[v])), tuple(sorted(what[u] for u in graph.succ[v])))
        for v in graph
    )
    return tuple(sorted(near.items()))


@pytest.fixture(scope="module")
def cells() -> list[Genotype]:
    """All 15,625 cells, once in each stage, in canonical form."""
    space, rng = load_space("cell", cells=1, channels=1, input=(1, 8, 8)), np.random.default_rng(0)
    options = space.options()
    every = itertools.product(*options.values())
    return [canonicalise(space.resolve(dict(zip(options, ops, strict=True)), rng).genotype) for ops in every]


@pytest.mark.slow
def test_fingerprints_are_equal_exactly_where_networkx_finds_cells_isomorphic(cells: list[Genotype]) -> None:
    classes: dict[str, list[Genotype]] = defaultdict(list)
    for genotype in cells:
        classes[genotype.fingerprint].append(genotype)
    for members in classes.values():
        assert_isomorphic(members)
    alike: dict[tuple[object, ...], list[nx.DiGraph]] = defaultdict(list)
    for members in classes.values():
        graph = as_graph(members[0])
        alike[signature(graph)].append(graph)
    for graphs in alike.values():
        assert not any(are_isomorphic(a, b) for a, b in itertools.combinations(graphs, 2))
    assert len(classes) == len({written_out(ops) for ops in itertools.product(range(5), repeat=6)}) == 6040


EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
NONE, SKIP, POOL, ZEROS = 0, 1, 4, 5


def written_out(ops: tuple[int, ...]) -> tuple[object, ...]:
    """A cell by brute force, apart from all code under test: sums as lists of their terms, one node of zeros, the smallest of all namings.

    An edge is none, skip, a 1x1 or 3x3 convolution, or pooling, each of a sum; pooling of zeros is zeros, and zeros are no term.
    """
    nodes: list[tuple[int, tuple[int, ...]]] = [(-1, ()), (ZEROS, ())]
    sums: list[tuple[int, ...]] = [(0,)]
    chosen = dict(zip(EDGES, ops, strict=True))
    for end in (1, 2, 3):
        terms: list[int] = []
        for start in range(end):
            op, read = chosen[start, end], sums[start]
            if op == NONE or (op in (SKIP, POOL) and read == (1,)):
                continue
            if op == SKIP:
                terms += read
                continue
            nodes.append((op, read))
            terms.append(len(nodes) - 1)
        sums.append(tuple(sorted(terms)) or (1,))
    alive, waiting = set[int](), list(sums[3])
    while waiting:
        number = waiting.pop()
        if number not in alive:
            alive.add(number)
            waiting += nodes[number][1]
    kinds = sorted({nodes[number][0] for number in alive})
    groups = [[number for number in sorted(alive) if nodes[number][0] == kind] for kind in kinds]
    return min(
        naming(nodes, [number for group in orders for number in group], sums[3]) for orders in itertools.product(*map(permuted, groups))
    )


def permuted(group: list[int]) -> list[tuple[int, ...]]:
    return list(itertools.permutations(group))


def naming(nodes: list[tuple[int, tuple[int, ...]]], order: list[int], out: tuple[int, ...]) -> tuple[object, ...]:
    """The cell with its nodes numbered in this order."""
    place = {number: i for i, number in enumerate(order)}
    return tuple((nodes[i][0], tuple(sorted(place[read] for read in nodes[i][1]))) for i in order), tuple(sorted(place[i] for i in out))


def assert_isomorphic(members: list[Genotype]) -> None:
    """All are isomorphic and cost the same; equal forms need no search for the isomorphism."""
    forms = {form(member): member for member in members}
    first, *others = (as_graph(member) for member in forms.values())
    assert all(are_isomorphic(first, other) for other in others)
    assert len({counts(member) for member in members}) == 1


def test_regular_patterns_that_colours_alone_confuse_are_told_apart() -> None:
    """Two rings of three against one of six: every value sees the same neighbours."""
    networks = [ring([[0, 1, 2], [3, 4, 5]]), ring([[0, 1, 2, 3, 4, 5]])]
    assert not are_isomorphic(as_graph(networks[0]), as_graph(networks[1]))
    assert networks[0].fingerprint != networks[1].fingerprint


def ring(rings: Iterable[list[int]]) -> Genotype:
    """Six equal convolutions, each neighbouring pair of a ring summed, all sums summed."""
    b = Builder((2, 4, 4))
    values = [b(o.Conv2d(2), b.input) for _ in range(6)]
    pairs = [(values[i], values[j]) for members in rings for i, j in zip(members, members[1:] + members[:1], strict=True)]
    return b.genotype(b(o.Add(), *(b(o.ReLU(), b(o.Add(), *pair)) for pair in pairs)))


def assert_same_function(a: Genotype, b: Genotype) -> None:
    """Compiled with the same weights by name, both give the same outputs and b's nodes are among a's."""
    first, second = compile_network(a), compile_network(b, seed=1)
    copy_weights(first, second, b)
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(3, *spec.shape, generator=generator) for spec in a.inputs]
    with torch.no_grad():
        for wanted, got in zip(as_tuple(first.eval()(*inputs)), as_tuple(second.eval()(*inputs)), strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def copy_weights(source: fx.GraphModule, target: fx.GraphModule, genotype: Genotype) -> None:
    """Load the weights of every node from the module of the same name."""
    for node in genotype.nodes:
        path = module_path(node.name)
        target.get_submodule(path).load_state_dict(source.get_submodule(path).state_dict())


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(genotypes())
def test_canonical_form_keeps_the_function_and_is_reached_once(genotype: Genotype) -> None:
    plain = canonicalise(genotype)
    assert canonicalise(plain) == plain
    anew = Genotype(plain.inputs, plain.nodes, plain.outputs)
    assert (plain.facts, plain.arrangement, plain.fingerprint) == (anew.facts, anew.arrangement, anew.fingerprint)
    folded = fold(genotype)
    assert folded.facts == Genotype(folded.inputs, folded.nodes, folded.outputs).facts
    assert canonicalise(folded) == plain
    assert len(plain.nodes) <= len(genotype.nodes)
    assert_same_function(genotype, plain)


def test_canonical_form_of_cells_keeps_the_function() -> None:
    space = load_space("cell", cells=1, channels=2, input=(3, 8, 8))
    for number in range(60):
        genotype = space.sample(np.random.default_rng([13, number])).genotype
        assert_same_function(genotype, canonicalise(genotype))


def test_identities_fold_and_zeros_leave_sums() -> None:
    b = Builder((4, 8, 8))
    x = b(o.ReLU(), b.input)
    same = b(o.Identity(), b(o.Dropout(0), b(o.Add(), b(o.Concat(), x))))
    total = b(o.Add(), same, b(o.Zero(), x), b.input)
    genotype = b.genotype(b(o.Add(), total, b(o.Zero(), x)), b(o.Add(), b(o.Zero(), x), b(o.Zero(), b.input)))
    assert [node.op.kind for node in canonicalise(genotype).nodes] == ["relu", "add", "zero"]


def test_dead_nodes_go_and_names_stay() -> None:
    b = Builder((4, 8, 8))
    x = b(o.ReLU(), b.input, name="kept")
    b(o.Conv2d(8), x, name="dead")
    assert [node.name for node in drop_dead(b.genotype(x)).nodes] == ["kept"]
    assert [node.name for node in fold(b.genotype(x)).nodes] == ["kept", "dead"]
    assert drop_dead(b.genotype(b.input)).nodes == ()


def test_one_form_for_swapped_operands_and_for_any_order() -> None:
    b, c = Builder((4, 8, 8)), Builder((4, 8, 8))
    one = b.genotype(b(o.Add(), b(o.Tanh(), b.input), b(o.Conv2d(4), b.input)))
    conv = c(o.Conv2d(4), c.input)
    other = c.genotype(c(o.Add(), conv, c(o.Tanh(), c.input)))
    assert form(canonicalise(one)) == form(canonicalise(other))
    assert canonicalise(one).fingerprint == canonicalise(other).fingerprint
