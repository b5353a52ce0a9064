"""Write a genotype node by node, with scopes for names."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.network.genotype import MAX_PARTS, Genotype, GenotypeError, Node, is_word, refusal
from archsearch.network.genotype_json import input_names
from archsearch.ops.base import Facts, Op, facts
from archsearch.ops.tensor import TensorSpec

Shape = tuple[int, ...]
new = tuple.__new__  # a node and a value are made for every op: this is twice as fast as calling their classes


class Owner:
    """Stands for the builder that made a value, without keeping it alive."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Owner()"


NOBODY = Owner()


class Value(NamedTuple):
    """What an edge carries: its number in the genotype, its shape, and whose it is: a builder takes its own values alone."""

    number: int
    spec: TensorSpec
    owner: Owner = NOBODY

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
        self._owner = Owner()
        self.inputs = tuple(Value(i, TensorSpec(shape), self._owner) for i, shape in enumerate(inputs))
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

    def __call__(self, op: Op, *inputs: Value, name: str | None = None, weights: Value | None = None) -> Value:
        """Add a node and return the value that it makes; `weights`: a value whose node has the same op, and weights that both then use."""
        try:
            full = self._named_anew(name or op.kind)
        except AttributeError as error:
            raise refusal(str(name or getattr(op, "__name__", type(op).__name__)), op, error) from error
        number, owner = self._next, self._owner
        reads: tuple[int, ...]
        specs: tuple[TensorSpec, ...]
        try:
            if len(inputs) == 1:
                read, spec, whose = inputs[0]
                reads, specs, own = (read,), (spec,), whose is owner
                seen = self._seen.get(id(op))
                fact = seen[2] if seen is not None and seen[1] is spec else None
            else:
                reads, specs, owners = zip(*inputs, strict=True) if inputs else ((), (), ())
                own, fact = owners.count(owner) == len(owners), None
        except (ValueError, TypeError):
            own = False
        if not own:
            raise self._foreign(f"node '{full}'", inputs)
        if fact is None:
            try:
                fact = facts(op, specs)
            except (ValueError, TypeError) as error:
                raise refusal(full, op, error) from error
            if len(specs) == 1:  # the same op again, as in a cell that repeats, is found without hashing its fields
                self._seen[id(op)] = (op, spec, fact)
        self._nodes.append(new(Node, (op, reads, full, "" if weights is None else self._holder(full, weights))))
        self._facts.append(fact)
        self._next = number + 1
        return new(Value, (number, fact.spec, owner))

    def genotype(self, *outputs: Value) -> Genotype:
        """The finished genotype with these outputs."""
        if not all(isinstance(value, Value) and value.owner is self._owner for value in outputs):
            raise self._foreign("the output", outputs)
        specs, reads = tuple(value.spec for value in self.inputs), tuple(value.number for value in outputs)
        return Genotype(specs, tuple(self._nodes), reads, tuple(self._facts), self._named)

    def _holder(self, name: str, value: Value) -> str:
        """Name of the node whose weights a node uses with that of a value. Raises GenotypeError."""
        what = f"the weights of node '{name}'"
        if not (isinstance(value, Value) and value.owner is self._owner):
            raise self._foreign(what, (value,))
        if value.number < len(self.inputs):
            raise GenotypeError(f"{what} are said to be those of an input, which has none; give the value of an earlier node")
        node = self._nodes[value.number - len(self.inputs)]
        return node.weights or node.name

    def _foreign(self, what: str, inputs: tuple[object, ...]) -> GenotypeError:
        """The error about inputs that are not all values of this builder."""
        odd = next(value for value in inputs if not (isinstance(value, Value) and value.owner is self._owner))
        if isinstance(odd, Value):
            return GenotypeError(f"{what} reads a value of another builder, of shape {odd.spec}; use values of this one")
        if isinstance(odd, list | tuple):
            return GenotypeError(f"{what} is given a {type(odd).__name__} of values; give them one by one, as in b(Concat(), x, y)")
        return GenotypeError(f"{what} reads {str(odd)[:60]!r}, which is no value; give what a call of the builder returned, or b.input")

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
