"""Write a genotype node by node, with scopes for names."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.genotype import MAX_PARTS, Genotype, GenotypeError, Node, is_word, reason
from archsearch.genotype_json import input_names
from archsearch.ops.base import Facts, Op, facts
from archsearch.tensor import TensorSpec

Shape = tuple[int, ...]
new = tuple.__new__  # a node and a value are made for every op: this is twice as fast as calling their classes


class Value(NamedTuple):
    """What an edge carries: its number in the genotype, and its shape."""

    number: int
    spec: TensorSpec

    @property
    def shape(self) -> Shape:
        """Shape of one sample."""
        return self.spec.shape

    @property
    def channels(self) -> int:
        """Length of the first axis."""
        return self.spec.shape[0]


class Builder:
    """Builds a genotype: `x = b(Conv2d(16), b.input)`, and at the end `b.genotype(x)`.

    A node without a given name is called by its op's kind, numbered within its scope from the second on.

    Raises:
        GenotypeError: an op does not take the shapes it is given; the message names the node.
    """

    def __init__(self, *inputs: Shape) -> None:
        self.inputs = tuple(Value(i, TensorSpec(tuple(shape))) for i, shape in enumerate(inputs))
        self._nodes: list[Node] = []
        self._facts: list[Facts] = []
        self._scope = ""
        self._taken = set(input_names(len(inputs)))
        self._count: dict[str, int] = {}
        self._next = len(inputs)
        self._named = True
        self._seen: dict[int, tuple[Op, TensorSpec, Facts]] = {}

    @property
    def input(self) -> Value:
        """The first input."""
        return self.inputs[0]

    def scope(self, name: str) -> Scope:
        """Put the nodes made inside under `name/`; a name that is taken gets a number."""
        return Scope(self, name)

    def __call__(self, op: Op, *inputs: Value, name: str | None = None) -> Value:
        """Add a node and return the value that it makes."""
        full = self._named_anew(name or op.kind)
        number = self._next
        reads: tuple[int, ...]
        specs: tuple[TensorSpec, ...]
        if len(inputs) == 1:
            read, spec = inputs[0]
            reads, specs, latest = (read,), (spec,), read
            seen = self._seen.get(id(op))
            fact = seen[2] if seen is not None and seen[1] is spec else None
        else:
            reads, specs = zip(*inputs, strict=True) if inputs else ((), ())
            latest, fact = max(reads, default=-1), None
        if latest >= number:
            raise GenotypeError(f"node '{full}' reads a value of another builder; use values of this one")
        if fact is None:
            try:
                fact = facts(op, specs)
            except (ValueError, TypeError) as error:
                raise GenotypeError(f"node '{full}': {reason(error, op, len(specs))}") from error
            if len(specs) == 1:  # the same op again, as in a cell that repeats, is found without hashing its fields
                self._seen[id(op)] = (op, spec, fact)
        self._nodes.append(new(Node, (op, reads, full)))
        self._facts.append(fact)
        self._next = number + 1
        return new(Value, (number, fact[0]))

    def genotype(self, *outputs: Value) -> Genotype:
        """The finished genotype with these outputs."""
        specs, reads = tuple(value.spec for value in self.inputs), tuple(value.number for value in outputs)
        return Genotype(specs, tuple(self._nodes), reads, tuple(self._facts), self._named)

    def _named_anew(self, part: str) -> str:
        """The part within the scope that is open, numbered when it is taken."""
        if not is_word(part):
            self._named = False  # the genotype looks at all names then
        full = self._scope + part
        taken = self._taken
        if full in taken:
            count = self._count.get(full, 0) + 1
            while (numbered := f"{full}_{count}") in taken:
                count += 1
            self._count[full] = count
            full = numbered
        taken.add(full)
        return full


class Scope:
    """`with b.scope(name):`."""

    __slots__ = ("_builder", "_name", "_outer")

    def __init__(self, builder: Builder, name: str) -> None:
        self._builder, self._name = builder, name

    def __enter__(self) -> None:
        builder = self._builder
        self._outer = builder._scope
        full = builder._named_anew(self._name)
        if full.count("/") + 1 >= MAX_PARTS:
            builder._named = False
        builder._scope = full + "/"

    def __exit__(self, *error: object) -> None:
        self._builder._scope = self._outer
