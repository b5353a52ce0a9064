"""The strategy for those who do not want to choose one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from archsearch.space import Choices
from archsearch.strategies import load_strategy
from archsearch.strategies.base import Informed, Problem, Strategy
from archsearch.trial import Trial


@dataclass
class Auto:
    """What did best in `benchmarks.strategies`: strategy `first` for `until` trials, `then` the other.

    Both are told of all that the first one found, so the second does not begin anew.
    """

    first: str = "graph_gp"
    then: str = "local"
    until: int = 300
    _parts: tuple[Strategy, Strategy] = field(init=False, repr=False)
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _told: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.until < 0 or "auto" in (self.first, self.then):
            raise ValueError(f"until={self.until} must be at least 0, first={self.first!r} and then={self.then!r} others than auto")
        self._parts = load_strategy(self.first)(), load_strategy(self.then)()

    def __str__(self) -> str:
        return f"{self.first} for the first {self.until} trials, then {self.then}"

    def begin(self, problem: Problem) -> None:
        self._problem = problem
        for strategy in self._parts:
            if isinstance(strategy, Informed):
                strategy.begin(problem)

    def ask(self, rng: np.random.Generator) -> Choices:
        begun = self._told + (len(self._problem.pending) if self._problem else 0)
        return self._parts[begun >= self.until].ask(rng)

    def tell(self, trial: Trial) -> None:
        first, then = self._parts
        if self._told < self.until:
            first.tell(trial)
        then.tell(trial)
        self._told += 1
