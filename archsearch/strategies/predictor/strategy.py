"""Search by an ensemble that predicts what networks come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from archsearch.pareto import Points, front, hypervolume, preference
from archsearch.spaces.space import Choices
from archsearch.strategies.base import Foretold, Problem
from archsearch.strategies.heard import Heard
from archsearch.strategies.predictor.ensemble import Ensemble, Fit, Sample, Trees, Vector
from archsearch.strategies.predictor.features import Features, Network
from archsearch.strategies.predictor.pool import Pool
from archsearch.strategies.predictor.prior import Prior
from archsearch.strategies.predictor.recurrent import Recurrent
from archsearch.trial import Trial

REFERENCE = 1.1
"""Reference point in every objective, where values count by their ranks from 0 to 1."""
GROWTH = 10
"""The ensemble is fitted anew after every `refit` trials, or after one trial in so many when that is more."""
MOST = 1000
"""Candidates that are kept, and trials that the ensemble is fitted to: the best half, and the latest."""


@dataclass
class Predictor:
    """An ensemble predicts what networks come to, and the most promising candidate is proposed (White et al. 2021, arXiv:1910.11858).

    Each candidate gets a value drawn from what the members believe of it (independent Thompson sampling); with several objectives the
    hypervolume that it would add decides. Known costs are computed, not predicted. Of several rungs it learns from all: values are brought
    to the top one, and the rung is a feature. Where proxies said something of networks before the first trial, so is that, and every second
    of the first trials goes by it. `quality` says at every fit how well trials were ranked
    by members that had not seen them.

    Args:
        startup: Random trials at first; eight or more, for members are fitted to parts of them.
        refit: Trials after which the members are fitted anew, at least; the more trials there are, the later.
        candidates: Networks that join those before after every trial: mutations of the best, and some from anywhere.
        parents: The best trials, of which candidates are mutations.
        trees: Members that are boosted trees on choices (one-hot) and on paths through the network.
        recurrent: Members that read a network choice by choice (Liu et al. 2018, arXiv:1712.00559); slower than trees.
    """

    startup: int = 20
    refit: int = 5
    candidates: int = 32
    parents: int = 10
    trees: int = 5
    recurrent: int = 2
    climbs: ClassVar[bool] = True
    quality: list[Fit] = field(default_factory=list, init=False, repr=False)
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _prior: Prior | None = field(default=None, init=False, repr=False)
    _heard: Heard = field(default_factory=Heard, init=False, repr=False)
    _told: list[Trial] = field(default_factory=list, init=False, repr=False)
    _seen: list[Network] = field(default_factory=list, init=False, repr=False)
    _ensembles: dict[int, Ensemble] = field(default_factory=dict, init=False, repr=False)
    _beliefs: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict, init=False, repr=False)
    _fitted: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("startup", 8), ("refit", 1), ("candidates", 1), ("parents", 1), ("trees", 0), ("recurrent", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)} must be at least {least}")
        if self.trees + self.recurrent < 2:
            raise ValueError(f"trees={self.trees} and recurrent={self.recurrent} must be at least 2 together")

    @property
    def notes(self) -> dict[str, float]:
        """What is worth recording with the trial told last: Kendall's tau of each objective, when the ensemble was fitted anew."""
        objectives = self._problem.objectives if self._problem else ()
        return {f"kendall_tau_{objectives[fit.objective].metric}": fit.tau for fit in self.quality if fit.trials == len(self._heard.tells)}

    def begin(self, problem: Problem) -> None:
        self._problem, self._pool, self._top = problem, Pool(problem, MOST), problem.top
        self._features = Features(self._pool.encoding)
        self._measured = [i for i, objective in enumerate(problem.objectives) if not problem.is_known(objective.metric)]

    def foresee(self, said: Sequence[Foretold]) -> None:
        found = [(self._pool.network(entry.choices, np.random.default_rng(0)), worth) for entry, worth in said]
        known = [(network, worth) for network, worth in found if network is not None and len(network.places)]
        if known:
            self._prior = Prior(self._pool.encoding, *zip(*known, strict=True))

    def ask(self, rng: np.random.Generator) -> Choices:
        problem = self._problem
        if problem is not None and self._prior is not None and not self._fitted and len(self._heard.tells) % 2 == 0:
            return self._begin(problem, self._prior, rng)
        candidates = self._pool.open() if problem is not None and self._fitted else []
        if problem is None or not candidates:
            return {}
        return dict(candidates[self._best(problem, candidates, rng)].entry.choices)

    def _begin(self, problem: Problem, prior: Prior, rng: np.random.Generator) -> Choices:
        """One of the first networks, by proxies alone."""
        able = [network for network in prior.networks if problem.is_open(network.entry)]
        if not able:
            return {}
        mean, deviation = prior.believe(able)
        return dict(able[int(np.argmin(mean + deviation * rng.standard_normal(len(able))))].entry.choices)

    def tell(self, trial: Trial) -> None:
        network = None if self._problem is None else self._pool.network(trial.choices, np.random.default_rng(0))
        if network is None or not len(network.places):
            return
        if self._heard.tell(trial):
            self._seen.append(network)
        self._told = self._heard.known()
        self._pool.grow(self._told, self.parents, self.candidates)
        done = sum(told.values is not None for told in self._told)
        if done >= self.startup and (not self._fitted or len(self._heard.tells) - self._fitted >= max(self.refit, self._fitted // GROWTH)):
            self._fit()

    def _fit(self) -> None:
        rows = self._remembered()
        networks = [self._seen[i] for i in rows]
        sample = self._whole(self._features.fit(networks), networks, [self._told[i].rung for i in rows])
        self._fitted = len(self._heard.tells)
        self._beliefs.clear()
        for objective in self._measured:
            self._ensembles[objective] = Ensemble([Trees] * self.trees + [partial(Recurrent, self._pool.encoding)] * self.recurrent)
            tau = self._ensembles[objective].fit(sample, ndtri(self._shares()[rows, objective]))
            self.quality.append(Fit(self._fitted, objective, tau))

    def _whole(self, sample: Sample, networks: Sequence[Network], rungs: Sequence[int]) -> Sample:
        """Networks with all that models go by: rungs, and what proxies let expect."""
        sample = on_rungs(sample, rungs, self._top)
        return sample if self._prior is None else self._prior.beside(sample, networks)

    def _remembered(self) -> list[int]:
        """Numbers of the trials that the ensemble is fitted to, in order."""
        count = len(self._told)
        if count <= MOST:
            return list(range(count))
        return sorted({*preference(self._values())[: MOST // 2].tolist(), *range(count - MOST // 2, count)})

    def _values(self) -> Points:
        """(trials, objectives): failures are infinite."""
        done = [told.values for told in self._told if told.values is not None]
        worst = (np.inf,) * len(done[0])
        return np.array([told.values or worst for told in self._told])

    def _shares(self) -> Points:
        """(trials, objectives): rank of each value among all, from 0 for the best to 1; outliers weigh no more than others."""
        return np.asarray(rankdata(self._values(), axis=0) / (len(self._told) + 1))

    def _best(self, problem: Problem, candidates: Sequence[Network], rng: np.random.Generator) -> int:
        """The candidate that promises most."""
        self._believe(candidates)
        shares, values = self._shares(), self._values()
        promised = np.ones((len(candidates), values.shape[1]))
        for objective in range(values.shape[1]):
            if objective in self._ensembles:
                mean, deviation = np.array([self._beliefs[network.entry.fingerprint][objective] for network in candidates]).T
                promised[:, objective] = ndtr(mean + deviation * rng.standard_normal(len(candidates)))
                continue
            costs = np.array([problem.known_value(objective, network.entry) for network in candidates], dtype=np.float64)
            promised[:, objective] = np.interp(costs, *np.sort([values[:, objective], shares[:, objective]], axis=1))
        return most_gain(shares, promised)

    def _believe(self, candidates: Sequence[Network]) -> None:
        """Ask the members of candidates that they were not asked of before."""
        new = [network for network in candidates if network.entry.fingerprint not in self._beliefs]
        if not new:
            return
        sample = self._whole(self._features.of(new), new, [self._top] * len(new))
        said = {objective: np.transpose(ensemble.believe(sample)).tolist() for objective, ensemble in self._ensembles.items()}
        for i, network in enumerate(new):
            self._beliefs[network.entry.fingerprint] = {objective: (rows[i][0], rows[i][1]) for objective, rows in said.items()}


def on_rungs(sample: Sample, rungs: Sequence[int], top: int) -> Sample:
    """Networks with the rung on which each was measured, or is to be, as one feature more; as they are where there is one rung."""
    return sample._replace(features=np.column_stack([sample.features, np.array(rungs) / top])) if top else sample


def most_gain(seen: Points, promised: Points) -> int:
    """The network that promises most: of one objective the smallest value, of several the most hypervolume added to the front."""
    if promised.shape[1] == 1:
        return int(np.argmin(promised[:, 0]))
    known, reference = seen[front(seen)], np.full(seen.shape[1], REFERENCE)
    able = front(promised)  # what another candidate dominates adds less than that
    added: Vector = np.array([hypervolume([*known, promised[i]], reference) - 1e-6 * promised[i].sum() for i in able])
    return able[int(np.argmax(added))]
