"""Many networks of one topology: same nodes and edges, other ops or other fields of them in every network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from archsearch.analysis.population.partition import ONE, Part, Partitions, factorised
from archsearch.analysis.views import placed
from archsearch.network.genotype import Genotype, GenotypeError, Node, reason
from archsearch.network.node import once
from archsearch.ops.base import Facts, Op, edited, facts
from archsearch.ops.layout import Layout, Layouts
from archsearch.ops.tensor import TensorSpec
from archsearch.support.nearest import nearest

Values = Sequence[Any] | NDArray[Any]
Lying = tuple[TensorSpec, Layout | None]
Placed = tuple[Facts, Layout | None]


class Column(NamedTuple):
    """What varies at a node: a field, or the op itself where there is none; the class of every network, and the value of every class."""

    field: str
    part: Part
    values: Sequence[Any]


class Table(NamedTuple):
    """A node in all networks: the class of every network, and the facts of every class."""

    part: Part
    facts: tuple[Facts, ...]


@dataclass(frozen=True, eq=False)
class Population:
    """Networks made from a template: `Population(genotype, {"stem/conv:channels": widths, "stage1/conv": ops})`.

    A key names a node and a field of its op, or a node alone; its values, one a network, are what the field is there, or the op. Fields
    that an op works out itself (padding from the kernel) follow. Pass the same array under several keys to vary them together.

    Facts of a node are worked out once for each distinct op and input shapes that occur there, by the op itself, so any op will do.
    The work grows with those combinations: let neighbouring nodes take tens of values each, not thousands.

    Raises:
        ValueError: no such node or field, or numbers of values that differ.
        GenotypeError: an op cannot be, or does not take its inputs, in some network; the message names the node.
    """

    template: Genotype
    values: Mapping[str, Values]
    columns: dict[str, list[Column]] = field(init=False, repr=False)
    tables: tuple[Table, ...] = field(init=False, repr=False)
    """Of every node, in order."""
    partitions: Partitions = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = sorted({len(values) for values in self.values.values()})
        if len(sizes) != 1 or sizes == [0]:
            got = " and ".join(map(str, sizes)) or "none"
            raise ValueError(f"a population needs a value for every network under each key, got {got}; give equally many")
        object.__setattr__(self, "columns", read_columns(self.template, self.values))
        object.__setattr__(self, "partitions", Partitions(sizes[0]))
        object.__setattr__(self, "tables", tuple(tabulated(self.template, self.columns, self.partitions)))

    def __len__(self) -> int:
        return self.partitions.size

    def tables_behind(self, batch: int, training: bool) -> tuple[Table, ...]:
        """The tables with what ops copy and keep behind views of larger values. Raises OpError."""
        if not any(fact.cuts for table in self.tables for fact in table.facts):
            return self.tables
        place = partial(placed, samples=min(batch, 2), training=training)
        return tuple(tabulated(self.template, self.columns, self.partitions, place))

    def genotype(self, number: int) -> Genotype:
        """One of the networks, numbered from 0."""
        nodes = list(self.template.nodes)
        for position, node in enumerate(nodes):
            columns = self.columns.get(node.name, [])
            classes = [int(column.part.codes[number]) if column.part.classes > 1 else 0 for column in columns]
            nodes[position] = node._replace(op=varied(node, columns, classes))
        return Genotype(self.template.inputs, tuple(nodes), self.template.outputs)


def read_columns(template: Genotype, values: Mapping[str, Values]) -> dict[str, list[Column]]:
    """The columns by the node that they belong to. Raises ValueError."""
    ops = {node.name: node.op for node in template.nodes}
    known: dict[int, tuple[Part, Sequence[Any]]] = {}
    found: dict[str, list[Column]] = {}
    for key, given in values.items():
        name, colon, field_name = key.partition(":")
        if name not in ops:
            raise ValueError(f"the template has no node {name[:60]!r}; {nearest(name, list(ops))}")
        offered = list(getattr(ops[name], "__dataclass_fields__", ()))
        if colon and field_name not in offered:
            raise ValueError(f"{ops[name].kind} at node '{name}' has no field {field_name[:60]!r}; {nearest(field_name, offered)}")
        if id(given) not in known:
            known[id(given)] = factorised(given)
        found.setdefault(name, []).append(Column(field_name, *known[id(given)]))
    for user, holder in template.holders.items():
        one, other = template.nodes[user].name, template.nodes[holder].name
        if {(c.field, id(c.part)) for c in found.get(one, [])} != {(c.field, id(c.part)) for c in found.get(other, [])}:
            raise ValueError(f"node '{one}' uses the weights of '{other}'; vary both by the same array, or neither")
    return found


def varied(node: Node, columns: Sequence[Column], classes: Sequence[int]) -> Op:
    """The op of a node in networks of these classes. Raises GenotypeError."""
    op: Op = node.op
    fields = {}
    for column, chosen in zip(columns, classes, strict=True):
        if column.field:
            fields[column.field] = column.values[chosen]
        else:
            op = column.values[chosen]
    if not isinstance(op, Op):
        raise GenotypeError(f"node '{node.name}': {op!r} is no op; give the op of every network")
    try:
        return edited(op, fields) if fields else op
    except (ValueError, TypeError) as error:
        raise GenotypeError(f"node '{node.name}': {error}") from error


def by_shape(op: Op, inputs: tuple[TensorSpec, ...], fact: Facts, layouts: Layouts) -> Placed:
    """The facts that shapes alone say, as if every value lay without gaps."""
    return fact, None


def tabulated(
    template: Genotype, columns: Mapping[str, list[Column]], partitions: Partitions, place: Callable[..., Placed] = by_shape
) -> Iterator[Table]:
    """The table of every node; `place` says what facts an op has at its inputs, and how its result lies. Raises GenotypeError."""
    values: list[tuple[Part, list[Lying]]] = [(ONE, [(spec, None)]) for spec in template.inputs]
    for node in template.nodes:
        reads, own = [values[i] for i in node.inputs], columns.get(node.name, [])
        part, inside = partitions.join([*[read[0] for read in reads], *[column.part for column in own]])
        ops: dict[tuple[int, ...], Op] = {}
        found = []
        for chosen in zip(*[classes.tolist() for classes in inside], strict=True) if inside else [()]:
            inputs = [shapes[at] for (_, shapes), at in zip(reads, chosen, strict=False)]
            fields = chosen[len(reads) :]
            if fields not in ops:
                ops[fields] = varied(node, own, fields)
            specs = tuple([spec for spec, _ in inputs])
            fact = facts_at(node, ops[fields], specs)
            found.append(place(ops[fields], specs, once(fact) if node.weights else fact, tuple([layout for _, layout in inputs])))
        shapes: dict[Lying, int] = {}
        merged = [shapes.setdefault((fact.spec, layout), len(shapes)) for fact, layout in found]
        values.append((partitions.merge(part, merged, len(shapes)), list(shapes)))
        yield Table(part, tuple([fact for fact, _ in found]))


def facts_at(node: Node, op: Op, specs: tuple[TensorSpec, ...]) -> Facts:
    """Facts of an op that may stand at a node. Raises GenotypeError."""
    try:
        return facts(op, specs)
    except (ValueError, TypeError) as error:
        raise GenotypeError(f"node '{node.name}': {reason(error, op)}; got {op}") from error
