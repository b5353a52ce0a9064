"""Give one field of a node's op another value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.design.edit.base import Edit, apply
from archsearch.design.edit.draft import Draft, EditError
from archsearch.network.genotype import Genotype
from archsearch.network.text_form.op_syntax import has_type, value_text
from archsearch.ops.base import edited
from archsearch.ops.fields import field_types, from_data, to_data, type_name
from archsearch.support.nearest import nearest


@dataclass(frozen=True)
class SetField(Edit):
    """`NODE.FIELD=VALUE`: fields that the op has worked out follow, as padding follows the kernel; a pooling's stride stays."""

    node: str
    field: str
    value: Any

    def __str__(self) -> str:
        return f"{self.node}.{self.field}={value_text(self.value)}"

    def change(self, draft: Draft) -> None:
        part = draft.parts[draft.node(self.node)]
        cls = type(part.op)
        types = field_types(cls)
        if self.field not in types:
            fix = nearest(self.field[:60], list(types)) if types else "it takes none"
            raise EditError(f"node '{part.name}': {cls.kind} has no field {self.field[:60]!r}; {fix}")
        if not has_type(cls, self.field, self.value):
            got, wanted = value_text(self.value)[:60], type_name(types[self.field])
            raise EditError(f"node '{part.name}': {cls.kind}: {self.field}={got} has the wrong type, expected {wanted}")
        try:
            op = edited(part.op, {self.field: from_data(to_data(self.value), types[self.field])}, part.said)
        except (ValueError, TypeError) as error:
            raise EditError(f"node '{part.name}': {error}") from error
        for value in draft.together(draft.node(self.node)):
            draft.parts[value].change(op, [self.field], part.said | {self.field})


def set_field(genotype: Genotype, node: str, field: str, value: Any) -> Genotype:
    """The genotype with one field of a node's op changed: `set_field(genotype, "stage2/conv", "channels", 64)`. Raises EditError."""
    return apply(genotype, [SetField(node, field, value)])
