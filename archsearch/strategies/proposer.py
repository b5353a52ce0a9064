"""A function of the user's own as a strategy."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from archsearch.spaces.space import Choices, Space, place, plain
from archsearch.strategies.base import Problem, StrategyError
from archsearch.support.nearest import nearest
from archsearch.support.parts import load_part
from archsearch.trial import Trial


class History(NamedTuple):
    """What a function goes by: all trials that are done, and what it proposed for the present one in vain, each with the reason."""

    trials: tuple[Trial, ...]
    refused: tuple[tuple[Choices, str], ...]


class Propose(Protocol):
    """Gives choices for the next network, all or some; `{}` leaves it to chance."""

    def __call__(self, history: History, space: Space, rng: np.random.Generator, /) -> Mapping[str, object]:
        """Choices by name; `space.options()` says what there is."""


@dataclass
class FromFunction:
    """Asks a function of your own, given as `file.py:function`, for every network: a script, a language model.

    The function is called as `function(history, space, rng)` and returns choices. A run repeats and resumes exactly when the function
    depends on its arguments alone.

    Args:
        source: The function, as `file.py:function`.
        tries: How often it is asked for one trial when it gives no network, one that is known, or one over the budget; then chance decides.
    """

    source: str = ""
    tries: int = 10
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _trials: list[Trial] = field(default_factory=list, init=False, repr=False)
    _rng: np.random.Generator | None = field(default=None, init=False, repr=False)
    _refused: list[tuple[Choices, str]] = field(default_factory=list, init=False, repr=False)
    _proposed: tuple[Choices, np.random.Generator] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if ".py:" not in self.source:
            raise ValueError(f"source={self.source!r} must be file.py:function")
        if self.tries < 1:
            raise ValueError(f"tries={self.tries} must be at least 1")
        self._function: Propose = load_part("proposer", self.source, {})
        file, _, function = self.source.rpartition(":")
        self.source = f"{Path(file).resolve()}:{function}"  # so that the run can be resumed from another folder

    def begin(self, problem: Problem) -> None:
        self._problem = problem

    def tell(self, trial: Trial) -> None:
        self._trials.append(trial)

    def ask(self, rng: np.random.Generator) -> Choices:
        problem = self._problem
        if problem is None:
            return {}
        if rng is not self._rng:  # every trial has a generator of its own
            self._rng, self._refused, self._proposed = rng, [], None
        if self._proposed is not None:
            self._refused.append((self._proposed[0], reason(problem, *self._proposed)))
            self._proposed = None
        while len(self._refused) < self.tries:
            choices = self._call(problem.catalogue.space, rng)
            wrong = misnamed(problem, choices)
            if not wrong:
                self._proposed = choices, deepcopy(rng)
                return choices
            self._refused.append((choices, wrong))
        return {}

    def _call(self, space: Space, rng: np.random.Generator) -> Choices:
        history = History(tuple(self._trials), tuple(self._refused))
        try:
            found = self._function(history, space, rng)
        except Exception as error:
            raise StrategyError(f"{self.source} failed{place(error)}: {type(error).__name__}: {error}") from error
        if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
            raise StrategyError(f"{self.source} returned {reprlib.repr(found)}; it must return choices, a dict from name to option")
        choices = {name: plain(value) for name, value in found.items()}
        if not all(value is None or isinstance(value, str | int | float) for value in choices.values()):
            raise StrategyError(f"{self.source} returned {reprlib.repr(found)}; options are texts, numbers, true, false or None")
        return choices


def misnamed(problem: Problem, choices: Choices) -> str:
    """What is wrong with the names of choices, empty when nothing is; where choices depend on others only the space can tell."""
    known = problem.catalogue.options
    unknown = next((name for name in choices if name not in known), None)
    if unknown is None or problem.catalogue.space.is_conditional():
        return ""
    return f"the space has no choice {unknown!r}; {nearest(unknown, sorted(known))}"


def reason(problem: Problem, choices: Choices, rng: np.random.Generator) -> str:
    """Why the network of these choices was refused; `rng` draws what is missing as it was drawn."""
    try:
        entry = problem.catalogue.look_up(choices, rng)
    except ValueError as error:
        return str(error)
    over = problem.overruns(entry) or problem.late(entry)
    return f"over the budget: {', '.join(over)}" if over else "known already"
