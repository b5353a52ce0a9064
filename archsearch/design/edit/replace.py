"""Give a node another op."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.design.edit.base import Edit, apply
from archsearch.design.edit.draft import Draft
from archsearch.network.genotype import Genotype
from archsearch.network.text_form.op_syntax import op_text, written_fields
from archsearch.ops.base import Op
from archsearch.ops.fields import field_types


@dataclass(frozen=True)
class Replace(Edit):
    """`NODE=OP`: the node keeps its name and what it reads."""

    node: str
    op: Op

    def __str__(self) -> str:
        return f"{self.node}={op_text(self.op)}"

    def change(self, draft: Draft) -> None:
        for value in draft.together(draft.node(self.node)):
            draft.parts[value].change(self.op, field_types(type(self.op)), written_fields(self.op))


def replace(genotype: Genotype, node: str, op: Op) -> Genotype:
    """The genotype with another op at a node: `replace(genotype, "stage2/relu", GELU())`. Raises EditError."""
    return apply(genotype, [Replace(node, op)])
