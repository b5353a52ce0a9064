"""The backward pass in bytes: torch's autograd engine, gradient storage by gradient storage."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.analysis.memory import Graph, Units
from archsearch.network.node import holders
from archsearch.ops.base import Saved

BLOCKS, ROWS, TURNED, VIEWED, EVEN = range(5)
"""How a gradient lies: with gaps between samples, between rows, without any but its axes in another order, or row by row, as a view
of another tensor or as one of its own."""
LIES = {"whole": EVEN, "view": VIEWED, "turned": TURNED}


class Backward:
    """The walk back through a step: gradient storages with their bytes and holders, what is live, moments that may be the peak.

    A gradient of a value is a storage and how it lies there: only one that is no view and has a single holder is added to in place
    when a second gradient arrives, otherwise the sum is a new storage. `bytes` is the size of every value.
    """

    def __init__(self, graph: Graph, units: Units, every: list[int], needs: list[bool], live: int, moments: list[int]) -> None:
        self.graph, self.bytes, self.needs, self.live, self.moments = graph, every, needs, live, moments
        self.units = units
        self.item, self.batch, self.unit = units.item, units.batch, units.item * units.batch
        self.size: list[int] = []
        self.held: list[int] = []
        self.at: list[int | None] = [None] * len(needs)
        self.lies = [EVEN] * len(needs)
        self.waiting: int | None = None
        self.added: list[int] = []
        self.source = same_tensors(graph)
        self.after = [0] * len(graph.nodes)
        self.params = [fact.cost.params for fact in graph.facts]
        self.holders = holders(graph.nodes)
        for user, holder in self.holders.items():
            self.params[user] = self.params[holder]
        self.arrived: set[int] = set()

    def run(self, keeps: list[tuple[int, ...]], holders: list[int], sizes: list[int], extras: list[int | None]) -> None:
        """Go back from the outputs; parameter gradients stay, all else goes once it is used."""
        graph, at, after, source, lies = self.graph, self.at, self.after, self.source, self.lies
        self.begin()
        value = len(at)
        for position in range(len(after) - 1, -1, -1):
            value -= 1
            gradient = at[value]
            if gradient is not None:
                fact = graph.facts[position]
                if fact.straight and lies[value] == EVEN:
                    made = self.new_gradients(graph.nodes[position].inputs, gradient, self.params[position] if fact.learned else None)
                else:
                    dropped = sum([sizes[store] for store in keeps[position] if holders[store] == 1]) if fact.saved.backward else 0
                    made = self.special(position, gradient, dropped)
                live = self.live
                if self.holders and fact.learned:
                    live = live - self.joined(position)
                extra = extras[position]
                if extra is not None:
                    live = live - extra
                for store in keeps[position]:
                    holders[store] -= 1
                    if not holders[store]:
                        live = live - sizes[store]
                self.live = live
                for read, store, lie in made:
                    target = source[read]
                    if at[target] is None:  # the first gradient to come; the most frequent case, so without a call
                        at[target], lies[target] = store, lie
                    else:
                        self.add(target, store)
                if self.added:
                    self.let_go()
                self.waiting = None
            after[position] = self.live

    def begin(self) -> None:
        """Take in the gradients of the outputs."""
        for output in self.graph.outputs:
            if self.needs[output]:
                # The caller holds the gradients of the outputs as well.
                target, store = self.source[output], self.allocate(self.bytes[output], holders=2)
                if self.at[target] is None:
                    self.at[target] = store
                else:
                    self.add(target, store)
        self.let_go()
        self.moments.append(self.live)

    def joined(self, position: int) -> int:
        """Bytes of the weights' gradients that go because they are added to those of a later node with the same weights."""
        holder = self.holders.get(position, position)
        if holder not in self.arrived:
            self.arrived.add(holder)
            return 0
        size = self.params[position] * self.item
        if self.graph.facts[position].saved.anew:
            self.moments.append(self.live + size)
        return size

    def trains(self, reached: Sequence[bool]) -> list[bool]:
        """For every node whether its weights get a gradient, from itself or from one that uses them, given which nodes get one."""
        found = list(reached)
        for user, holder in self.holders.items():
            found[holder] = found[holder] or reached[user]
        return found

    def new_gradients(self, reads: tuple[int, ...], gradient: int, params: int | None) -> list[tuple[int, int, int]]:
        """Gradients in new storages, made while that of the output and what was kept are still there."""
        size, held = self.size, self.held
        live = self.live if params is None else self.live + params * self.item
        made = []
        for read in reads:
            if self.needs[read]:
                made.append((read, len(size), EVEN))
                size.append(self.bytes[read])
                held.append(1)
                live = live + self.bytes[read]
        self.moments.append(live)
        held[gradient] -= 1
        self.live = live if held[gradient] else live - size[gradient]
        return made

    def special(self, position: int, gradient: int, kept: int) -> list[tuple[int, int, int]]:
        """The same where gradients are handed on, pass several parts, or are made in a way of their own; `kept`: bytes that go here."""
        fact, reads, value = self.graph.facts[position], self.graph.nodes[position].inputs, len(self.graph.inputs) + position
        saved = fact.saved
        if saved.joins and self.batch > 1 and self.lies[value] in (BLOCKS, TURNED):
            gradient = self.copied(gradient, value)
        if saved.waiting is not None:
            self.waiting = self.units.bytes_of(saved.waiting)
        if saved.backward:
            return self.by_itself(position, gradient, kept)
        if fact.learned:
            self.live = self.live + self.params[position] * self.item
        if saved.gradient != "new":
            if fact.learned:
                self.moments.append(self.live)
            return self.handed_on(saved, reads, gradient, value)
        gradient, passed = self.through_parts(saved, gradient, self.params[position])
        made = [(read, self.allocate(self.bytes[read]), LIES[saved.handed]) for read in reads if self.needs[read]]
        self.moments.append(self.live + self.stretch(saved, reads, fact.elements))
        self.release(gradient)
        self.live = self.live + passed
        return made

    def copied(self, gradient: int, value: int) -> int:
        """The gradient of a value, copied so that it lies row by row."""
        copy = self.allocate(self.bytes[value])
        self.moments.append(self.live)
        self.release(gradient)
        return copy

    def by_itself(self, position: int, gradient: int, kept: int) -> list[tuple[int, int, int]]:
        """New gradients of an op that states all that it makes on the way."""
        fact, reads = self.graph.facts[position], self.graph.nodes[position].inputs
        saved, targets = fact.saved, [read for read in reads if self.needs[read]]
        alone = self.size[gradient] if self.held[gradient] == 1 else 0
        stated = saved.backward if targets else saved.front
        self.moments.extend([self.live + self.units.bytes_of(moment, alone, kept) for moment in stated])
        self.live = self.live + self.params[position] * self.item
        spread = saved.spread * self.unit if saved.spread else 0
        lie = min(LIES[saved.handed], EVEN if not saved.spread else VIEWED if self.batch == 1 else BLOCKS)
        made = [(read, self.allocate(spread or self.bytes[read]), lie) for read in targets]
        self.release(gradient)
        return made

    def handed_on(self, saved: Saved, reads: tuple[int, ...], gradient: int, value: int) -> list[tuple[int, int, int]]:
        """The gradient itself, or views of it, for each input that needs it: value, storage, how it lies."""
        targets = [read for read in reads if self.needs[read] and saved.gradient != "none"]
        self.held[gradient] += len(targets)
        self.release(gradient)
        lie = self.lies[value]
        if saved.gradient == "slices" and not ((len(reads) == 1 and not saved.beside) or saved.rows * self.batch == 1):
            lie = BLOCKS if saved.rows == 1 else ROWS
        if saved.gradient != "same":
            lie = min(lie, TURNED if saved.gradient == "turned" else VIEWED)
        return [(read, gradient, lie) for read in targets]

    def through_parts(self, saved: Saved, gradient: int, params: int) -> tuple[int, int]:
        """Go back to the first part of an op; its gradient, and the bytes of inner values that went on the way."""
        passed, waiting = 0, params
        for part in saved.inner:
            size = part.elements * self.unit
            inner = self.allocate(size)
            waiting = waiting - part.params
            self.moments.append(self.live - waiting * self.item)
            self.release(gradient)
            gradient = inner
            self.live = self.live - size
            passed = passed + size
        return gradient, passed

    def stretch(self, saved: Saved, reads: tuple[int, ...], elements: int) -> int:
        """Bytes of gradients that are made at the size of the output, and then summed down one after the other."""
        stretched = [reads[i] for i in saved.stretched if self.needs[reads[i]]]
        return len(stretched) * elements * self.unit - sum([self.bytes[read] for read in stretched[1:]])

    def add(self, value: int, store: int) -> None:
        """Take in one more gradient of a value, adding it to the one that is there."""
        old, held, live = self.at[value], self.held, self.live
        assert old is not None
        if held[old] > 1 or self.lies[value] < EVEN:
            self.at[value], self.lies[value] = len(held), EVEN
            self.size.append(self.bytes[value])
            held.append(1)
            live = live + self.bytes[value]
            self.moments.append(live if self.waiting is None else live + self.waiting)
            held[old] -= 1
            if not held[old]:
                live = live - self.size[old]
        self.live = live
        self.added.append(store)

    def let_go(self) -> None:
        """The engine holds all gradients that a node has made, added ones too, until the last of them has arrived."""
        for store in self.added:
            self.release(store)
        self.added.clear()

    def allocate(self, size: int, holders: int = 1) -> int:
        """A new gradient storage."""
        self.size.append(size)
        self.held.append(holders)
        self.live = self.live + size
        return len(self.size) - 1

    def release(self, store: int) -> None:
        """Let go of a gradient storage once."""
        self.held[store] -= 1
        if not self.held[store]:
            self.live = self.live - self.size[store]


def same_tensors(graph: Graph) -> list[int]:
    """For every value: the value whose very tensor it is, where ops hand on what they get."""
    offset = len(graph.inputs)
    source = list(range(offset + len(graph.nodes)))
    for value, fact in enumerate(graph.facts, offset):
        if not fact.straight and fact.saved.view and fact.saved.gradient == "same":
            source[value] = source[graph.nodes[value - offset].inputs[0]]
    return source
