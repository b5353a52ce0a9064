"""What the names of a traced graph stand for, and the memory behind them."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

from torch import fx

from archsearch.design.importer.calls.kinds import SHARED
from archsearch.design.importer.content import Content
from archsearch.design.importer.place import ImporterError


@dataclass
class Memory:
    """What shares one piece of memory: how often it was written, and why it can no longer be followed, if so."""

    writes: int = 0
    error: ImporterError | None = None


@dataclass
class Entry:
    """What a name stands for, its memory, how much had been written there when it was last right, and the call that made it.

    `overwrote`: for a call that wrote into it, the one that had made it until then.
    """

    content: Content
    memory: Memory = field(default_factory=Memory)
    writes: int = 0
    node: fx.Node | None = None
    overwrote: dict[fx.Node, fx.Node] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """Whether another view of it was written since."""
        return self.writes < self.memory.writes


def given(node: fx.Node) -> dict[str, Any]:
    """Arguments of a call by the names of its schema, defaults included; by their places where it has none."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {str(place): argument for place, argument in enumerate(node.args)}
    values = dict(zip((a.name for a in schema.arguments), node.args, strict=False)) | node.kwargs
    return {a.name: values.get(a.name, a.default_value) for a in schema.arguments}


def name_of(node: fx.Node) -> str:
    """Name of what a node calls, without the mark of what writes in place."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return str(getattr(node.target, "__name__", node.target))
    name: str = schema.name.rpartition("::")[2]
    return name[:-1] if writes_in_place(node) and name.endswith("_") else name


def shares_memory(node: fx.Node) -> bool:
    """Whether what a call makes may lie in the memory of what it reads."""
    schema = getattr(node.target, "_schema", None)
    is_part = node.target is operator.getitem
    return is_part or name_of(node) in SHARED or (schema is not None and any(made.alias_info is not None for made in schema.returns))


def writes_in_place(node: fx.Node) -> bool:
    """Whether a call writes into its first argument."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable
