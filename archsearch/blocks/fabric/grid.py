"""Places of a grid of layers and scales, the edges between them, and which of them are worth a choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple


class Place(NamedTuple):
    """One point of the grid; scale 0 has the size of the image, every next one half of it."""

    layer: int
    scale: int

    def __str__(self) -> str:
        return f"layer{self.layer}/scale{self.scale}"


class Edge(NamedTuple):
    """A way from one place to another; its name is the choice of it and the scope of its nodes."""

    source: Place
    target: Place

    @property
    def steps(self) -> int:
        """How many scales coarser the target is; below 0 it is finer."""
        return self.target.scale - self.source.scale

    @property
    def origin(self) -> str:
        """The name's last part, such as `from2_1`: from layer 2, scale 1."""
        return f"from{self.source.layer}_{self.source.scale}"

    @property
    def name(self) -> str:
        """Such as `layer3/scale0/from2_1`."""
        return f"{self.target}/{self.origin}"


START = Place(0, 0)
"""Where the image comes in."""


def by_target(edges: Iterable[Edge]) -> dict[Place, list[Edge]]:
    """The edges that arrive at each place, in order."""
    found: dict[Place, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.target, []).append(edge)
    return found


def walked(edges: Iterable[Edge]) -> list[Edge]:
    """The edges that a path from START leads to; they must stand in an order in which a place is reached before it is left."""
    found, kept = {START}, []
    for edge in edges:
        if edge.source in found:
            found.add(edge.target)
            kept.append(edge)
    return kept


def live(edges: Iterable[Edge], ends: Collection[Place]) -> list[Edge]:
    """The edges on a path from START to one of `ends`.

    Raises:
        ValueError: an end that no path leads to.
    """
    walk, needed, kept = walked(edges), set(ends), []
    missed = sorted(needed - {START, *(edge.target for edge in walk)})
    if missed:
        raise ValueError(f"fabric: no path of kept edges leads from the input to {missed[0]}; keep more edges")
    for edge in reversed(walk):
        if edge.target in needed:
            needed.add(edge.source)
            kept.append(edge)
    return kept[::-1]


def needed(edges: Sequence[Edge], ends: Collection[Place]) -> set[Edge]:
    """The edges without which no path leads from START to one of `ends`: as many paths run over them as there are."""
    found: set[Edge] = set()
    paths_to = Counter({START: 1})
    for edge in edges:
        paths_to[edge.target] += paths_to[edge.source]
    for end in ends:
        paths_from = Counter({end: 1})
        for edge in reversed(edges):
            paths_from[edge.source] += paths_from[edge.target]
        found.update(edge for edge in edges if paths_to[edge.source] * paths_from[edge.target] == paths_to[end])
    return found


@lru_cache(maxsize=64)
def choices(edges: tuple[Edge, ...], ends: tuple[Place, ...], passing: frozenset[Edge] = frozenset()) -> tuple[Edge, ...]:
    """The edges that can be kept or dropped, without those that some end needs and those that follow from others.

    An edge that alone arrives at a place goes when all that leave the place go; one that alone leaves a place goes when all that
    arrive there go. So no network is lost, and random choices rarely cut the input off. `passing` edges hand their value on even
    where they are dropped, so nothing follows from them.
    """
    arriving, leaving = Counter(edge.target for edge in edges), Counter(edge.source for edge in edges)
    held_in, held_out = {edge.target for edge in passing}, {edge.source for edge in passing}
    always = needed(edges, ends)

    def follows(edge: Edge) -> bool:
        if edge in always:
            return True
        if arriving[edge.target] == 1:
            return edge.target not in held_out
        return leaving[edge.source] == 1 < arriving[edge.source] and edge.source not in (*ends, *held_in)

    return tuple(edge for edge in edges if edge in passing or not follows(edge))
