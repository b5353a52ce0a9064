"""Bytes that a network holds while it runs, storage by storage.

The rules are those of straight-line code that frees each value after its last use, and of torch's autograd engine
(torch/csrc/autograd: engine.cpp, input_buffer.cpp). The unit is the storage: views alias it, and a value that two ops keep
counts once. Checked against storage-exact tracking on the meta device.
"""

from __future__ import annotations

from typing import NamedTuple

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
    """Bytes besides weights, buffers and optimiser state: peak of the step, saved for backward, live after it."""

    peak: int
    saved: int
    after: int


def inference_memory(genotype: Genotype, units: Units) -> Memory:
    """Largest live set of inference; inputs and outputs are held to the end."""
    unit = units.item * units.batch
    root, sizes = storages(genotype, unit, training=False)
    frees = freed(genotype, root, sizes, set())
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


def freed(genotype: Genotype, root: list[int], sizes: list[int], kept: set[int]) -> list[int]:
    """Bytes that can go after every node: storages read there for the last time, and not kept, put in or put out."""
    offset = len(genotype.inputs)
    done = kept | set(range(offset)) | {root[i] for i in genotype.outputs}
    frees = [0] * len(genotype.nodes)
    for position in range(len(genotype.nodes) - 1, -1, -1):
        for value in (offset + position, *genotype.nodes[position].inputs):
            store = root[value]
            if store not in done:
                done.add(store)
                frees[position] += sizes[store]
    return frees


def training_memory(genotype: Genotype, units: Units) -> Training:
    """Peak of one training step, from the first op to the last gradient."""
    root, sizes = storages(genotype, units.item * units.batch, training=True)
    needs = needs_gradient(genotype)
    reached = reached_by_gradient(genotype, needs)
    keeps = kept(genotype, root, needs, reached)
    holders = [0] * len(root)
    for stores in keeps:
        for store in stores:
            holders[store] += 1
    alive = {store for store, count in enumerate(holders) if count}
    extras = [extra_bytes(fact.saved, units) for fact in genotype.facts]
    offset = len(genotype.inputs)
    saved = sum([sizes[store] for store in alive]) + sum([extra for extra, used in zip(extras, reached[offset:], strict=True) if used])
    peak, live = forward(genotype, sizes, freed(genotype, root, sizes, alive), extras, reached)
    for store in {*range(offset), *(root[i] for i in genotype.outputs)}:
        holders[store] += 1
    back = _Backward(genotype, units, live, peak)
    back.run(needs, keeps, holders, sizes, extras)
    return Training(back.peak, saved, back.live)


def needs_gradient(genotype: Genotype) -> list[bool]:
    """For every value: whether a parameter stands before it, so that autograd records it."""
    needs = [False] * len(genotype.inputs)
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        if fact.cost.params:
            needs.append(True)
        elif fact.saved.gradient == "none":
            needs.append(False)
        else:
            needs.append(any([needs[i] for i in node.inputs]))
    return needs


def reached_by_gradient(genotype: Genotype, needs: list[bool]) -> list[bool]:
    """For every value: whether a gradient comes back to it from an output."""
    offset = len(genotype.inputs)
    reached = [False] * len(needs)
    for output in genotype.outputs:
        reached[output] = needs[output]
    for value in range(len(needs) - 1, offset - 1, -1):
        if reached[value] and genotype.facts[value - offset].saved.gradient != "none":
            for read in genotype.nodes[value - offset].inputs:
                reached[read] = needs[read]
    return reached


def kept(genotype: Genotype, root: list[int], needs: list[bool], reached: list[bool]) -> list[tuple[int, ...]]:
    """For every node: the storages of values that autograd keeps for its backward."""
    keeps: list[tuple[int, ...]] = []
    for value, (node, fact) in enumerate(zip(genotype.nodes, genotype.facts, strict=True), len(genotype.inputs)):
        saved = fact.saved
        if not reached[value]:
            keeps.append(())
        elif saved.crossed:
            others = {i for i in saved.inputs for j, read in enumerate(node.inputs) if j != i and needs[read]}
            keeps.append(tuple([root[node.inputs[i]] for i in others]))
        elif saved.output:
            keeps.append((root[value], *[root[node.inputs[i]] for i in saved.inputs]))
        else:
            keeps.append(tuple([root[node.inputs[i]] for i in saved.inputs]))
    return keeps


def extra_bytes(saved: Saved, units: Units) -> int:
    """Bytes of new tensors that an op keeps for backward."""
    return (saved.elements * units.item + saved.indices * 8) * units.batch + saved.statistics * 4


def forward(genotype: Genotype, sizes: list[int], frees: list[int], extras: list[int], reached: list[bool]) -> tuple[int, int]:
    """Peak of the forward pass in training, and what is live after it."""
    offset = len(genotype.inputs)
    live = peak = sum(sizes[:offset])
    for position, extra in enumerate(extras):
        live += sizes[offset + position] + extra
        if live > peak:
            peak = live
        live -= frees[position] if reached[offset + position] else frees[position] + extra
    return peak, live


class _Backward:
    """The walk back through a step: gradient storages with their bytes and holders, what is live, the peak so far.

    A gradient of a value is a storage and whether it lies there densely: only a dense one with a single holder is added to in place
    when a second gradient arrives, otherwise the sum is a new storage.
    """

    def __init__(self, genotype: Genotype, units: Units, live: int, peak: int) -> None:
        self.genotype, self.units, self.live, self.peak = genotype, units, live, peak
        self.unit = units.item * units.batch
        self.size: list[int] = []
        self.held: list[int] = []
        self.at: list[int | None] = [None] * (len(genotype.inputs) + len(genotype.nodes))
        self.dense = [True] * len(self.at)

    def run(self, needs: list[bool], keeps: list[tuple[int, ...]], holders: list[int], sizes: list[int], extras: list[int]) -> None:
        """Go back from the outputs; parameter gradients stay, all else goes once it is used."""
        genotype, offset = self.genotype, len(self.genotype.inputs)
        for output in genotype.outputs:
            if needs[output]:
                # The caller holds the gradients of the outputs as well.
                self.arrive(output, self.allocate(genotype.specs[output].elements * self.unit, holders=2), True)
        for position in range(len(genotype.nodes) - 1, -1, -1):
            gradient = self.at[offset + position]
            if gradient is None:
                continue
            self.at[offset + position] = None
            made = self.gradients(position, gradient, needs)
            self.release(gradient)
            self.live -= extras[position]
            for store in keeps[position]:
                holders[store] -= 1
                if not holders[store]:
                    self.live -= sizes[store]
            for value, store, dense in made:
                self.arrive(value, store, dense)

    def gradients(self, position: int, gradient: int, needs: list[bool]) -> list[tuple[int, int, bool]]:
        """What one node sends to each input that needs it: value, storage, dense."""
        node, fact = self.genotype.nodes[position], self.genotype.facts[position]
        how, targets = fact.saved.gradient, [value for value in node.inputs if needs[value]]
        if how == "none":
            return []
        if how == "new":
            self.live += fact.cost.params * self.units.item
            specs, unit = self.genotype.specs, self.unit
            made = [(value, self.allocate(specs[value].elements * unit), True) for value in targets]
            self.peak = max(self.peak, self.live, self.live + fact.saved.backward_elements * unit)
            return made
        self.held[gradient] += len(targets)
        dense = self.dense[len(self.genotype.inputs) + position] and (how != "slices" or self.units.batch == 1)
        return [(value, gradient, dense) for value in targets]

    def arrive(self, value: int, store: int, dense: bool) -> None:
        """Take in a gradient of a value, adding it to the one that is there."""
        old = self.at[value]
        if old is None:
            self.at[value], self.dense[value] = store, dense
            return
        if self.held[old] > 1 or not self.dense[value]:
            self.at[value] = self.allocate(self.genotype.specs[value].elements * self.unit)
            self.dense[value] = True
            self.peak = max(self.peak, self.live)
            self.release(old)
        self.release(store)

    def allocate(self, size: int, holders: int = 1) -> int:
        """A new gradient storage."""
        self.size.append(size)
        self.held.append(holders)
        self.live += size
        return len(self.size) - 1

    def release(self, store: int) -> None:
        """Let go of a gradient storage once."""
        self.held[store] -= 1
        if not self.held[store]:
            self.live -= self.size[store]
