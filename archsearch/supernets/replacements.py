"""What stands in a network where a chain of nodes stands in another, and the network that holds both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from archsearch.network.genotype import Genotype, Node
from archsearch.ops import Add, Identity
from archsearch.spaces.space import Choices
from archsearch.supernets.base import SupernetError
from archsearch.supernets.supergraph import Option, Supergraph


class Chain(NamedTuple):
    """Nodes one behind the other: the value that comes out, the value that goes in, and the values between and out."""

    end: int
    entry: int
    inside: tuple[int, ...]


class Replacement(NamedTuple):
    """What an option brings: nodes in order, the values of the whole network that they read, and the value that comes out.

    Values from 0 on are those of the whole network, -1 and below the results of the first and later nodes.
    """

    nodes: tuple[Node, ...]
    result: int


def find_replacements(whole: Genotype, made: Genotype, places: tuple[Chain, ...]) -> list[Replacement | None]:
    """For every place what stands there in another network; None for zeros.

    Raises:
        SupernetError: the networks differ elsewhere too.
    """
    pairing = Pairing(whole, made, {chain.end: chain for chain in places})
    pairing.pair_all(list(zip(whole.outputs, made.outputs, strict=True)))
    for chain in sorted(places, reverse=True):
        pairing.enter(chain)
    return [pairing.replacement(chain.end) for chain in places]


@dataclass
class Pairing:
    """Values of one network and their partners in another that differs in places alone."""

    whole: Genotype
    made: Genotype
    places: Mapping[int, Chain]
    partner: dict[int, int] = field(default_factory=dict)
    back: dict[int, int] = field(default_factory=dict)
    at: dict[int, int | None] = field(default_factory=dict)

    def pair_all(self, pairs: list[tuple[int, int]]) -> None:
        """Make partners of pairs of values and of all that they are made from, places left out."""
        while pairs:
            ours, theirs = pairs.pop()
            if ours in self.places:
                if self.at.setdefault(ours, theirs) != theirs:
                    raise SupernetError(f"'{self.whole.value_names[ours]}' has no one place in another network")
            elif ours not in self.partner:
                pairs += self.operands(ours, theirs)

    def operands(self, ours: int, theirs: int) -> list[tuple[int, int]]:
        """Pair two values; what they are made from is to be paired next. Raises SupernetError when they differ."""
        mine, other = node_of(self.whole, ours), node_of(self.made, theirs)
        if mine is not None and isinstance(mine.op, Add):
            rest = [read for read in mine.inputs if read not in self.places]
            given = other.inputs if other is not None and isinstance(other.op, Add) else (theirs,)
            if len(given) == len(rest) < len(mine.inputs):  # a sum without its places, which are gone; of one value nothing is left
                self.at.update(dict.fromkeys(set(mine.inputs) & self.places.keys()))
                self.partner[ours] = theirs
                return list(zip(rest, given, strict=True))
        if (mine is None or other is None) and ours != theirs:
            raise SupernetError(f"'{self.whole.value_names[ours]}' has no partner in another network")
        self.partner[ours], self.back[theirs] = theirs, ours
        if mine is None or other is None:
            return []
        if mine.op != other.op or len(mine.inputs) != len(other.inputs):
            raise SupernetError(f"'{mine.name}' differs in another network")
        return list(zip(mine.inputs, other.inputs, strict=True))

    def enter(self, chain: Chain) -> None:
        """Find the partner of what goes into a chain where nothing else has led there: the first like it below the place."""
        value, mine = self.at.get(chain.end), node_of(self.whole, chain.entry)
        while value is not None and chain.entry not in self.partner and chain.entry not in self.places:
            node = node_of(self.made, value)
            if (mine is None and node is None) or (mine is not None and node is not None and mine.op == node.op):
                self.pair_all([(chain.entry, value)])
                return
            value = node.inputs[0] if node is not None and node.inputs else None

    def replacement(self, end: int) -> Replacement | None:
        """What stands at a place."""
        result = self.at.get(end)
        if result is None or (node_of(self.made, result) or Node(Add(), (), "")).op.is_zero:
            return None
        known = {**{theirs: ours for ours, theirs in self.at.items() if theirs is not None and ours != end}, **self.back}
        found: dict[int, int] = {}
        nodes: list[Node] = []
        waiting = [result]
        while waiting:
            value = waiting[-1]
            node = node_of(self.made, value)
            lacking = [] if value in known or node is None else [i for i in node.inputs if i not in known and i not in found]
            if value in known or value in found or not lacking:
                waiting.pop()
                if value not in known and value not in found and node is not None:
                    nodes.append(node._replace(inputs=tuple(known[i] if i in known else found[i] for i in node.inputs)))
                    found[value] = -len(nodes)
            waiting += lacking
        return Replacement(tuple(nodes), known[result] if result in known else found[result])


def node_of(genotype: Genotype, value: int) -> Node | None:
    """The node that makes a value; None for an input."""
    return genotype.nodes[value - len(genotype.inputs)] if value >= len(genotype.inputs) else None


@dataclass
class Union:
    """The network of the base choices with all options beside each other at every place."""

    whole: Genotype
    base: Choices
    places: Mapping[str, tuple[Chain, ...]]
    others: Mapping[Option, Mapping[int, Replacement]]
    nodes: list[Node] = field(default_factory=list)
    switches: dict[Option, list[str]] = field(default_factory=dict)

    def supergraph(self) -> Supergraph:
        """The supergraph, unchecked. Raises SupernetError when two choices have one place, or an option reads what is made behind it."""
        owner: dict[int, str] = {}
        for name, chains in self.places.items():
            for chain in chains:
                if owner.setdefault(chain.end, name) != name:
                    raise SupernetError(f"choices {owner[chain.end]!r} and {name!r} are about one op; a supernet cannot hold both")
        offset = len(self.whole.inputs)
        moved = list(range(offset))
        for value, node in enumerate(self.whole.nodes, offset):
            self.nodes.append(node._replace(inputs=tuple(moved[i] for i in node.inputs)))
            moved.append(offset + len(self.nodes) - 1)
            if value in owner:
                moved[value] = self.joined(value, owner[value], moved)
        outputs = tuple(moved[output] for output in self.whole.outputs)
        genotype = Genotype(self.whole.inputs, tuple(self.nodes), outputs)
        skips = frozenset(option for option, found in self.others.items() if all(not replacement.nodes for replacement in found.values()))
        return Supergraph(genotype, {option: tuple(names) for option, names in self.switches.items()}, spreads=False, skips=skips)

    def joined(self, value: int, choice: str, moved: list[int]) -> int:
        """The sum of all that the options of a choice bring to a place, each behind a switch."""
        name = self.whole.value_names[value]
        results = [self.switch(name, (choice, self.base[choice]), moved[value])]
        for option, found in self.others.items():
            if option[0] != choice or value not in found:
                continue
            own: list[int] = []
            for node in found[value].nodes:
                reads = tuple(self.read(i, value, moved, own) for i in node.inputs)
                own.append(self.add(node._replace(inputs=reads, name=f"{name}_{slug(option)}_{node.name.rpartition('/')[2]}")))
            results.append(self.switch(name, option, self.read(found[value].result, value, moved, own)))
        return self.add(Node(Add(), tuple(results), f"{name}_mix"))

    def read(self, value: int, place: int, moved: list[int], own: list[int]) -> int:
        """A value of what an option brings, here. Raises SupernetError when it is made behind the place."""
        if value >= place:
            raise SupernetError(f"an option at '{self.whole.value_names[place]}' reads what is made behind it")
        return own[-value - 1] if value < 0 else moved[value]

    def switch(self, name: str, option: Option, value: int) -> int:
        """A switch behind a value."""
        self.switches.setdefault(option, []).append(f"{name}_{slug(option)}_switch")
        return self.add(Node(Identity(), (value,), self.switches[option][-1]))

    def add(self, node: Node) -> int:
        """Add a node; its value."""
        self.nodes.append(node)
        return len(self.whole.inputs) + len(self.nodes) - 1


def slug(option: Option) -> str:
    """An option as a part of a name."""
    return re.sub(r"\W", "_", str(option[1]))
