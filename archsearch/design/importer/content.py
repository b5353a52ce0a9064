"""What a name in a traced graph stands for while a genotype is written from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from archsearch.design.importer.layout import Groups, Layout
from archsearch.design.importer.place import ImporterError, Place
from archsearch.network.builder import Value


@dataclass(frozen=True)
class Seen:
    """A value of the genotype, and how the axes of the traced tensor lie over it; `moved` is where they were last moved."""

    value: Value
    layout: Layout
    moved: Place | None = None

    @property
    def axes(self) -> Groups:
        """Axes of the traced tensor."""
        return self.layout.axes

    @property
    def own(self) -> Groups:
        """Axes of the value."""
        return self.layout.own

    def laid(self, layout: Layout, place: Place | None = None) -> Seen:
        """The same value along other axes."""
        return Seen(self.value, layout, place or self.moved)

    def holding(self, value: Value) -> Seen:
        """Another value of the same shape in the same layout."""
        return replace(self, value=value)


@dataclass(frozen=True)
class Constant:
    """A tensor that no input reaches.

    `names` are the parameters and buffers that were read for it. Learned elements are numbered through all parameters: a whole
    parameter is those from `start` on; where elements were moved, `places` has the number of every one, and -1 for those that are
    not learned. `computed` names the operator that made new numbers of learned ones. `fresh`: the forward pass made the tensor
    itself, so that writing into it changes no buffer. `parts` are direction and length where weight norm made it.
    """

    tensor: Tensor
    names: tuple[str, ...] = ()
    start: int | None = None
    places: Tensor | None = None
    computed: str = ""
    fresh: bool = True
    parts: tuple[Constant, Constant] | None = None

    @property
    def learned(self) -> bool:
        """Whether elements come from parameters."""
        return self.start is not None or self.places is not None or bool(self.computed)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, with a batch axis if the forward pass gave it one."""
        return tuple(self.tensor.shape)

    def numbers(self) -> Tensor:
        """Number of every element among the learned ones."""
        if self.start is not None:
            return torch.arange(self.start, self.start + self.tensor.numel()).view(self.tensor.shape)
        return torch.full(self.tensor.shape, -1) if self.places is None else self.places

    def moved(self, move: Callable[[Tensor], Tensor]) -> Constant:
        """The elements moved by a function that changes none."""
        learned = self.start is not None or self.places is not None
        return replace(self, tensor=move(self.tensor), start=None, places=move(self.numbers()) if learned else None, parts=None)


@dataclass(frozen=True)
class Rolled:
    """An image that was rolled, on the way into windows or out of them: `shifts` of its rows and columns; what comes after are views.

    `sides` and `features` are the axes of the source that are rows, columns and channels; the layout's own axes are those.
    """

    source: Seen
    shifts: tuple[int, int]
    sides: tuple[int, int]
    features: int
    layout: Layout

    def laid(self, layout: Layout, place: Place | None = None) -> Rolled:
        """The same along other axes."""
        return replace(self, layout=layout)


@dataclass(frozen=True)
class Scores:
    """Products of queries and keys, on the way to attention: how they are scaled, what is added, whether softmax is done.

    `terms` are constants with the shape that the scores had when they were added; `shape` is the one they have now.
    """

    queries: Seen
    keys: Seen
    shape: tuple[int, ...]
    scale: float = 1.0
    terms: tuple[tuple[Constant, tuple[int, ...]], ...] = ()
    mixed: bool = False


@dataclass(frozen=True)
class Failed:
    """What could not be expressed; an error only if something reads it."""

    error: ImporterError


Content = Any
"""Seen, Rolled, Constant, Scores, Failed, a tuple of those, or a plain Python value."""


def is_number(content: Content) -> bool:
    """Whether it is one plain number."""
    return isinstance(content, int | float) and not isinstance(content, bool)


def number_of(content: Content) -> float | None:
    """A plain number, or that of a constant of one element that is not learned; else None."""
    if is_number(content):
        return float(content)
    if isinstance(content, Constant) and not content.learned and content.tensor.numel() == 1:
        return float(content.tensor)
    return None
