"""Memory of one device that several workers share: as many evaluations side by side as it has room for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Room:
    """Who is in the memory of a device that `workers` processes share, by what they are predicted to need; first come, first in.

    What does not fit beside the others waits for them, and what would not fit at all goes in alone: it may still find a way, such as a
    batch in parts. Where workers do not say what is free (`hear(None)`) everybody goes in.
    """

    workers: int
    size: int | None = None
    _heard: int = 0
    _inside: dict[int, int] = field(default_factory=dict)

    def hear(self, free: int | None) -> None:
        """A worker is ready and sees so many bytes free: the least that one saw before any work began counts."""
        if self._heard < self.workers:
            self._heard += 1
            self.size = free if self.size is None or free is None else min(self.size, free)

    def fits(self, needs: int) -> bool:
        """Whether so many bytes fit beside what is inside."""
        if self.size is None:
            return True
        return self._heard >= self.workers and (not self._inside or sum(self._inside.values()) + needs <= self.size)

    def enter(self, trial: int, needs: int) -> None:
        """An evaluation begins."""
        self._inside[trial] = needs

    def leave(self, trial: int) -> None:
        """It is over."""
        self._inside.pop(trial, None)
