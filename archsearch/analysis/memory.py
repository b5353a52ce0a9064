"""Bytes that a network holds while it runs, storage by storage.

The rules are those of straight-line code that frees each value after its last use, and of torch's autograd engine
(torch/csrc/autograd: engine.cpp, input_buffer.cpp). The unit is the storage: views alias it, and a value that two ops keep
counts once. Checked against storage-exact tracking of torch, byte for byte.

The walkers here and in `backward` only add numbers up and collect the candidates for the peak; they never compare them. So the numbers
may as well be arrays, one entry a network: `population` walks many networks of one topology at once with them. There every sum
costs, so that where nothing is to be added it says None, and no 0 is added.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from archsearch.network.genotype import Node
from archsearch.ops.base import Amount, Cost, Facts
from archsearch.ops.tensor import TensorSpec

ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
WORD_BYTES = 8
PLACE_BYTES = 4
FLOAT_BYTES = 4


class Graph(Protocol):
    """What the walkers read: a genotype, or a population of one topology."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def nodes(self) -> tuple[Node, ...]: ...

    @property
    def outputs(self) -> tuple[int, ...]: ...

    @property
    def facts(self) -> tuple[Facts, ...]: ...


class Units(NamedTuple):
    """Bytes of one element, and samples in a batch."""

    item: int
    batch: int

    @property
    def wide(self) -> int:
        """Bytes of an element of float32, or of the dtype if that is wider."""
        return max(FLOAT_BYTES, self.item)

    def bytes_of(self, amount: Amount, gradient: int = 0, kept: int = 0) -> int:
        """Bytes of an amount, given those of the gradient of the result and of the values kept."""
        item, wide = self.item, self.wide
        each = amount.elements * item + amount.wide * wide + amount.indices * WORD_BYTES + amount.flags
        if item < FLOAT_BYTES:
            each = each + amount.casts * FLOAT_BYTES + amount.narrow * item
        once = amount.weights * item + amount.statistics * wide + amount.marks
        return each * self.batch + once + amount.gradients * gradient + amount.kept * kept


def state_bytes(cost: Cost, item: int) -> int:
    """Weights and buffers of an op."""
    fixed = cost.counters * WORD_BYTES + cost.places * PLACE_BYTES
    return (cost.params + cost.buffers - cost.counters - cost.places) * item + fixed


class Memory(NamedTuple):
    """Bytes besides weights and buffers: what is live at every moment that may be the peak, and what after every node."""

    moments: list[int]
    after: list[int]


def inference_memory(graph: Graph, units: Units) -> Memory:
    """Live bytes in inference; inputs and outputs are held to the end.

    Walked from the end, so that the first read to be met is the last use.
    """
    offset, facts, unit = len(graph.inputs), graph.facts, units.item * units.batch
    sizes = value_bytes(graph, units)
    root = list(range(len(sizes)))
    for value, fact in enumerate(facts, offset):
        if not fact.plain and fact.saved.eval_view:
            root[value] = root[graph.nodes[value - offset].inputs[0]]
            sizes[value] = 0
    waiting: list[int | None] = [*sizes]  # bytes of the storages that nothing later holds, None of others
    live = 0
    for store in (*range(offset), *[root[output] for output in graph.outputs]):
        size = waiting[store]
        if size is not None:
            live, waiting[store] = live + size, None
    moments, after, value = [live], [], len(sizes)
    for node, fact in zip(reversed(graph.nodes), reversed(facts), strict=True):
        after.append(live)
        value -= 1
        for read in node.inputs:
            store = root[read]
            size = waiting[store]
            if size is not None:
                live, waiting[store] = live + size, None
        unread, most = waiting[value], live
        if unread is None:
            live = live - sizes[value]
        else:
            most = live + unread
        if not fact.plain:
            most = most + fact.saved.eval_elements * unit + fact.saved.eval_indices * WORD_BYTES * units.batch
            moments.extend([live + units.bytes_of(moment) for moment in fact.saved.inference])
        moments.append(most)
    after.reverse()
    return Memory(moments, after)


def value_bytes(graph: Graph, units: Units) -> list[int]:
    """Bytes of every value, inputs first."""
    unit, word = units.item * units.batch, WORD_BYTES * units.batch
    sizes = [spec.elements * unit for spec in graph.inputs]
    sizes += [fact.elements * word if fact.integer else fact.elements * unit for fact in graph.facts]
    return sizes
