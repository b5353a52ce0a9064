"""One training step in bytes: what the forward pass keeps, and the peak of both passes."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.analysis.backward import Backward
from archsearch.analysis.memory import WORD_BYTES, Graph, Units, value_bytes
from archsearch.ops.base import Saved


class Training(NamedTuple):
    """Bytes besides weights, buffers and optimiser state: moments that may be the peak of the step, saved for backward, live after it.

    `trained` counts the parameters that get a gradient, in elements: optimisers keep state for those alone. `forward` and
    `backward`: what is live after every node's forward, and after its backward pass, in the order of the nodes.
    """

    moments: list[int]
    saved: int
    after: int
    trained: int
    forward: list[int]
    backward: list[int]


class Record(NamedTuple):
    """What autograd writes down in the forward pass.

    For every value: the value whose storage it lives in, the bytes that it allocates, whether autograd records it (a parameter
    stands before it), and whether a gradient comes back to it. For every node: storages that are kept for its backward, and bytes of
    new tensors that are, None without any. `bursts`: what ops by their number have made for themselves at moments that may be the peak.
    """

    root: list[int]
    sizes: list[int]
    needs: list[bool]
    reached: list[bool]
    keeps: list[tuple[int, ...]]
    extras: list[int | None]
    bursts: list[tuple[int, list[int]]]


def training_memory(graph: Graph, units: Units) -> Training:
    """Live bytes of one training step, from the first op to the last gradient."""
    offset, every = len(graph.inputs), value_bytes(graph, units)
    record = recorded(graph, units, every.copy())
    root, sizes, needs, reached, keeps, extras, bursts = record
    held = keeps if reached == needs else [stores for stores, used in zip(keeps, reached[offset:], strict=True) if used]
    holders = [0] * len(root)
    for stores in held:
        for store in stores:
            holders[store] += 1
    alive = [store for store, count in enumerate(holders) if count]
    frees = freed(graph, record, alive, {} if reached == needs else ends_of_graph(graph, record))
    kept_extras = [extra for extra, used in zip(extras, reached[offset:], strict=True) if used and extra is not None]
    saved = sum([*[sizes[store] for store in alive], *kept_extras])
    for store in {*range(offset), *[root[output] for output in graph.outputs]}:
        holders[store] += 1
    moments, forward, live = [sum(sizes[:offset])], [], sum(sizes[:offset])
    for size, extra, free in zip(sizes[offset:], extras, frees, strict=True):
        live = live + size if extra is None else live + size + extra
        moments.append(live)
        if free is not None:
            live = live - free
        forward.append(live)
    for position, found in bursts:
        before = forward[position - 1] if position else moments[0]
        moments.extend([before + size for size in found])
    back = Backward(graph, units, every, needs, live, moments)
    back.run(keeps, holders, sizes, extras)
    trained = sum(
        [fact.cost.params for fact, used in zip(graph.facts, back.trains(reached[offset:]), strict=True) if used and fact.learned]
    )
    return Training(moments, saved, back.live, trained, forward, back.after)


def recorded(graph: Graph, units: Units, sizes: list[int]) -> Record:
    """What the forward pass leaves behind; `sizes` of views become 0."""
    offset, unit, word, wide = len(graph.inputs), units.item * units.batch, WORD_BYTES * units.batch, units.wide
    root = list(range(len(sizes)))
    needs = [False] * offset
    keeps: list[tuple[int, ...]] = []
    extras: list[int | None] = []
    bursts: list[tuple[int, list[int]]] = []
    for value, (node, fact) in enumerate(zip(graph.nodes, graph.facts, strict=True), offset):
        saved, reads, needed = fact.saved, node.inputs, fact.learned
        if not needed and fact.passes:
            for read in reads:
                needed = needed or needs[read]
        needs.append(needed)
        if saved.view:
            root[value], sizes[value] = root[reads[0]], 0
        if fact.extra is None and not saved.training:
            extras.append(None)
        elif not needed and saved.view == saved.eval_view:  # nobody goes back here, so nothing is kept
            extras.append(None)
            scratch = saved.eval_elements * unit + saved.eval_indices * word
            bursts.append((value - offset, [sizes[value] + scratch, *[units.bytes_of(moment) for moment in saved.inference]]))
        else:
            elements, indices, statistics = fact.extra or (0, 0, 0)
            extra = elements * unit + indices * word + statistics * wide
            extras.append(extra if saved.more is None else extra + units.bytes_of(saved.more))
            if saved.training:
                bursts.append((value - offset, [units.bytes_of(moment) for moment in saved.training]))
        if not needed or fact.keeps == "none":
            keeps.append(())
        else:
            keeps.append((root[reads[0]],) if fact.keeps == "first" else kept(saved, reads, root, value, needs))
    return Record(root, sizes, needs, reached_by_gradient(graph, needs), keeps, extras, bursts)


def kept(saved: Saved, reads: tuple[int, ...], root: list[int], value: int, needs: list[bool]) -> tuple[int, ...]:
    """The storages of values that autograd keeps for the backward pass of the node that makes `value`."""
    if saved.crossed:
        places = [place for place in saved.inputs if any(needs[read] for other, read in enumerate(reads) if other != place)]
    else:
        places = list(saved.inputs)
    return (*([root[value]] if saved.output else []), *[root[reads[place]] for place in places])


def reached_by_gradient(graph: Graph, needs: list[bool]) -> list[bool]:
    """For every value: whether a gradient comes back to it from an output."""
    reached = [False] * len(needs)
    for output in graph.outputs:
        reached[output] = needs[output]
    value = len(needs)
    for node, fact in zip(reversed(graph.nodes), reversed(graph.facts), strict=True):
        value -= 1
        if reached[value] and fact.passes:
            for read in node.inputs:
                reached[read] = needs[read]
    return reached


def ends_of_graph(graph: Graph, record: Record) -> dict[int, int]:
    """For every value that autograd records in vain: the node after which its record goes, with the last value made from it."""
    offset, needs, reached = len(graph.inputs), record.needs, record.reached
    last = [value - offset for value in range(len(needs))]
    for value in range(len(needs) - 1, offset - 1, -1):
        end = last[value] if needs[value] and not reached[value] else value - offset
        for read in graph.nodes[value - offset].inputs:
            last[read] = max(last[read], end)
    return {value: last[value] for value in range(offset, len(needs)) if needs[value] and not reached[value]}


def freed(graph: Graph, record: Record, alive: list[int], ends: dict[int, int]) -> list[int | None]:
    """Bytes that go after every node in the forward pass, None where none do.

    They are those of storages used there for the last time, and not kept, put in or put out. What autograd records in vain goes where
    `ends` says.
    """
    root, sizes, reached, offset = record.root, record.sizes, record.reached, len(graph.inputs)
    last = [-1] * len(root)
    for position, node in enumerate(graph.nodes):
        last[root[offset + position]] = position
        for read in node.inputs:
            last[root[read]] = position
    for value, end in ends.items():
        for store in record.keeps[value - offset]:
            last[store] = max(last[store], end)
    for store in (*range(offset), *alive, *[root[output] for output in graph.outputs]):
        last[store] = -1
    frees: list[int | None] = [None] * len(graph.nodes)
    for store, position in enumerate(last):
        if position >= 0:
            free = frees[position]
            frees[position] = sizes[store] if free is None else free + sizes[store]
    for position, extra in enumerate(record.extras):
        if extra is not None and not reached[offset + position]:
            end = ends.get(offset + position, position)
            free = frees[end]
            frees[end] = extra if free is None else free + extra
    return frees
