"""Search by an ensemble that predicts what networks come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from archsearch.analysis import COSTS
from archsearch.catalogue import Entry
from archsearch.encoding import Encoding, Places
from archsearch.pareto import Points, front, hypervolume, preference
from archsearch.space import Choices
from archsearch.strategies.base import Problem
from archsearch.strategies.predictor.candidates import drawn, mutated, written
from archsearch.strategies.predictor.ensemble import Ensemble, Fit, Vector
from archsearch.strategies.predictor.recurrent import Recurrent
from archsearch.strategies.predictor.trees import Trees
from archsearch.trial import Trial

REFERENCE = 1.1
"""Reference point in every objective, where values count by their ranks from 0 to 1."""
GROWTH = 20
"""The ensemble is fitted anew after every `refit` trials, or after one trial in so many when that is more."""


@dataclass
class Predictor:
    """An ensemble predicts what networks come to, and the most promising of some candidates is proposed (White et al. 2021, arXiv:1910.11858).

    `trees` members are boosted trees on one-hot choices, `networks` recurrent ones that read a network choice by choice (Liu et al. 2018,
    arXiv:1712.00559). Of the `candidates`, most are mutations of the best `parents` trials. Each gets a value drawn from what the members
    believe of it (independent Thompson sampling); with several objectives the hypervolume that it would add decides. Known costs are
    computed, not predicted. The first `startup` trials are random. `quality` says at every fit how well unseen trials were ranked.
    """

    startup: int = 20
    refit: int = 5
    candidates: int = 100
    parents: int = 10
    trees: int = 5
    networks: int = 2
    quality: list[Fit] = field(default_factory=list, init=False, repr=False)
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _told: list[Trial] = field(default_factory=list, init=False, repr=False)
    _ensembles: dict[int, Ensemble] = field(default_factory=dict, init=False, repr=False)
    _fitted: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("startup", 8), ("refit", 1), ("candidates", 1), ("parents", 1), ("trees", 0), ("networks", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)} must be at least {least}")
        if self.trees + self.networks < 2:
            raise ValueError(f"trees={self.trees} and networks={self.networks} must be at least 2 together")

    def begin(self, problem: Problem) -> None:
        self._problem, self._encoding = problem, Encoding(problem.catalogue.options)
        self._conditional = problem.catalogue.space.is_conditional()
        self._measured = [i for i, objective in enumerate(problem.objectives) if objective.metric not in COSTS]

    def ask(self, rng: np.random.Generator) -> Choices:
        problem = self._problem
        if problem is None or not self._fitted:
            return {}
        table = self._candidates(problem, rng)
        if len(self._measured) == len(problem.objectives):
            entries: Sequence[Entry | None] = [None] * len(table)
        else:  # known costs are looked up, which takes a while
            table = table[: self.candidates // 3]
            entries = [look_up(problem, self._encoding.choices(row)) for row in table]
        for at in self._order(problem, table, entries, rng):
            choices = self._encoding.choices(table[at])
            entry = entries[at] or look_up(problem, choices)
            if entry is not None and problem.is_open(entry):
                return choices
        return {}

    def tell(self, trial: Trial) -> None:
        if self._problem is None or not self._encoding.names:
            return
        self._told.append(trial)
        done = sum(told.values is not None for told in self._told)
        if done >= self.startup and (not self._fitted or len(self._told) - self._fitted >= max(self.refit, self._fitted // GROWTH)):
            self._fit()

    def _fit(self) -> None:
        table = self._encoding.table([told.choices for told in self._told])
        self._fitted = len(self._told)
        for objective in self._measured:
            makes = [partial(Trees, self._encoding)] * self.trees + [partial(Recurrent, self._encoding)] * self.networks
            self._ensembles[objective] = Ensemble(makes)
            tau = self._ensembles[objective].fit(table, ndtri(self._shares()[:, objective]))
            self.quality.append(Fit(self._fitted, objective, tau))

    def _values(self) -> Points:
        """(trials, objectives): failures are infinite."""
        done = [told.values for told in self._told if told.values is not None]
        worst = (np.inf,) * len(done[0])
        return np.array([told.values or worst for told in self._told])

    def _shares(self) -> Points:
        """(trials, objectives): rank of each value among all, from 0 for the best to 1; outliers weigh no more than others."""
        return np.asarray(rankdata(self._values(), axis=0) / (len(self._told) + 1))

    def _candidates(self, problem: Problem, rng: np.random.Generator) -> Places:
        """(candidates, columns): networks of which no trial was told."""
        done = [told for told in self._told if told.values is not None]
        best = [done[i].choices for i in preference([told.values for told in done])[: self.parents]]
        if self._conditional:
            table = written(self._encoding, problem.catalogue.space, best, self.candidates // 3, rng)
        else:
            anywhere = drawn(self._encoding, self.candidates // 5, rng)
            children = mutated(self._encoding, self._encoding.table(best), self.candidates - len(anywhere), rng)
            table = np.concatenate([children, anywhere])
        known = {row.tobytes() for row in self._encoding.table([told.choices for told in self._told])}
        return np.array(list({row.tobytes(): row for row in table if row.tobytes() not in known}.values())).reshape(-1, table.shape[1])

    def _order(self, problem: Problem, table: Places, entries: Sequence[Entry | None], rng: np.random.Generator) -> list[int]:
        """Rows from the most to the least promising."""
        if not len(table):
            return []
        shares, values = self._shares(), self._values()
        drawn_shares = np.ones((len(table), len(problem.objectives)))
        for objective in range(len(problem.objectives)):
            if objective in self._ensembles:
                mean, deviation = self._ensembles[objective].believe(table)
                drawn_shares[:, objective] = ndtr(mean + deviation * rng.standard_normal(len(table)))
                continue
            costs = [np.inf if entry is None else problem.known_value(objective, entry) for entry in entries]
            drawn_shares[:, objective] = np.interp(costs, *np.sort([values[:, objective], shares[:, objective]], axis=1))
        return np.argsort(-gains(shares, drawn_shares), kind="stable").tolist()


def gains(seen: Points, promised: Points) -> Vector:
    """(networks,): what each promises: of one objective how small it is, of several the hypervolume added to the front."""
    if promised.shape[1] == 1:
        return -promised[:, 0]
    known, reference = seen[front(seen)], np.full(seen.shape[1], REFERENCE)
    before = hypervolume(known, reference)
    added = np.array([hypervolume([*known, point], reference) - before for point in promised])
    return added - 1e-6 * promised.sum(1)  # among those that add nothing the better


def look_up(problem: Problem, choices: Choices) -> Entry | None:
    """The network of these choices, None when it is invalid."""
    try:
        return problem.catalogue.look_up(choices, np.random.default_rng(0))
    except ValueError:
        return None
