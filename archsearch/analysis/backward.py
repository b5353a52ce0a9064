"""The backward pass in bytes: torch's autograd engine, gradient storage by gradient storage."""

from __future__ import annotations

from archsearch.genotype import Genotype
from archsearch.ops.base import Saved


class Backward:
    """The walk back through a step: gradient storages with their bytes and holders, what is live, the peak so far.

    A gradient of a value is a storage and whether it lies there densely: only a dense one with a single holder is added to in place
    when a second gradient arrives, otherwise the sum is a new storage.
    """

    def __init__(self, genotype: Genotype, item: int, batch: int, needs: list[bool], live: int, peak: int) -> None:
        self.genotype, self.needs, self.live, self.peak = genotype, needs, live, peak
        self.item, self.batch, self.unit = item, batch, item * batch
        self.size: list[int] = []
        self.held: list[int] = []
        self.at: list[int | None] = [None] * len(needs)
        self.dense = [True] * len(needs)
        self.source = same_tensors(genotype)
        self.bytes = [spec.elements * self.unit for spec in genotype.inputs] + [fact.elements * self.unit for fact in genotype.facts]

    def run(self, keeps: list[tuple[int, ...]], holders: list[int], sizes: list[int], extras: list[int]) -> None:
        """Go back from the outputs; parameter gradients stay, all else goes once it is used."""
        genotype, offset = self.genotype, len(self.genotype.inputs)
        for output in genotype.outputs:
            if self.needs[output]:
                # The caller holds the gradients of the outputs as well.
                self.arrive(output, self.allocate(self.bytes[output], holders=2), True)
        at, facts = self.at, genotype.facts
        for position in range(len(facts) - 1, -1, -1):
            gradient = at[offset + position]
            if gradient is None:
                continue
            made = self.new_gradients(position, gradient) if facts[position].saved.gradient == "new" else self.handed_on(position, gradient)
            self.live -= extras[position]
            for store in keeps[position]:
                holders[store] -= 1
                if not holders[store]:
                    self.live -= sizes[store]
            for value, store, dense in made:
                self.arrive(value, store, dense)

    def handed_on(self, position: int, gradient: int) -> list[tuple[int, int, bool]]:
        """The gradient itself, or views of it, for each input that needs it: value, storage, dense."""
        node, saved, needs = self.genotype.nodes[position], self.genotype.facts[position].saved, self.needs
        targets = [value for value in node.inputs if needs[value]]
        self.held[gradient] += len(targets) - 1
        dense = self.dense[len(self.genotype.inputs) + position]
        if saved.gradient == "slices":
            dense = dense and (len(node.inputs) == 1 or saved.rows * self.batch == 1)
        return [(value, gradient, dense) for value in targets]

    def new_gradients(self, position: int, gradient: int) -> list[tuple[int, int, bool]]:
        """Gradients in new storages, made while that of the output and what was kept are still there."""
        fact, needs, reads = self.genotype.facts[position], self.needs, self.genotype.nodes[position].inputs
        saved = fact.saved
        self.live += fact.cost.params * self.item
        passed = 0
        if saved.inner:
            gradient, passed = self.through_parts(saved, gradient, fact.cost.params)
        made = []
        for value in reads:  # a loop: for one or two inputs a list comprehension costs more than its work
            if needs[value]:
                made.append((value, self.allocate(self.bytes[value]), True))
        most = self.live + self.stretch(saved, reads, fact.elements) if saved.stretched else self.live
        if most > self.peak:
            self.peak = most
        self.release(gradient)
        self.live += passed
        return made

    def through_parts(self, saved: Saved, gradient: int, params: int) -> tuple[int, int]:
        """Go back to the first part of an op; its gradient, and the bytes of inner values that went on the way."""
        passed, waiting = 0, params
        for part in saved.inner:
            size = part.elements * self.unit
            inner = self.allocate(size)
            waiting -= part.params
            self.peak = max(self.peak, self.live - waiting * self.item)
            self.release(gradient)
            gradient = inner
            self.live -= size
            passed += size
        return gradient, passed

    def stretch(self, saved: Saved, reads: tuple[int, ...], elements: int) -> int:
        """Bytes of gradients that are made at the size of the output, and then summed down one after the other."""
        stretched = [reads[i] for i in saved.stretched if self.needs[reads[i]]]
        return len(stretched) * elements * self.unit - sum(self.bytes[value] for value in stretched[1:])

    def arrive(self, value: int, store: int, dense: bool) -> None:
        """Take in a gradient of a value, adding it to the one that is there."""
        value = self.source[value]
        old = self.at[value]
        if old is None:
            self.at[value], self.dense[value] = store, dense
            return
        if self.held[old] > 1 or not self.dense[value]:
            self.at[value] = self.allocate(self.bytes[value])
            self.dense[value] = True
            if self.live > self.peak:
                self.peak = self.live
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


def same_tensors(genotype: Genotype) -> list[int]:
    """For every value: the value whose very tensor it is, where ops hand on what they get."""
    source = list(range(len(genotype.inputs)))
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        saved = fact.saved
        source.append(source[node.inputs[0]] if saved.view and saved.gradient == "same" else len(source))
    return source
