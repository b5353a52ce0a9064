"""Write a genotype node by node, with scopes for names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from archsearch.genotype import Genotype, GenotypeError, Node, reason
from archsearch.genotype_json import input_names
from archsearch.ops.base import Facts, Op, facts
from archsearch.tensor import TensorSpec

Shape = tuple[int, ...]


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

    @property
    def input(self) -> Value:
        """The first input."""
        return self.inputs[0]

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put the nodes made inside under `name/`; a name that is taken gets a number."""
        outer, full = self._scope, self._scope + name
        if full in self._taken:
            full = self._numbered(full)
        self._taken.add(full)
        self._scope = full + "/"
        try:
            yield
        finally:
            self._scope = outer

    def __call__(self, op: Op, *inputs: Value, name: str | None = None) -> Value:
        """Add a node and return the value that it makes."""
        full = self._scope + (name or op.kind)
        if full in self._taken:
            full = self._numbered(full)
        self._taken.add(full)
        reads, specs = zip(*inputs, strict=True) if inputs else ((), ())
        if inputs and max(reads) >= self._next:
            raise GenotypeError(f"node '{full}' reads a value of another builder; use values of this one")
        try:
            fact = facts(op, specs)
        except (ValueError, TypeError) as error:
            raise GenotypeError(f"node '{full}': {reason(error, op, len(inputs))}") from error
        self._nodes.append(Node(op, reads, full))
        self._facts.append(fact)
        self._next += 1
        return Value(self._next - 1, fact.spec)

    def genotype(self, *outputs: Value) -> Genotype:
        """The finished genotype with these outputs."""
        specs, reads = tuple(value.spec for value in self.inputs), tuple(value.number for value in outputs)
        return Genotype(specs, tuple(self._nodes), reads, tuple(self._facts))

    def _numbered(self, name: str) -> str:
        count = self._count.get(name, 0) + 1
        while (numbered := f"{name}_{count}") in self._taken:
            count += 1
        self._count[name] = count
        return numbered
