"""Memory of one device that several workers share: as many evaluations side by side as it has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Room:
    """What may go into the memory of a device that `workers` processes share, by what it is predicted to need.

    What does not fit beside the others waits for them, and what would not fit at all goes in alone: it may still find a way, such as a
    batch in parts. Where workers do not say what is free (`hear(None)`) everything goes in.
    """

    workers: int
    size: int | None = None
    _heard: int = 0

    def hear(self, free: int | None) -> None:
        """A worker is ready and sees so many bytes free: the least that one saw before any work began counts."""
        if self._heard < self.workers:
            self._heard += 1
            self.size = free if self.size is None or free is None else min(self.size, free)

    def fits(self, needs: int, inside: Sequence[int]) -> bool:
        """Whether so many bytes fit beside those that evaluations under way need."""
        if self.size is None:
            return True
        return self._heard >= self.workers and (not inside or sum(inside) + needs <= self.size)
