"""Hyperband."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from archsearch.fidelity.base import Rungs, Step, last_resort, thinned
from archsearch.fidelity.halving import climb


@dataclass(frozen=True)
class Hyperband:
    """Brackets of successive halving that begin on every rung in turn, the lowest with the most networks; then all brackets again.

    Li et al. 2018 (arXiv:1603.06560): where the lowest rung says little, those that begin higher are the safeguard.
    """

    eta: int = 3

    def most(self, rungs: Rungs, rung: int) -> int:
        return rungs.trials  # the best of a bracket may be few among all

    def expected(self, rungs: Rungs) -> list[int]:
        brackets = [[0] * first + thinned(len(members), self.eta, rungs.count - first) for first, members in self.brackets(rungs)]
        return [sum(counts) for counts in zip(*brackets, strict=True)]

    def next(self, rungs: Rungs) -> Step | None:
        for first, members in self.brackets(rungs):
            begun = [trial for trial in members if trial in rungs.begun[first]]
            if len(begun) < len(members) and rungs.is_open:
                return Step(rungs.fresh, first)
            step = climb(rungs, self.eta, begun, first)
            if step is not None:
                return step
        return None if rungs.under_way else last_resort(rungs)

    def brackets(self, rungs: Rungs) -> list[tuple[int, range]]:
        """The rung on which each bracket begins, and the numbers of its trials."""
        found: list[tuple[int, range]] = []
        start = 0
        while start < rungs.trials:
            first = len(found) % rungs.count
            above = rungs.top - first
            size = ceil(rungs.count / (above + 1) * self.eta**above)
            found.append((first, range(start, min(rungs.trials, start + size))))
            start += size
        return found
