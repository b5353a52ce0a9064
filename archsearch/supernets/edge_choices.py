"""The supergraph of a space whose choices keep or drop edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from archsearch.network.genotype import Genotype, Node
from archsearch.ops import Add, Identity
from archsearch.spaces.space import Choices, Space
from archsearch.supernets.base import SupernetError
from archsearch.supernets.supergraph import Supergraph, checked


def edges_of(space: Space) -> list[str]:
    """The choices of a space, all of which must be between true and false. Raises SupernetError."""
    options = space.options()
    other = [name for name, offered in options.items() if sorted(map(repr, offered)) != ["False", "True"]]
    if other or not options:
        what = f"choice {other[0]!r} offers {list(options[other[0]])}" if other else "it has no choices"
        raise SupernetError(f"space {space.source!r} is no fabric: {what}; every choice must be between true and false, as in space fabric")
    return list(options)


def supergraph_of_edges(space: Space) -> Supergraph:
    """The network that keeps every edge, with a switch behind everything that an edge hands on.

    An edge is called like the scope of its nodes.

    Raises:
        SupernetError: a space with other choices, or one in which dropping an edge does more than take away what it hands on.
    """
    edges = edges_of(space)
    kept: Choices = dict.fromkeys(edges, True)
    try:
        genotype = space.resolve(kept, np.random.default_rng(0)).genotype
    except ValueError as error:
        raise SupernetError(f"space {space.source!r} gives no network with every edge: {error}") from error
    whole, switches = with_switches(genotype, edges)
    lost = [edge for edge in edges if edge not in switches]
    if lost:
        raise SupernetError(f"space {space.source!r}: choice {lost[0]!r} is not called like a scope of the network; open one of its name")
    return checked(guarded(Supergraph(whole, {(edge, True): names for edge, names in switches.items()})), space)


def guarded(supergraph: Supergraph) -> Supergraph:
    """The supergraph with an identity behind everything else that is summed, through which nothing passes where nothing arrives."""
    genotype, offset = supergraph.genotype, len(supergraph.genotype.inputs)
    moved, nodes, guards = list(range(offset)), [], []
    for node in genotype.nodes:
        reads = [moved[i] for i in node.inputs]
        for place, read in enumerate(node.inputs if isinstance(node.op, Add) else ()):
            if genotype.value_names[read] not in supergraph.places:
                guards.append(f"{node.name}_guard{place}")
                nodes.append(Node(Identity(), (reads[place],), guards[-1]))
                reads[place] = offset + len(nodes) - 1
        nodes.append(node._replace(inputs=tuple(reads)))
        moved.append(offset + len(nodes) - 1)
    whole = Genotype(genotype.inputs, tuple(nodes), tuple(moved[i] for i in genotype.outputs))
    return replace(supergraph, genotype=whole, guards=tuple(guards))


def with_switches(genotype: Genotype, edges: Iterable[str]) -> tuple[Genotype, dict[str, tuple[str, ...]]]:
    """The genotype with an identity behind every value that leaves the scope of an edge, and the names of those by edge."""
    known, offset = set(edges), len(genotype.inputs)
    inside = [None] * offset + [edge_of(node.name, known) for node in genotype.nodes]
    leaving = {
        read
        for position, node in enumerate(genotype.nodes)
        for read in node.inputs
        if inside[read] is not None and inside[read] != inside[offset + position]
    } | {output for output in genotype.outputs if inside[output] is not None}
    moved = list(range(offset))
    through: dict[int, int] = {}
    nodes: list[Node] = []
    switches: dict[str, list[str]] = {}
    for value, node in enumerate(genotype.nodes, offset):
        edge = inside[value]
        reads = tuple(through[i] if i in through and inside[i] != edge else moved[i] for i in node.inputs)
        nodes.append(node._replace(inputs=reads))
        moved.append(offset + len(nodes) - 1)
        if value in leaving and edge is not None:
            name = f"{edge}/switch{len(switches.setdefault(edge, []))}"
            switches[edge].append(name)
            nodes.append(Node(Identity(), (moved[value],), name))
            through[value] = offset + len(nodes) - 1
    outputs = tuple(through.get(output, moved[output]) for output in genotype.outputs)
    return Genotype(genotype.inputs, tuple(nodes), outputs), {edge: tuple(names) for edge, names in switches.items()}


def edge_of(name: str, edges: set[str]) -> str | None:
    """The edge in whose scope a node stands; the outermost of several."""
    parts = name.split("/")
    return next((scope for scope in ("/".join(parts[:depth]) for depth in range(1, len(parts))) if scope in edges), None)
