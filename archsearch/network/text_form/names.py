"""Names of values as they are said within a scope: innermost first, as variables in code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from itertools import islice

from archsearch.network.genotype import scopes_of

COUNTED = re.compile(r"(.*?)(\d+)", re.ASCII)
MOST_COMPARED = 1000


class Names:
    """Values made so far and scopes opened so far; what both the reader and the writer of a text know at a line."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.scopes: set[str] = set()
        self._count: dict[str, int] = {}

    def open(self, scope: str) -> None:
        """Take the name of a scope and of all around it."""
        if scope not in self.scopes:
            self.scopes.update(scopes_of(scope))

    def is_taken(self, name: str) -> bool:
        """Whether a value or a scope has that name."""
        return name in self.values or name in self.scopes

    def resolve(self, said: str, scope: str) -> int | None:
        """The value meant by a name said within `scope`: of that scope, or of the nearest one around it that has it."""
        if said.startswith("/"):
            return self.values.get(said[1:])
        while scope:
            found = self.values.get(f"{scope}/{said}")
            if found is not None:
                return found
            scope = scope.rpartition("/")[0]
        return self.values.get(said)

    def said(self, name: str, scope: str) -> str:
        """How a value is called within `scope`: without the scopes that both share, or from the root where that would be another."""
        own, around = name.split("/"), scope.split("/")
        shared = 0
        while shared < min(len(own) - 1, len(around)) and own[shared] == around[shared]:
            shared += 1
        short = "/".join(own[shared:])
        return short if self.resolve(short, scope) == self.values[name] else f"/{name}"

    def automatic(self, name: str) -> str:
        """The name, or the first free one of name_1, name_2 and so on: what a node is called that is given no name."""
        if not self.is_taken(name):
            return name
        count = self._count.get(name, 1)
        while self.is_taken(f"{name}_{count}"):
            count += 1
        self._count[name] = count
        return f"{name}_{count}"


def copy_name(name: str, copy: int) -> str:
    """Name of a repeated scope's copy number 0, 1 and so on: its last number counts on (block3, block4), or it gets one (cell, cell_1)."""
    counted = COUNTED.fullmatch(name)
    if counted is None:
        return f"{name}_{copy}" if copy else name
    return f"{counted[1]}{str(int(counted[2]) + copy).zfill(len(counted[2]))}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Words that end an error about an unknown name: the nearest known ones, if any are near."""
    tail = name.rpartition("/")[2]
    names = list(known)
    alike = [other for other in names if other.rpartition("/")[2] == tail]
    candidates = [*islice(alike, MOST_COMPARED), *names[-MOST_COMPARED:]]
    close = list(dict.fromkeys(difflib.get_close_matches(name[:200], candidates, n=6, cutoff=0.5)))[:3]
    return f"; did you mean {', '.join(close)}?" if close else ""
