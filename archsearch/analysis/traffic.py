"""Bytes that inference moves, node by node: with the flops they say whether arithmetic or memory is the limit."""

from __future__ import annotations

from archsearch.analysis.memory import WORD_BYTES, Graph, Units, state_bytes, value_bytes


def moved_bytes(graph: Graph, units: Units) -> list[int]:
    """For every node: inputs read, weights and buffers read, result written, each once; nothing where the result is a view."""
    sizes, offset, moved = value_bytes(graph, units), len(graph.inputs), []
    for value, (node, fact) in enumerate(zip(graph.nodes, graph.facts, strict=True), offset):
        if fact.saved.eval_view:
            moved.append(0)
            continue
        state = state_bytes(fact.cost, units.item) - fact.cost.counters * WORD_BYTES
        moved.append(sum([sizes[read] for read in node.inputs]) + state + sizes[value])
    return moved


def intensity(macs: int, moved: int, batch: int) -> float:
    """Flops for each byte moved (Williams et al. 2009, doi:10.1145/1498765.1498785), `macs` for one sample; 0 where nothing moves."""
    return 2 * macs * batch / moved if moved else 0.0
