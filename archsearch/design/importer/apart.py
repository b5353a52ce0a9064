"""Numbers made of parameters alone that several calls read: values of their own, or inner values of one node where those calls meet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import torch
from torch import fx

from archsearch.design.importer.calls.kinds import RECURRENT
from archsearch.design.importer.entries import given, name_of
from archsearch.design.importer.trace import Trace
from archsearch.support.calls import MOST_CALLS

WEIGHTED = ("weight", "weights", "bias")
"""Arguments that are the weights of an op: calls that read one parameter there are one module, called several times."""
STRETCHING = ("add", "sub", "mul", "div", "matmul", "expand", "expand_as")
"""Calls to which numbers that stretch along the samples are the same as numbers for each."""


@dataclass
class Apart:
    """Calls whose results, made of parameters, become values; and those that are no nodes by themselves, but inner calls of a later one."""

    values: set[fx.Node] = field(default_factory=set)
    inner: set[fx.Node] = field(default_factory=set)


def told_apart(traced: Trace, parameters: Collection[str]) -> Apart:
    """Both, where several calls read a parameter or a recurrent net; the graph changes so that values have an axis for samples."""
    made = made_apart(traced, parameters)
    found = Apart()
    for stored, (name, _) in traced.stored.items():
        if name not in parameters:
            continue
        ends = [node for node, sources in made.items() if stored in sources and any(user not in made for user in node.users)]
        readers = {user for node in ends for user in node.users if user not in made}
        if len(readers) < 2 or are_one_op(readers, ends) or found.values & ancestors(ends, made):
            continue
        value = next((one for one in common(ends, made) if is_sample(one, traced.batch)), None)
        stretched = None if value is None else for_samples(value, traced.batch, made)
        if stretched is not None:
            found.values.add(stretched)
        else:
            found.inner |= before_meeting(readers)
    for node in traced.graph.nodes:
        parts = {part for part in node.users if part.users} if name_of(node) in RECURRENT else set()
        if len(parts) > 1 or any(len(part.users) > 1 for part in parts):
            found.inner |= before_meeting(parts)
    return found


def made_apart(traced: Trace, parameters: Collection[str]) -> dict[fx.Node, frozenset[str]]:
    """Parameters, by the names of their nodes, and all calls that no input reaches, with the parameters that they are made of."""
    made: dict[fx.Node, frozenset[str]] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder" and node.name in traced.stored:
            made[node] = frozenset([node.name] if traced.stored[node.name][0] in parameters else [])
        elif node.op == "call_function" and all(read in made for read in node.all_input_nodes):
            made[node] = frozenset().union(*(made[read] for read in node.all_input_nodes))
    return made


def are_one_op(readers: Collection[fx.Node], ends: Collection[fx.Node]) -> bool:
    """Whether calls read numbers as the weights of one op would have them, which may stand at several nodes."""
    alike = {(name_of(reader), tuple(getattr(reader.meta.get("val"), "shape", ()))) for reader in readers}
    return any(given(reader).get(name) in ends for reader in readers for name in WEIGHTED) or len(alike) == len(ends) == 1


def ancestors(nodes: Collection[fx.Node], made: Collection[fx.Node]) -> set[fx.Node]:
    """Nodes and those that lead to them, of those that are made apart."""
    found, waiting = set[fx.Node](), list(nodes)
    while waiting:
        node = waiting.pop()
        if node in made and node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found


def common(ends: Collection[fx.Node], made: dict[fx.Node, frozenset[str]]) -> Iterator[fx.Node]:
    """What leads to all of them and is made of parameters, the latest first."""
    shared = set.intersection(*(ancestors([end], made) for end in ends))
    return iter(sorted((node for node in shared if made[node]), reverse=True))


def is_sample(node: fx.Node, batch: int) -> bool:
    """Whether a tensor of numbers has a first axis that is the samples', or stretches along them."""
    made = node.meta.get("val")
    return isinstance(made, torch.Tensor) and made.ndim > 1 and made.is_floating_point() and made.shape[0] in (1, batch)


def for_samples(node: fx.Node, batch: int, made: Collection[fx.Node]) -> fx.Node | None:
    """The call that makes the tensor once for every sample, put into the graph; None where what reads it does not take that."""
    shape = tuple(node.meta["val"].shape)
    if shape[0] == batch:
        return node
    if any(name_of(user) not in STRETCHING for user in node.users if user not in made) or any(user in made for user in node.users):
        return None
    with node.graph.inserting_before(min(node.users)):
        stretched = node.graph.call_function(torch.ops.aten.expand.default, (node, [batch, *shape[1:]]))
    stretched.meta = {**min(node.users).meta, "val": node.meta["val"].new_empty((batch, *shape[1:]), device="meta")}
    node.replace_all_uses_with(stretched, delete_user_cb=lambda user: user is not stretched)
    return stretched


def before_meeting(readers: set[fx.Node]) -> set[fx.Node]:
    """The readers and all calls after them up to the first through which all that they make goes on; nothing where there is none near."""
    found, waiting = set[fx.Node](), sorted(readers, reverse=True)
    while waiting:
        node = waiting.pop()
        if not waiting and found:
            return found
        if node.op == "output" or len(found) == MOST_CALLS:
            return set()
        found.add(node)
        waiting = sorted({*waiting, *node.users}, reverse=True)
    return set()
