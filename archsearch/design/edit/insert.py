"""Put a new node into a network."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.design.edit.base import Edit, apply
from archsearch.design.edit.draft import Draft, EditError, Part
from archsearch.network.genotype import Genotype
from archsearch.network.text_form.op_syntax import op_text, written_fields
from archsearch.ops.base import Op
from archsearch.ops.fields import field_types


@dataclass(frozen=True)
class Insert(Edit):
    """`insert [NAME:] OP after VALUE`, `... before NODE` or `... between VALUE and NODE`: what it stands in front of reads it instead.

    `after` a value alone: all that reads it, outputs too; `before` a node alone: the one value that it reads. The name is a full
    one; without it the node is called by its kind, in the scope of the node that it stands at.
    """

    op: Op
    after: str = ""
    before: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if not (self.after or self.before):
            raise EditError(f"insert {op_text(self.op)} where? give the value that it comes after, the node that it comes before, or both")

    def __str__(self) -> str:
        op = f"{self.name}: {op_text(self.op)}" if self.name else op_text(self.op)
        if self.after and self.before:
            return f"insert {op} between {self.after} and {self.before}"
        return f"insert {op} after {self.after}" if self.after else f"insert {op} before {self.before}"

    def change(self, draft: Draft) -> None:
        reader = draft.node(self.before) if self.before else None
        source = draft.find(self.after) if self.after else only_read(draft, self.before)
        if reader is not None and source not in draft.parts[reader].reads:
            reads = ", ".join(map(draft.name, dict.fromkeys(draft.parts[reader].reads))) or "nothing"
            raise EditError(f"node '{self.before}' does not read '{self.after}' but {reads}")
        anchor = draft.name(source if reader is None else reader)
        name = self.name.removeprefix("/") or draft.free_name(anchor.rpartition("/")[0], self.op.kind)
        draft.check_free(name)
        place = draft.place(source) + 1 if reader is None else draft.place(reader)
        part = Part(self.op, [source], name)
        part.change(self.op, field_types(type(self.op)), written_fields(self.op))
        value = draft.add(part, place)
        draft.reroute(source, value, None if reader is None else [reader])


def only_read(draft: Draft, node: str) -> int:
    """The one value that a node reads. Raises EditError."""
    reads = list(dict.fromkeys(draft.parts[draft.node(node)].reads))
    if len(reads) != 1:
        names = ", ".join(map(draft.name, reads)) or "no value"
        raise EditError(f"node '{node}' reads {names}; say which, as in `between VALUE and {node}`")
    return reads[0]


def insert(genotype: Genotype, op: Op, after: str = "", before: str = "", name: str = "") -> Genotype:
    """The genotype with a new node: after a value, before a node, or on the edge between the two. Raises EditError."""
    return apply(genotype, [Insert(op, after, before, name)])
