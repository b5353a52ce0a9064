"""Bytes that a network holds while it runs, storage by storage.

The rules are those of straight-line code that frees each value after its last use, and of torch's autograd engine
(torch/csrc/autograd: engine.cpp, input_buffer.cpp). The unit is the storage: views alias it, and a value that two ops keep
counts once. Checked against storage-exact tracking of torch, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archsearch.analysis.backward import Backward
from archsearch.genotype import Genotype
from archsearch.ops.base import Saved


class Units(NamedTuple):
    """Bytes of one element, and samples in a batch."""

    item: int
    batch: int


class Memory(NamedTuple):
    """Bytes besides weights and buffers: the largest live set, and what is live after every node."""

    peak: int
    live: list[int]


class Training(NamedTuple):
    """Bytes besides weights, buffers and optimiser state: peak of the step, saved for backward, live after it.

    `trained` counts the parameters that get a gradient, in elements: optimisers keep state for those alone.
    """

    peak: int
    saved: int
    after: int
    trained: int


def inference_memory(genotype: Genotype, units: Units) -> Memory:
    """Largest live set of inference; inputs and outputs are held to the end."""
    unit = units.item * units.batch
    root, sizes = storages(genotype, unit, training=False)
    frees = freed(genotype, root, sizes, set(), {})
    live = sum(sizes[: len(genotype.inputs)])
    peak, offset, timeline = live, len(genotype.inputs), []
    for position, fact in enumerate(genotype.facts):
        saved = fact.saved
        live += sizes[offset + position]
        peak = max(peak, live + saved.eval_elements * unit + saved.eval_indices * 8 * units.batch)
        live -= frees[position]
        timeline.append(live)
    return Memory(peak, timeline)


def storages(genotype: Genotype, unit: int, training: bool) -> tuple[list[int], list[int]]:
    """For every value: the value whose storage it lives in, and the bytes that it allocates."""
    root = list(range(len(genotype.inputs)))
    sizes = [spec.elements * unit for spec in genotype.inputs]
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        saved = fact.saved
        if saved.view if training else saved.eval_view:
            root.append(root[node.inputs[0]])
            sizes.append(0)
        else:
            root.append(len(root))
            sizes.append(fact.elements * unit)
    return root, sizes


def freed(genotype: Genotype, root: list[int], sizes: list[int], kept: set[int], lingering: Mapping[int, int]) -> list[int]:
    """Bytes that go after every node: storages used there for the last time, and not kept, put in or put out.

    `lingering` says of storages after which node something else lets go of them.
    """
    offset = len(genotype.inputs)
    last = [-1] * len(root)
    for position, node in enumerate(genotype.nodes):
        last[root[offset + position]] = position
        for value in node.inputs:
            last[root[value]] = position
    for store, position in lingering.items():
        last[store] = max(last[store], position)
    staying = kept.union(range(offset), [root[i] for i in genotype.outputs])
    frees = [0] * len(genotype.nodes)
    for store, position in enumerate(last):
        if position >= 0 and store not in staying:
            frees[position] += sizes[store]
    return frees


def training_memory(genotype: Genotype, units: Units) -> Training:
    """Peak of one training step, from the first op to the last gradient."""
    offset = len(genotype.inputs)
    root, sizes = storages(genotype, units.item * units.batch, training=True)
    needs = needs_gradient(genotype)
    reached = reached_by_gradient(genotype, needs)
    keeps = kept(genotype, root, needs)
    extras = [extra_bytes(fact.saved, units) for fact in genotype.facts]
    ends = {} if reached == needs else ends_of_graph(genotype, needs, reached)
    held = [stores for stores, used in zip(keeps, reached[offset:], strict=True) if used]
    alive = {store for stores in held for store in stores}
    lingering: dict[int, int] = {}
    for value, end in ends.items():
        lingering.update({store: max(end, lingering.get(store, 0)) for store in keeps[value - offset]})
    frees = freed(genotype, root, sizes, alive, lingering)
    for position, extra in enumerate(extras):
        if extra and not reached[offset + position]:
            frees[ends.get(offset + position, position)] += extra
    peak, live = forward(sizes, offset, frees, extras)
    saved = sum([sizes[store] for store in alive]) + sum([extra for extra, used in zip(extras, reached[offset:], strict=True) if used])
    holders = [0] * len(root)
    for stores in (*held, {*range(offset), *(root[i] for i in genotype.outputs)}):
        for store in stores:
            holders[store] += 1
    back = Backward(genotype, units.item, units.batch, needs, live, peak)
    back.run(keeps, holders, sizes, extras)
    trained = sum([fact.cost.params for fact, used in zip(genotype.facts, reached[offset:], strict=True) if used])
    return Training(back.peak, saved, back.live, trained)


def needs_gradient(genotype: Genotype) -> list[bool]:
    """For every value: whether a parameter stands before it, so that autograd records it."""
    needs = [False] * len(genotype.inputs)
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        needed = fact.cost.params > 0
        if not needed and fact.saved.gradient != "none":
            for read in node.inputs:
                needed = needed or needs[read]
        needs.append(needed)
    return needs


def reached_by_gradient(genotype: Genotype, needs: list[bool]) -> list[bool]:
    """For every value: whether a gradient comes back to it from an output."""
    offset = len(genotype.inputs)
    reached = [False] * len(needs)
    for output in genotype.outputs:
        reached[output] = needs[output]
    for value in range(len(needs) - 1, offset - 1, -1):
        if reached[value]:
            for read in genotype.nodes[value - offset].inputs:
                reached[read] = needs[read]
    return reached


def kept(genotype: Genotype, root: list[int], needs: list[bool]) -> list[tuple[int, ...]]:
    """For every node: the storages of values that autograd keeps for its backward."""
    keeps: list[tuple[int, ...]] = []
    for value, (node, fact) in enumerate(zip(genotype.nodes, genotype.facts, strict=True), len(genotype.inputs)):
        saved = fact.saved
        if not needs[value]:
            keeps.append(())
            continue
        stores = [root[value]] if saved.output else []
        for place in saved.inputs:
            if not saved.crossed or any(needs[read] for other, read in enumerate(node.inputs) if other != place):
                stores.append(root[node.inputs[place]])
        keeps.append(tuple(stores))
    return keeps


def ends_of_graph(genotype: Genotype, needs: list[bool], reached: list[bool]) -> dict[int, int]:
    """For every value that autograd records in vain: the node after which its record goes, with the last value made from it."""
    offset = len(genotype.inputs)
    last = [value - offset for value in range(len(needs))]
    for value in range(len(needs) - 1, offset - 1, -1):
        end = last[value] if needs[value] and not reached[value] else value - offset
        for read in genotype.nodes[value - offset].inputs:
            last[read] = max(last[read], end)
    return {value: last[value] for value in range(offset, len(needs)) if needs[value] and not reached[value]}


def extra_bytes(saved: Saved, units: Units) -> int:
    """Bytes of new tensors that an op keeps for backward."""
    elements = sum([part.elements for part in saved.inner], start=saved.elements) if saved.inner else saved.elements
    return (elements * units.item + saved.indices * 8) * units.batch + saved.statistics * max(4, units.item)


def forward(sizes: list[int], offset: int, frees: list[int], extras: list[int]) -> tuple[int, int]:
    """Peak of the forward pass in training, and what is live after it."""
    live = peak = sum(sizes[:offset])
    for position, extra in enumerate(extras):
        live += sizes[offset + position] + extra
        if live > peak:
            peak = live
        live -= frees[position]
    return peak, live
