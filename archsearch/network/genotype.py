"""A network as data: an immutable DAG of ops, acyclic by construction, with strict JSON and a fingerprint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from archsearch.network import genotype_json, measured
from archsearch.network.genotype_json import MAX_NODES, input_names
from archsearch.network.isomorphism import Arrangement, arrange, digest
from archsearch.network.node import Node as Node
from archsearch.network.node import apart, holders, once, why_apart
from archsearch.ops.base import Facts, Op, facts
from archsearch.ops.declaration import OpError, check_op
from archsearch.ops.tensor import TensorSpec
from archsearch.support.reading import one_line

MAX_PARTS = 20
NAME = re.compile(rf"\w{{1,100}}(/\w{{1,100}}){{0,{MAX_PARTS - 1}}}", re.ASCII)
WORD = re.compile(r"\w{1,90}", re.ASCII)
"""Part of a name that stays one when a number of up to 9 digits is put behind it."""


class GenotypeError(ValueError):
    """A genotype that cannot be; the message names the node and says what to do."""


class BrokenOpError(GenotypeError):
    """A node whose op does not do what every op promises: a fault of its class, whatever the network."""


@dataclass(frozen=True)
class Genotype:
    """A network: input shapes, nodes, and which values come out.

    Values are numbered: first the inputs, then what each node makes. A node reads only values made before it.

    Raises:
        GenotypeError: a node reads a later value, names clash, shapes do not fit, or there are over 20,000 nodes.
    """

    inputs: tuple[TensorSpec, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    facts: tuple[Facts, ...] = field(init=False, repr=False, compare=False)
    """Local facts of every node at its input shapes."""
    known: InitVar[tuple[Facts, ...] | None] = None
    """The facts, from who has worked them out already: the builder, a pass that keeps shapes."""

    named: InitVar[bool] = False
    """Whether the names are known to be well formed and to differ: the builder has seen to it."""

    arranged: InitVar[Arrangement | None] = None
    """The order that isomorphic genotypes share, from the pass that has put the nodes into it."""

    def __post_init__(self, known: tuple[Facts, ...] | None, named: bool, arranged: Arrangement | None) -> None:
        if known is None:
            as_tuples(self)
        if not self.inputs or not self.outputs:
            raise GenotypeError("a genotype needs at least one input and one output")
        if len(self.nodes) > MAX_NODES:
            raise GenotypeError(f"{len(self.nodes)} nodes are over the limit of {MAX_NODES}; split the network")
        if not named:
            check_names([node.name for node in self.nodes], self.input_names)
            check_weights(self.nodes)
        found = infer_facts(self.inputs, self.nodes) if known is None else known
        object.__setattr__(self, "facts", counted_once(self.inputs, self.nodes, found))
        if arranged is not None:
            object.__setattr__(self, "arrangement", arranged)
        values = len(self.inputs) + len(self.nodes)
        for output in self.outputs:
            if type(output) is not int or not 0 <= output < values:
                raise GenotypeError(f"output {str(output)[:60]} is no value; there are {values}, numbered from 0")

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs: `x`, or `x0`, `x1` and so on when there are several."""
        return input_names(len(self.inputs))

    @cached_property
    def value_names(self) -> tuple[str, ...]:
        """Name of every value: inputs, then nodes."""
        return (*self.input_names, *(node.name for node in self.nodes))

    @cached_property
    def specs(self) -> tuple[TensorSpec, ...]:
        """Shape of every value: inputs, then what each node makes."""
        return (*self.inputs, *(fact.spec for fact in self.facts))

    @cached_property
    def arrangement(self) -> Arrangement:
        """The order of nodes and operands that isomorphic genotypes share."""
        return arrange(len(self.inputs), self.nodes, self.outputs)

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits, the same for isomorphic genotypes (nodes relabelled, reordered, operands of add swapped) and for no others.

        Dead nodes and identities count: `passes.canonicalise` first removes them. A pattern so regular that no order is found within
        about a second keeps the one in which it is written: it is then equal to nothing that is written otherwise.
        """
        return digest(self.inputs, self.outputs, self.arrangement)

    @cached_property
    def holders(self) -> dict[int, int]:
        """For every node that uses another's weights, by position: the position of the node that has them."""
        return holders(self.nodes)

    def to_json(self) -> str:
        """The genotype as JSON text, one line a node."""
        return genotype_json.dump(self.inputs, self.nodes, self.outputs, apart(self.facts, self.holders))

    @classmethod
    def from_json(cls, text: str) -> Genotype:
        """Read strictly what `to_json` wrote.

        Raises:
            GenotypeError: the text is no such JSON, too large, or describes no valid genotype; one line with the node's name.
        """
        try:
            parts = genotype_json.load(text)
            nodes = tuple(parts.nodes)
            return cls(parts.inputs, nodes, parts.outputs, infer_facts(parts.inputs, nodes, parts.measured) if parts.measured else None)
        except ValueError as error:
            raise GenotypeError(one_line(str(error))) from error


NOTHING: Mapping[int, Any] = MappingProxyType({})


def infer_facts(inputs: tuple[TensorSpec, ...], nodes: tuple[Node, ...], known: Mapping[int, Any] = NOTHING) -> tuple[Facts, ...]:
    """Facts of every node, in order; `known`: what was measured of nodes before, by position. Raises GenotypeError that names the node."""
    specs, found = list(inputs), list[Facts]()
    for node in nodes:
        if node.inputs and not 0 <= min(node.inputs) <= max(node.inputs) < len(specs):
            raise GenotypeError(f"node '{node.name}' reads a value that is not made before it; a node reads only earlier ones")
        reads = tuple([specs[i] for i in node.inputs])
        try:
            if len(found) in known:
                fact = measured.from_dict(known[len(found)], node.op, reads, "what was measured of it")
            else:
                fact = facts(node.op, reads)
        except (ValueError, TypeError) as error:
            raise refusal(node.name, node.op, error) from error
        found.append(fact)
        specs.append(fact.spec)
    return tuple(found)


def counted_once(inputs: tuple[TensorSpec, ...], nodes: tuple[Node, ...], found: tuple[Facts, ...]) -> tuple[Facts, ...]:
    """The facts, with weights that several nodes use counted at the one that has them. Raises GenotypeError where they cannot be one."""
    place = holders(nodes) if any(node[3] for node in nodes) else {}
    if not place:
        return found
    specs, counted = [*inputs, *[fact.spec for fact in found]], list(found)
    for position in {*place, *place.values()}:
        node, cost = nodes[position], found[position].cost
        if not cost.params and not cost.buffers:  # it has counted at another node before, or has no weights
            counted[position] = facts(node.op, tuple([specs[i] for i in node.inputs]))
    for position, holder in place.items():
        check_holder(nodes, position, holder, specs)
        if not counted[holder].cost.params and not counted[holder].cost.buffers:
            raise GenotypeError(f"node '{nodes[position].name}' uses the weights of '{nodes[holder].name}', which has none")
        counted[position] = once(counted[position])
    return tuple(counted)


def check_holder(nodes: tuple[Node, ...], position: int, holder: int, specs: list[TensorSpec]) -> None:
    """Raise GenotypeError unless a node can use the weights of another."""
    node, other = nodes[position], nodes[holder]
    what = f"node '{node.name}' uses the weights of '{other.name}'"
    if other.weights:
        raise GenotypeError(f"{what}, which uses those of '{other.weights}'; name that one")
    if holder >= position:
        raise GenotypeError(f"{what}, which comes later; name an earlier node")
    reads, others = (tuple([specs[i] for i in n.inputs]) for n in (node, other))
    if why := why_apart(node.op, reads, other.op, others):
        raise GenotypeError(f"{what}, but {why}; nodes share weights where they are one module")


def as_tuples(genotype: Genotype) -> None:
    """Make tuples of the lists that a genotype was given. Raises GenotypeError for parts that are something else."""
    parts: dict[str, tuple[object, ...]] = {}
    for name in ("inputs", "nodes", "outputs"):
        given = getattr(genotype, name)
        if not isinstance(given, list | tuple):
            raise GenotypeError(f"a genotype's {name} must be a tuple, got {str(given)[:60]!r}")
        parts[name] = tuple(given)
    parts["nodes"] = tuple([checked_node(node) for node in genotype.nodes])
    if odd := [spec for spec in genotype.inputs if not isinstance(spec, TensorSpec)]:
        raise GenotypeError(f"a genotype's inputs must be of TensorSpec, got {str(odd[0])[:60]!r}; write TensorSpec({str(odd[0])[:60]})")
    for name, given in parts.items():
        object.__setattr__(genotype, name, given)


def checked_node(node: object) -> Node:
    """A node with a tuple of whole numbers for its inputs. Raises GenotypeError."""
    if not isinstance(node, tuple) or len(node) not in (3, 4):
        raise GenotypeError(f"a genotype's nodes must be of Node(op, inputs, name), got {str(node)[:60]!r}")
    op, reads, name, *weights = node
    for text in (name, *weights):
        if not isinstance(text, str):
            raise GenotypeError(f"a node's name must be a text, got {str(text)[:60]!r}")
    if not isinstance(reads, list | tuple) or not all(type(read) is int for read in reads):
        raise GenotypeError(f"node {name[:60]!r}: inputs must be numbers of values, got {str(reads)[:60]!r}")
    return node if isinstance(node, Node) and type(reads) is tuple else Node(op, tuple(reads), name, *weights)


def refusal(name: str, op: Op, error: Exception) -> GenotypeError:
    """The error about a node whose op does not take its inputs, or is broken itself; one line that names both."""
    kind = GenotypeError if isinstance(error, ValueError) and not isinstance(error, OpError) else BrokenOpError
    return kind(f"node '{name}': {reason(error, op)}")


def reason(error: Exception, op: Op) -> str:
    """Why an op does not take its inputs, in words."""
    if not isinstance(error, ValueError):  # an op that cannot be hashed
        try:
            check_op(op, Op)
        except OpError as fault:
            return str(fault)
    return str(error)


@lru_cache(maxsize=1 << 16)
def is_name(name: str) -> bool:
    """Whether `name` is made of letters, digits and underscores, its scopes parted by `/`."""
    return NAME.fullmatch(name) is not None


@lru_cache(maxsize=1 << 16)
def is_word(part: str) -> bool:
    """Whether `part` can stand in a name, with a number behind it if need be."""
    return WORD.fullmatch(part) is not None


@lru_cache(maxsize=1 << 14)
def scopes_of(scope: str) -> tuple[str, ...]:
    """The scope and all scopes around it."""
    parts = scope.split("/")
    return tuple("/".join(parts[: i + 1]) for i in range(len(parts)))


def check_weights(nodes: tuple[Node, ...]) -> None:
    """Raise GenotypeError for a node that uses the weights of one that is not there."""
    if used := {node[3] for node in nodes} - {""}:
        lost = used.difference(node.name for node in nodes)
        node = next((node for node in nodes if node.weights in lost), None)
        if node is not None:
            raise GenotypeError(f"node '{node.name}' uses the weights of {node.weights[:60]!r}, which is no node; name an earlier one")


def check_names(names: list[str], taken: tuple[str, ...]) -> None:
    """Raise GenotypeError for a malformed name, one given twice, or one that is also a scope."""
    known = set(names)
    if len(known) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise GenotypeError(f"node '{twice}' stands twice; names must differ")
    for name in names:
        if not is_name(name):
            raise GenotypeError(f"node {name[:60]!r}: a name is letters, digits and _ (at most 100), scopes parted by /")
    parents = {name.rpartition("/")[0] for name in names} - {""}
    clash = known.intersection((*taken, *(scope for parent in parents for scope in scopes_of(parent))))
    if clash:
        raise GenotypeError(f"node '{min(clash)}' has the name of an input or of a scope; rename it")
