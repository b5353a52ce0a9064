"""How far down a drawing reaches at every place from the left to the right."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Skyline:
    """A height (downwards) for every x; `lowest` and `lower` take a stretch of it."""

    def __init__(self, level: float = 0.0) -> None:
        self._edges = [float("-inf")]
        self._levels = [level]

    def lowest(self, left: float, right: float) -> float:
        """The lowest point between two places."""
        return max(self._levels[bisect_right(self._edges, left) - 1 : max(bisect_left(self._edges, right), 1)])

    def lower(self, left: float, right: float, level: float) -> None:
        """Set the height between two places."""
        first, last = bisect_left(self._edges, left), bisect_right(self._edges, right)
        after = self._levels[last - 1]
        self._edges[first:last] = [left, right]
        self._levels[first:last] = [level, after]
