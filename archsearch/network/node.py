"""One op of a network and what it reads; nodes that use the weights of another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from archsearch.ops.base import Facts, Op
from archsearch.ops.tensor import TensorSpec


class Node(NamedTuple):
    """One op, the indices of the values that it reads, and its name; what stands before the last `/` is its scope.

    `weights`: the name of an earlier node, with the same op, whose weights it uses too; nothing where it has its own. Such nodes are one
    module, called several times: parameters count once, at the node that has them, and gradients add up.
    """

    op: Op
    inputs: tuple[int, ...]
    name: str
    weights: str = ""

    @property
    def scope(self) -> str:
        """The name's part before the last `/`, or nothing."""
        return self.name.rpartition("/")[0]


def holders(nodes: Sequence[Node]) -> dict[int, int]:
    """For the position of every node that uses another's weights: the position of that one."""
    users = [position for position, node in enumerate(nodes) if node[3]]
    if not users:
        return {}
    place = {node.name: position for position, node in enumerate(nodes)}
    return {position: place[nodes[position].weights] for position in users}


def bound(nodes: Sequence[Node]) -> list[Node]:
    """The nodes, in which one whose weights others use names itself, so that any of them may go, move or be renamed."""
    names = {node[3] for node in nodes} - {""}
    return [node._replace(weights=node.name) if node.name in names else node for node in nodes] if names else list(nodes)


def unbound(nodes: list[Node]) -> list[Node]:
    """What is left of `bound` nodes, in any order: the first of each group has the weights."""
    first: dict[str, str] = {}
    return [
        node if not node[3] else node._replace(weights=found if (found := first.setdefault(node.weights, node.name)) != node.name else "")
        for node in nodes
    ]


def renamed(nodes: Sequence[Node], names: Sequence[str]) -> list[Node]:
    """The nodes under other names."""
    new = {node.name: name for node, name in zip(nodes, names, strict=True)}
    return [node._replace(name=name, weights=new.get(node.weights, "")) for node, name in zip(nodes, names, strict=True)]


def once(fact: Facts) -> Facts:
    """The facts of a node that uses another's weights: they count there."""
    return replace(fact, cost=replace(fact.cost, params=0, buffers=0, counters=0, places=0))


def apart(facts: Sequence[Facts], place: Mapping[int, int]) -> list[Facts]:
    """The facts that every node has by itself; `place` as `holders` has it."""
    found = list(facts)
    for user, holder in place.items():
        found[user] = replace(facts[user], cost=replace(facts[holder].cost, macs=facts[user].cost.macs))
    return found


def why_apart(op: Op, inputs: tuple[TensorSpec, ...], other: Op, read: tuple[TensorSpec, ...]) -> str:
    """Why two ops at these inputs cannot be one module; nothing if they can."""
    if op != other:
        return f"it is {op}, that one {other}"
    if inputs != read and made_by(op, inputs) != made_by(other, read):
        return f"at inputs {shapes(inputs)} it has other weights than at {shapes(read)}"
    return ""


def shapes(inputs: tuple[TensorSpec, ...]) -> str:
    """Shapes in words."""
    return ", ".join(map(str, inputs))


class Made:
    """Stands for torch's layers: a call of one is written down, and nothing is built."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: (name, given, sorted(named.items()))


def made_by(op: Op, inputs: tuple[TensorSpec, ...]) -> object:
    """What tells the module of an op at these inputs from others: the calls that make it, or the inputs where those do not show."""
    try:
        made = op.build(Made(), *inputs)
    except Exception:  # a user's op may look at the modules that it makes
        return inputs
    return made if isinstance(made, tuple) else inputs
