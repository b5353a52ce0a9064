"""What is known of every rung, and what a schedule is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from archsearch.pareto import Points, contributions, preference, ranks
from archsearch.support.ranks import rank_correlation

Values = tuple[float, ...]
TRUSTED, PAIRS = 0.4, 20
"""Rank correlation of two rungs below which the lower one stops nobody, once so many trials have been on both."""

EXACT, REFERENCE = 2, 1.1
"""Objectives for which hypervolumes are quickly exact, and the reference point, in spans from the best to the worst of a rung."""


class Step(NamedTuple):
    """An evaluation: of a trial by its number, on a rung, the lowest 0."""

    trial: int
    rung: int


@dataclass
class Rungs:
    """What a schedule knows: for each rung the trials that began on it, and what came out as far as it was told.

    Objectives are minimised; a failure has no values. `more` is whether there are further networks to begin with.
    """

    count: int
    trials: int
    more: bool = True
    fresh: int = 0
    """Number of the next new trial; trials are numbered as they begin, on whatever rung."""
    begun: list[set[int]] = field(init=False)
    results: list[dict[int, Values | None]] = field(init=False)

    def __post_init__(self) -> None:
        self.begun = [set() for _ in range(self.count)]
        self.results = [{} for _ in range(self.count)]

    @property
    def top(self) -> int:
        """The highest rung."""
        return self.count - 1

    @property
    def is_open(self) -> bool:
        """Whether a new trial may begin."""
        return self.more and self.fresh < self.trials

    @property
    def under_way(self) -> int:
        """How many evaluations have begun and were not told of."""
        return sum(map(len, self.begun)) - sum(map(len, self.results))

    def begin(self, step: Step) -> None:
        """Note that an evaluation is under way."""
        self.begun[step.rung].add(step.trial)
        self.fresh = max(self.fresh, step.trial + 1)

    def take_back(self, step: Step) -> None:
        """A new trial did not begin: there is no further network."""
        self.begun[step.rung].discard(step.trial)
        self.fresh -= 1
        self.more = False

    def tell(self, step: Step, values: Values | None) -> None:
        """Take in what came out."""
        self.results[step.rung][step.trial] = values

    def done(self, rung: int) -> dict[int, Values]:
        """Values of the trials with a result on a rung, by number."""
        return {trial: values for trial, values in sorted(self.results[rung].items()) if values is not None}

    def ranked(self, rung: int, among: Collection[int] | None = None) -> list[int]:
        """Trials with a result on a rung, the best first: by non-dominated rank, then by the hypervolume that each alone adds.

        With several objectives this is how multi-objective ASHA promotes (Schmucker et al. 2021, arXiv:2106.12639); the hypervolume, each
        objective scaled to what the rung has seen, puts the ends of the front last where they are cheap and good for nothing.
        """
        found = {trial: values for trial, values in self.done(rung).items() if among is None or trial in among}
        trials = list(found)
        return [trials[place] for place in ordered(np.array(list(found.values())))] if found else []

    def fronts(self, rung: int) -> dict[int, int]:
        """How many trials are on better fronts of a rung, by trial; those without a result are left out."""
        found = self.done(rung)
        rank = ranks(list(found.values())) if found else ()
        return {trial: int((rank < own).sum()) for trial, own in zip(found, rank, strict=True)}

    def correlation(self, rung: int) -> float | None:
        """Spearman's rank correlation of the first objective on a rung and the next, over the trials on both; None for less than three."""
        low, high = self.done(rung), self.done(rung + 1)
        return rank_correlation([(low[trial][0], values[0]) for trial, values in high.items() if trial in low])

    def trusted(self, rung: int) -> bool:
        """Whether a rung may stop anybody: not while its ranks say little of those on the next."""
        found = self.correlation(rung)
        on_both = len(self.results[rung].keys() & self.results[rung + 1].keys())
        return found is None or on_both < PAIRS or found >= TRUSTED


class Schedule(Protocol):
    """Says what is evaluated next. All of its memory is in the rungs, so that a resumed run decides as the first time."""

    def next(self, rungs: Rungs) -> Step | None:
        """The next evaluation; None while that depends on what is under way, or when nothing is left."""

    def most(self, rungs: Rungs, rung: int) -> int:
        """How many of the best on a rung may ever climb from it, while its ranks are trusted."""

    def expected(self, rungs: Rungs) -> list[int]:
        """About how many evaluations there will be on each rung in all."""


def ordered(points: Points) -> list[int]:
    """Places of points from best to worst; a single objective by its value, three and more within a front by crowding."""
    if points.shape[1] != EXACT:
        return [int(place) for place in preference(points)]
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1)
    rank, worth = ranks(points), np.zeros(len(points))
    for level in np.unique(rank):
        worth[rank == level] = contributions(scaled[rank == level], np.full(EXACT, REFERENCE))
    return [int(place) for place in np.lexsort((-worth, rank))]


def thinned(trials: int, eta: int, rungs: int) -> list[int]:
    """How many of so many trials are on each rung where one in `eta` climbs, and one at least."""
    counts = [trials]
    while len(counts) < rungs:
        counts.append(max(1, counts[-1] // eta) if trials else 0)
    return counts


@dataclass(frozen=True)
class Thinning:
    """What schedules share whose trials all begin on the lowest rung: one in `eta` climbs from each."""

    eta: int = 3

    def most(self, rungs: Rungs, rung: int) -> int:
        """As a schedule says it."""
        return thinned(rungs.trials, self.eta, rung + 2)[-1]

    def expected(self, rungs: Rungs) -> list[int]:
        """As a schedule says it."""
        return thinned(rungs.trials if rungs.more else rungs.fresh, self.eta, rungs.count)


def last_resort(rungs: Rungs) -> Step | None:
    """When nothing else is left and no trial has a result on the top rung: let the best of the highest rung climb on."""
    if rungs.done(rungs.top):
        return None
    for rung in reversed(range(rungs.top)):
        for trial in rungs.ranked(rung):
            if trial not in rungs.begun[rung + 1]:
                return Step(trial, rung + 1)
    return None
