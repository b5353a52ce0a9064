"""Bytes that inference moves, node by node: with the flops they say whether arithmetic or memory is the limit."""

from __future__ import annotations

from archsearch.analysis.memory import WORD_BYTES, Graph, Units, state_bytes, value_bytes
from archsearch.network.node import holders
from archsearch.ops.base import Facts


def moved_bytes(laid: Graph, copies: list[int], units: Units) -> list[int]:
    """For every node: inputs read, weights and buffers read, result written, each once; nothing where the result is a view.

    `laid` is the network as its values lie in inference (views.laid_out); its `copies` (copied_bytes) are written and read again.
    """
    sizes, offset, moved, held = value_bytes(laid, units), len(laid.inputs), [], holders(laid.nodes)
    for value, (node, fact, copied) in enumerate(zip(laid.nodes, laid.facts, copies, strict=True), offset):
        if fact.saved.eval_view:
            moved.append(0)
            continue
        cost = laid.facts[held[value - offset]].cost if held and value - offset in held else fact.cost
        state = state_bytes(cost, units.item) - cost.counters * WORD_BYTES
        moved.append(sum([sizes[read] for read in node.inputs]) + state + sizes[value] + 2 * copied)
    return moved


def copied_bytes(graph: Graph, laid: Graph, units: Units) -> list[int]:
    """For every node what it copies first because its inputs lie with gaps: what it holds beside its result beyond what it holds else."""
    pairs = zip(graph.facts, laid.facts, strict=True)
    return [0 if now is plain else max(0, beside(now, units) - beside(plain, units)) for plain, now in pairs]


def beside(fact: Facts, units: Units) -> int:
    """Bytes that an op holds at most in inference beside its inputs and its result."""
    word = WORD_BYTES if fact.integer else units.item
    scratch = (fact.saved.eval_elements * units.item + fact.saved.eval_indices * WORD_BYTES) * units.batch
    return max([scratch, *[units.bytes_of(moment) - fact.elements * word * units.batch for moment in fact.saved.inference]])


def intensity(macs: int, moved: int, batch: int) -> float:
    """Flops for each byte moved (Williams et al. 2009, doi:10.1145/1498765.1498785), `macs` for one sample; 0 where nothing moves."""
    return 2 * macs * batch / moved if moved else 0.0
