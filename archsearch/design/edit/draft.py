"""A network while it is edited: nodes that can be changed one by one, and what each read before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from archsearch.design.edit.widths import Specs
from archsearch.network.genotype import Genotype, GenotypeError, Node, is_name, scopes_of
from archsearch.network.node import apart, bound, unbound
from archsearch.network.text_form.names import did_you_mean
from archsearch.ops.base import Facts, Op


class EditError(GenotypeError):
    """An edit that cannot be made; the message names the node and says what to do."""


class Part:
    """One node of a draft: its op as given, the values it reads, the shapes those had before, the fields that edits set.

    `made` is the op that the finished network has: as given, or with groups or a cut that follow its input. `fact` holds at the
    shapes `seen`. No repair changes what is `given`; no other edit changes what is `said`: fields that edits have written out.
    `held` is the same for nodes that have weights in common.
    """

    __slots__ = ("fact", "given", "held", "made", "name", "op", "reads", "said", "seen", "was")

    def __init__(self, op: Op, reads: list[int], name: str, was: Specs = (), fact: Facts | None = None) -> None:
        self.op = self.made = op
        self.reads, self.name = reads, name
        self.was = self.seen = was
        self.fact = fact
        self.held = ""
        self.given: frozenset[str] = frozenset()
        self.said: frozenset[str] = frozenset()

    def change(self, op: Op, given: Iterable[str], said: Iterable[str] | None = None) -> None:
        """Give the node another op, of which these fields are to stay."""
        self.op, self.fact = op, None
        self.given |= frozenset(given)
        self.said = self.said if said is None else frozenset(said)


class Draft:
    """The values of a network by number, those of its inputs first; new ones get numbers of their own, `order` says where they stand."""

    def __init__(self, genotype: Genotype) -> None:
        specs, first = genotype.specs, len(genotype.inputs)
        self.inputs = genotype.inputs
        self.outputs = list(genotype.outputs)
        self._input_names = genotype.input_names
        self.parts = {
            value: Part(node.op, [*node.inputs], node.name, tuple([specs[i] for i in node.inputs]), fact)
            for value, (node, fact) in enumerate(zip(genotype.nodes, apart(genotype.facts, genotype.holders), strict=True), first)
        }
        for part, node in zip(self.parts.values(), bound(genotype.nodes), strict=True):
            part.held = node.weights
        self.order = list(self.parts)
        self.values = {name: value for value, name in enumerate(genotype.value_names)}
        self._scopes = {scope for around in {node.scope for node in genotype.nodes} - {""} for scope in scopes_of(around)}
        self._next = len(specs)

    def name(self, value: int) -> str:
        """Name of a value."""
        return self.parts[value].name if value in self.parts else self._input_names[value]

    def find(self, name: str) -> int:
        """The value of that name. Raises EditError."""
        found = self.values.get(name.removeprefix("/"))
        if found is not None:
            return found
        if inside := self.inside(name):
            raise EditError(f"'{name}' is a scope of {len(inside)} nodes; name one of them, such as '{self.name(inside[0])}'")
        fix = did_you_mean(name, self.values) or f"; names are full ones, such as '{self.name(self.order[-1] if self.order else 0)}'"
        raise EditError(f"no value is called {name[:100]!r}{fix}")

    def node(self, name: str) -> int:
        """The node of that name. Raises EditError."""
        found = self.find(name)
        if found not in self.parts:
            raise EditError(f"'{name}' is an input of the network and has no op; name a node")
        return found

    def together(self, value: int) -> list[int]:
        """The node, and those that have weights in common with it: one module, so that they change together."""
        held = self.parts[value].held
        return [other for other, part in self.parts.items() if part.held == held] if held else [value]

    def inside(self, scope: str) -> list[int]:
        """The nodes of a scope, in order."""
        prefix = scope.removeprefix("/") + "/"
        return [value for value in self.order if self.parts[value].name.startswith(prefix)]

    def add(self, part: Part, place: int) -> int:
        """Put a new node at a place in the order; the number of the value that it makes."""
        value, self._next = self._next, self._next + 1
        self.parts[value] = part
        self.values[part.name] = value
        self.order.insert(place, value)
        return value

    def reroute(self, old: int, new: int, readers: Iterable[int] | None = None) -> None:
        """Let nodes read another value; without `readers` all that read the old one, and the outputs."""
        for value in self.parts if readers is None else readers:
            part = self.parts[value]
            if old in part.reads and value != new:
                part.reads = [new if read == old else read for read in part.reads]
        if readers is None:
            self.outputs = [new if read == old else read for read in self.outputs]

    def rename(self, names: Mapping[int, str]) -> None:
        """Give nodes other names. Raises EditError where one is malformed or taken."""
        for value in names:
            del self.values[self.parts[value].name]
        for value, name in names.items():
            if not is_name(name) or name in self.values:
                self.check_free(name)
            self.parts[value].name = name
            self.values[name] = value

    def place(self, value: int) -> int:
        """Where a value's node stands in the order, -1 for an input."""
        return self.order.index(value) if value in self.parts else -1

    def drop(self, values: Iterable[int]) -> None:
        """Take nodes out."""
        gone = set(values)
        for value in gone:
            del self.values[self.parts.pop(value).name]
        self.order = [value for value in self.order if value not in gone]

    def check_free(self, name: str) -> None:
        """Raise EditError for a name that is malformed or taken."""
        if not is_name(name):
            raise EditError(f"{name[:100]!r} is no name: letters, digits and _ (at most 100), at most 19 scopes parted by /")
        if name in self.values or self.inside(name):
            raise EditError(f"there is a {'value' if name in self.values else 'scope'} called '{name}' already; choose another name")

    def free_name(self, scope: str, word: str) -> str:
        """A name in a scope that nothing has yet: the word, or word_1 and so on."""
        name = full = f"{scope}/{word}" if scope else word
        count = 0
        while full in self.values or full in self._scopes:
            count += 1
            full = f"{name}_{count}"
        return full

    def readers(self) -> Counter[int]:
        """How many nodes and outputs read each value."""
        count = Counter(self.outputs)
        for part in self.parts.values():
            count.update(part.reads)
        return count

    def finish(self, facts: list[Facts]) -> Genotype:
        """The genotype of these nodes, their facts worked out. Raises EditError for names that clash."""
        place = {value: value for value in range(len(self.inputs))}
        nodes = []
        for value in self.order:
            part = self.parts[value]
            nodes.append(Node(part.made, tuple([place[i] for i in part.reads]), part.name, part.held))
            place[value] = len(place)
        try:
            return Genotype(self.inputs, tuple(unbound(nodes)), tuple([place[i] for i in self.outputs]), tuple(facts))
        except GenotypeError as error:
            raise EditError(str(error)) from error
