"""Successive halving."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from archsearch.fidelity.base import Rungs, Step, Thinning, last_resort


@dataclass(frozen=True)
class Halving(Thinning):
    """Evaluate all networks on the lowest rung, then the best, one in `eta`, on the next, and so on up.

    Jamieson & Talwalkar 2016 (arXiv:1502.07943), in the form in which networks are promoted and go on with their weights.
    """

    def next(self, rungs: Rungs) -> Step | None:
        if rungs.is_open:
            return Step(rungs.fresh, 0)
        step = climb(rungs, self.eta, rungs.begun[0], 0)
        return step if step is not None or rungs.under_way else last_resort(rungs)


def climb(rungs: Rungs, eta: int, members: Collection[int], first: int) -> Step | None:
    """The next promotion of a bracket that began on a rung with these members; None while a rung is not done, or when all is."""
    for rung in range(first, rungs.top):
        on_it = [trial for trial in members if trial in rungs.begun[rung]]
        if any(trial not in rungs.results[rung] for trial in on_it):
            return None
        most = max(1, len(on_it) // eta) if rungs.trusted(rung) else len(on_it)
        for trial in rungs.ranked(rung, on_it)[:most]:
            if trial not in rungs.begun[rung + 1]:
                return Step(trial, rung + 1)
    return None
