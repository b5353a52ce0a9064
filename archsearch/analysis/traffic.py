"""Bytes that inference moves, node by node: with the flops they say whether arithmetic or memory is the limit."""

from __future__ import annotations

from archsearch.analysis.memory import WORD_BYTES, Graph, Units, state_bytes, value_bytes


def moved_bytes(graph: Graph, units: Units) -> list[int]:
    """For every node: inputs read, weights and buffers read, result written, each once; nothing where the result is a view."""
    sizes, moved = value_bytes(graph, units), []
    for node, fact, size in zip(graph.nodes, graph.facts, sizes[len(graph.inputs) :], strict=True):
        if fact.saved.eval_view:
            moved.append(0)
            continue
        cost = fact.cost
        for read in node.inputs:
            size += sizes[read]
        if cost.params or cost.buffers:
            size += state_bytes(cost, units.item) - cost.counters * WORD_BYTES
        moved.append(size)
    return moved


def intensity(macs: int, moved: int, batch: int) -> float:
    """Flops for each byte moved (Williams et al. 2009, doi:10.1145/1498765.1498785), `macs` for one sample; 0 where nothing moves."""
    return 2 * macs * batch / moved if moved else 0.0
