"""Asynchronous successive halving, plain and delayed."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.fidelity.base import Rungs, Step, Thinning, last_resort


@dataclass(frozen=True)
class Asha(Thinning):
    """Promote whoever is among the best of a rung, one in `eta`, as soon as that is known; else begin with a new network.

    Li et al. 2020 (arXiv:1810.05934); with several objectives the best are those of the lowest fronts (Schmucker et al. 2021,
    arXiv:2106.12639).
    """

    def next(self, rungs: Rungs) -> Step | None:
        for rung in reversed(range(rungs.top)):
            found = self.promoted(rungs, rung)
            if found is not None:
                return found
        if rungs.is_open:
            return Step(rungs.fresh, 0)
        return None if rungs.under_way else last_resort(rungs)

    def promoted(self, rungs: Rungs, rung: int) -> Step | None:
        """The best trial of a rung that has not climbed yet, if it is good enough."""
        most = len(rungs.results[rung]) // self.eta if rungs.trusted(rung) else len(rungs.results[rung])
        for trial in rungs.ranked(rung)[:most]:
            if trial not in rungs.begun[rung + 1]:
                return Step(trial, rung + 1)
        return None


@dataclass(frozen=True)
class DelayedAsha(Asha):
    """ASHA in which no more than one in `eta` of a rung has climbed at any time: who was only early among the best waits for the others.

    Li et al. 2022 (arXiv:2201.06834). Of few trials so many climb as a run foretells, where plain ASHA lets more.
    """

    def promoted(self, rungs: Rungs, rung: int) -> Step | None:
        is_full = len(rungs.begun[rung + 1]) >= len(rungs.results[rung]) // self.eta
        return None if is_full and rungs.trusted(rung) else super().promoted(rungs, rung)
