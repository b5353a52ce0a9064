"""Ask and tell: what every search strategy is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from archsearch.analysis import COSTS, LATENCY, PREDICTED, Budget
from archsearch.spaces.catalogue import Catalogue, Entry
from archsearch.spaces.space import Choices
from archsearch.trial import Objective, Trial

SLACK = 1.5
"""So many times its limit a predicted latency may be: what is nearer is measured."""
OVER_PREDICTED = f"{LATENCY} (predicted)"
"""What a network is over whose predicted latency says that measuring it is in vain."""


class StrategyError(Exception):
    """A strategy of the user's own that fails; one line that says what, where and what to do."""


@dataclass
class Problem:
    """What a search is about, for strategies that plan: its networks with their known costs, objectives, budget, planned trials.

    Networks that give the same answer to every input are proposed only where `constants` says so. `top` is the highest of the rungs on
    which networks are evaluated. `seen` holds the fingerprints of all networks so far, those under way included; `pending` the choices of
    trials under way, of which the strategy has not been told: both are the same when a run is resumed. Where the catalogue predicts
    latencies, measured ones have been `latency_ratio` times as long so far (median), and nine in ten over `latency_floor` times.
    """

    catalogue: Catalogue
    objectives: tuple[Objective, ...]
    budget: Budget
    trials: int
    top: int = 0
    seen: set[str] = field(default_factory=set)
    pending: tuple[Choices, ...] = ()
    constants: bool = True
    latency_ratio: float = 1.0
    latency_floor: float = 1 / SLACK

    def overruns(self, entry: Entry) -> dict[str, float]:
        """Known costs over their limit, as cost divided by limit, a predicted latency where it is far over; empty when all fit.

        It is taken as it was predicted, whatever was measured since, so that what fits once fits whenever a run is resumed.
        """
        over, limit = self.budget.overruns(entry.costs), self.budget.latency_ms
        if limit is not None and entry.costs.get(PREDICTED, 0) > SLACK * limit:
            over[OVER_PREDICTED] = entry.costs[PREDICTED] / limit
        return over

    def fits(self, entry: Entry) -> bool:
        """Whether a network keeps the budget, as far as its costs are known without running it."""
        return not self.overruns(entry) and (self.constants or not entry.constant)

    def hear(self, ratio: float | None, floor: float | None) -> None:
        """Take in how measured latencies compare with predicted ones; None where too few are measured."""
        self.latency_ratio = 1.0 if ratio is None else ratio
        self.latency_floor = 1 / SLACK if floor is None else floor

    def late(self, entry: Entry) -> dict[str, float]:
        """Its predicted latency over the limit, where nine in ten networks that were measured show that it is too slow; else empty."""
        limit, predicted = self.budget.latency_ms, entry.costs.get(PREDICTED, 0)
        return {OVER_PREDICTED: predicted / limit} if limit is not None and predicted * self.latency_floor > limit else {}

    def is_open(self, entry: Entry) -> bool:
        """Whether a network may be proposed now: new, within the budget, and not too slow by what was measured so far."""
        return entry.fingerprint not in self.seen and self.fits(entry) and not self.late(entry)

    def find_open(self, choices: Choices, rng: np.random.Generator | None = None) -> Entry | None:
        """The network of these choices if it may be proposed; what is missing is drawn, as by `Catalogue.look_up`."""
        entry = self.catalogue.find(choices, rng)
        return entry if entry is not None and self.is_open(entry) else None

    def is_known(self, metric: str) -> bool:
        """Whether a metric is known without running a network: a cost, or the latency where it is predicted."""
        return metric in COSTS or (metric in (LATENCY, PREDICTED) and self.catalogue.device is not None)

    def costs(self, entry: Entry) -> dict[str, float]:
        """What is known of a network, its latency as it would be measured where it is predicted."""
        predicted = entry.costs.get(PREDICTED)
        return entry.costs if predicted is None else {**entry.costs, LATENCY: predicted * self.latency_ratio}

    def known_value(self, objective: int, entry: Entry) -> float | None:
        """Value of an objective that is a known cost, to be minimised; None for what must be measured."""
        wanted = self.objectives[objective]
        return wanted.value(self.costs(entry)) if self.is_known(wanted.metric) else None


@runtime_checkable
class Strategy(Protocol):
    """A search algorithm: a dataclass whose fields are its options. It never evaluates, saves or prints.

    `tell` gets every outcome, failures too, in the order of trial numbers; all memory must come from it, because a resumed run
    replays `tell` alone. `ask` may be partial: the space draws the rest. One that wants to know the problem has `begin(problem)` besides,
    which is called once, before any ask or tell, on resume too.
    """

    def ask(self, rng: np.random.Generator) -> Choices:
        """Choices for the next candidate, all or some of them."""

    def tell(self, trial: Trial) -> None:
        """Learn of an outcome."""


@runtime_checkable
class Noted(Protocol):
    """A strategy that says something of itself, such as how good its model is; recorded after every tell that leaves notes."""

    @property
    def notes(self) -> Mapping[str, float]:
        """Numbers by name, empty when there is nothing new; they depend on tells alone."""


class Foretold(NamedTuple):
    """What zero-cost proxies make of a network that nobody has evaluated: their `worth`, of several together, the higher the better."""

    entry: Entry
    worth: float


@runtime_checkable
class Foreseeing(Protocol):
    """A strategy whose model begins with what proxies say of some networks; it hears that once, before it is asked or told anything."""

    def foresee(self, said: Sequence[Foretold]) -> None:
        """Learn of it."""


@runtime_checkable
class Climbing(Protocol):
    """A strategy that is told of a trial again whenever it climbed to a higher rung, `trial.rung`; any other is told once, of the first."""

    climbs: bool


def begin(strategy: Strategy, problem: Problem) -> None:
    """Tell a strategy what the search is about, where it wants to know."""
    listen = getattr(strategy, "begin", None)
    if listen is not None:
        listen(problem)
