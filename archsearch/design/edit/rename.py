"""Give a node or a scope another name."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.design.edit.base import Edit, apply
from archsearch.design.edit.draft import Draft
from archsearch.network.genotype import Genotype


@dataclass(frozen=True)
class Rename(Edit):
    """`rename NAME to NAME`: full names; with a scope all in it go to the new one."""

    name: str
    to: str

    def __str__(self) -> str:
        return f"rename {self.name} to {self.to}"

    def change(self, draft: Draft) -> None:
        old, new = self.name.removeprefix("/"), self.to.removeprefix("/")
        values = draft.inside(old) or [draft.node(old)]
        draft.rename({value: new + draft.name(value)[len(old) :] for value in values})


def rename(genotype: Genotype, name: str, to: str) -> Genotype:
    """The genotype with a node or a scope called otherwise. Raises EditError."""
    return apply(genotype, [Rename(name, to)])
