"""Take a node or a scope out of a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archsearch.design.edit.base import Edit, apply
from archsearch.design.edit.draft import Draft, EditError
from archsearch.network.genotype import Genotype


@dataclass(frozen=True)
class Remove(Edit):
    """`remove NAME [keeping VALUE]`: what read the node, or the value that leaves the scope, reads what went in instead.

    Where several values go in, `keep` names the one that stays. Nodes that nothing reads any more go too.
    """

    name: str
    keep: str = ""

    def __str__(self) -> str:
        return f"remove {self.name}{f' keeping {self.keep}' if self.keep else ''}"

    def change(self, draft: Draft) -> None:
        gone = draft.inside(self.name) or [draft.node(self.name)]
        inner = set(gone)
        entering = list(dict.fromkeys(read for value in gone for read in draft.parts[value].reads if read not in inner))
        outer = {read for value, part in draft.parts.items() if value not in inner for read in part.reads}.union(draft.outputs)
        leaving = [value for value in gone if value in outer]
        if len(leaving) > 1:
            names = ", ".join(map(draft.name, leaving[:5]))
            raise EditError(f"'{self.name}': {names} are read from outside, and one value cannot stand for all; remove nodes one by one")
        if leaving:
            draft.reroute(leaving[0], self._kept(draft, entering))
        drop_unread(draft, gone, entering)

    def _kept(self, draft: Draft, entering: list[int]) -> int:
        """The value that takes the place. Raises EditError."""
        names = ", ".join(map(draft.name, entering[:5])) or "no value"
        if self.keep and draft.find(self.keep) not in entering:
            raise EditError(f"'{self.name}' does not read '{self.keep}' but {names}")
        if self.keep:
            return draft.find(self.keep)
        if len(entering) != 1:
            fix = "replace it instead" if not entering else f"say which stays, as in `remove {self.name} keeping {draft.name(entering[0])}`"
            raise EditError(f"'{self.name}' reads {names}; {fix}")
        return entering[0]


def drop_unread(draft: Draft, gone: Iterable[int], entering: Iterable[int]) -> None:
    """Take nodes out, and those before them that nothing reads any more."""
    dropped = set(gone)
    readers = draft.readers()
    for value in dropped:
        readers.subtract(draft.parts[value].reads)
    waiting = list(entering)
    while waiting:
        value = waiting.pop()
        if value in draft.parts and value not in dropped and not readers[value]:
            dropped.add(value)
            readers.subtract(draft.parts[value].reads)
            waiting += draft.parts[value].reads
    draft.drop(dropped)


def remove(genotype: Genotype, name: str, keep: str = "") -> Genotype:
    """The genotype without a node or scope; `keep` names the value that stays in its place where it reads several. Raises EditError."""
    return apply(genotype, [Remove(name, keep)])
