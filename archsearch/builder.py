"""Write a genotype node by node, with scopes for names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from archsearch.genotype import Genotype, GenotypeError, Node, node_facts
from archsearch.genotype_json import input_names
from archsearch.ops.base import Facts, Op
from archsearch.tensor import TensorSpec

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What an edge carries: its number in the genotype, and its shape."""

    index: int
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

    @property
    def input(self) -> Value:
        """The first input."""
        return self.inputs[0]

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put the nodes made inside under `name/`; a name that is taken gets a number."""
        outer = self._scope
        self._scope = self._unique(outer + name) + "/"
        try:
            yield
        finally:
            self._scope = outer

    def __call__(self, op: Op, *inputs: Value, name: str | None = None) -> Value:
        """Add a node and return the value that it makes."""
        full = self._unique(self._scope + (name or op.kind))
        try:
            fact = node_facts(op, [value.spec for value in inputs])
        except ValueError as error:
            raise GenotypeError(f"node '{full}': {error}") from error
        self._nodes.append(Node(op, tuple([value.index for value in inputs]), full))
        self._facts.append(fact)
        return Value(len(self.inputs) + len(self._nodes) - 1, fact.spec)

    def genotype(self, *outputs: Value) -> Genotype:
        """The finished genotype with these outputs."""
        specs, reads = tuple(value.spec for value in self.inputs), tuple(value.index for value in outputs)
        return Genotype(specs, tuple(self._nodes), reads, tuple(self._facts))

    def _unique(self, name: str) -> str:
        if name not in self._taken:
            self._taken.add(name)
            return name
        count = self._count.get(name, 0) + 1
        while f"{name}_{count}" in self._taken:
            count += 1
        self._count[name] = count
        self._taken.add(f"{name}_{count}")
        return f"{name}_{count}"
