"""The strategy for those who do not want to choose one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from archsearch.spaces.space import Choices
from archsearch.strategies import load_strategy
from archsearch.strategies.base import Climbing, Foreseeing, Foretold, Noted, Problem, Strategy, begin
from archsearch.trial import Trial


@dataclass
class Auto:
    """What did best in `benchmarks.strategies`: two strategies that learn models in turn, then a third that climbs.

    Two models that err in different ways do not get stuck together. All are told of every trial, so none begins anew.

    Args:
        first: The strategy that begins, by name; a Gaussian process learns most from few trials.
        beside: The one that takes turns with it.
        then: The one that goes on alone when models have little left to tell.
        until: Trials after which `then` takes over.
        alone: Trials before `beside` takes turns: it needs some to learn from.
    """

    first: str = "graph_gp"
    beside: str = "predictor"
    then: str = "local"
    until: int = 300
    alone: int = 20
    _parts: tuple[Strategy, ...] = field(init=False, repr=False)
    _problem: Problem | None = field(default=None, init=False, repr=False)
    climbs: ClassVar[bool] = True
    _told: int = field(default=0, init=False, repr=False)
    _known: set[int] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        names = (self.first, self.beside, self.then)
        if min(self.until, self.alone) < 0:
            raise ValueError(f"until={self.until} and alone={self.alone} must be at least 0")
        if "auto" in names:
            raise ValueError(f"first, beside and then={', '.join(names)} must be others than auto")
        self._parts = tuple(load_strategy(name)() for name in names)

    def __str__(self) -> str:
        return f"{self.first} and {self.beside} in turn for the first {self.until} trials, then {self.then}"

    @property
    def notes(self) -> dict[str, float]:
        """What the strategies that were told of the last trial say of themselves."""
        told = self._listening(self._told - 1)
        return {name: value for part in told if isinstance(part, Noted) for name, value in part.notes.items()}

    def begin(self, problem: Problem) -> None:
        self._problem = problem
        for strategy in self._parts:
            begin(strategy, problem)

    def foresee(self, said: Sequence[Foretold]) -> None:
        for strategy in self._parts:
            if isinstance(strategy, Foreseeing):
                strategy.foresee(said)

    def ask(self, rng: np.random.Generator) -> Choices:
        first, beside, then = self._parts
        begun = self._told + (len(self._problem.pending) if self._problem else 0)
        if begun >= self.until:
            return then.ask(rng)
        return (first if begun < self.alone or begun % 2 == 0 else beside).ask(rng)

    def tell(self, trial: Trial) -> None:
        first = trial.number not in self._known
        self._known.add(trial.number)
        self._told += first
        for strategy in self._listening(self._told - 1):
            if first or isinstance(strategy, Climbing):
                strategy.tell(trial)

    def _listening(self, trial: int) -> tuple[Strategy, ...]:
        """The strategies that are told of a trial: those that may still be asked."""
        return self._parts if trial < self.until else self._parts[-1:]
