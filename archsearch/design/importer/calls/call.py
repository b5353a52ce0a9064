"""One call of a traced graph, as the functions of the table read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archsearch.design.importer.content import Constant, Content, Scores, Seen
from archsearch.design.importer.layout import InexpressibleError
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer


@dataclass(frozen=True)
class Call:
    """An ATen call: its name without what writes in place, arguments by the names of its schema, shapes of its results, its place."""

    name: str
    arguments: Mapping[str, Content]
    shapes: tuple[tuple[int, ...], ...]
    place: Place

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or the default where the schema has none of that name."""
        return self.arguments.get(name, default)

    @property
    def first(self) -> Content:
        """The first argument, which ATen calls `self`, `input` or otherwise."""
        return next(iter(self.arguments.values()))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first result."""
        return self.shapes[0]

    def seen(self, name: str = "") -> Seen:
        """An argument, or the first, which must depend on an input. Raises InexpressibleError."""
        content = self.arguments[name] if name else self.first
        if isinstance(content, Scores):
            raise InexpressibleError("it reads a product of two values, which is known as a part of attention alone")
        if not isinstance(content, Seen):
            raise InexpressibleError(f"its {name or 'first argument'} does not depend on an input")
        return content

    def constant(self, name: str) -> Constant | None:
        """An argument that depends on no input, or None. Raises InexpressibleError."""
        content = self.arguments.get(name)
        if content is None or isinstance(content, Constant):
            return content
        raise InexpressibleError(f"its {name} is computed from an input; no op has such weights")


Handler = Callable[[Writer, Call], Content]
"""What a call is in the genotype. Raises ValueError that says why it cannot be expressed."""
