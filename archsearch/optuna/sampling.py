"""A strategy as a sampler of Optuna, and networks drawn inside an objective of Optuna's users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any
from zlib import crc32

import numpy as np
from optuna import TrialPruned
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import BaseTrial, FrozenTrial, TrialState

from archsearch.analysis import Budget
from archsearch.network.genotype import Genotype
from archsearch.optuna.parameters import Options, choices_of, distributions, labels, params
from archsearch.runs.proposal import Proposer, Refused
from archsearch.spaces.catalogue import Catalogue, Entry
from archsearch.spaces.encoding import CLOSED, place
from archsearch.spaces.space import Choices, Pick, Scalar, Space, SpaceError
from archsearch.strategies import Problem, Strategy
from archsearch.trial import Failure, Objective, Trial

DONE = (TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED)


class Suggested(Pick):
    """Makes decisions by what Optuna suggests."""

    def __init__(self, trial: BaseTrial, options: Options) -> None:
        super().__init__({}, np.random.default_rng(0))
        self._trial, self._known = trial, options

    def _decide(self, name: str, offered: tuple[Scalar, ...]) -> Scalar:
        super()._decide(name, offered)  # refuses what is no decision
        known = self._known.get(name, ())
        if any(place(known, option) == CLOSED for option in offered):
            known = offered  # too rare to be met by chance
        called = labels(known)
        option = known[called.index(self._trial.suggest_categorical(name, called))]
        if place(offered, option) == CLOSED:
            raise TrialPruned(f"{name}={option} is not on offer beside the other choices")
        return option


def suggest_network(trial: BaseTrial, space: Space) -> Genotype:
    """A network of a space, each of its choices suggested by Optuna as a categorical parameter of that name.

    Raises:
        TrialPruned: the choices lead to no valid network; the study goes on with the next trial. SpaceError: the space's function fails.
    """
    try:
        return space.build(Suggested(trial, space.options()))
    except SpaceError:
        raise
    except ValueError as error:
        raise TrialPruned(f"no valid network: {error}") from error


def sampler(
    strategy: Strategy, space: Space, budget: Budget | None = None, *, trials: int = 100, seed: int = 0, batch: int = 1,
    optimizer: str = "sgd",
) -> StrategySampler:  # fmt: skip
    """A strategy of ours as a sampler of Optuna, for studies whose objective draws its networks by `suggest_network`.

    It hears of every finished trial of the study, so that one from a storage goes on where it stopped; of a pruned one the last value
    that it reported. Networks over the budget, and those that were suggested before, are not suggested.

    Args:
        strategy: One of archsearch.strategies, or any object with ask and tell.
        space: The space of `suggest_network`.
        budget: Hard limits on known costs.
        trials: How many are planned, for strategies that plan.
        seed: Trial k draws from `default_rng([seed, k])`.
        batch: Samples in a training batch, for limits on training memory.
        optimizer: The optimiser likewise, as `analyse` names it.
    """
    return StrategySampler(strategy, space, budget or Budget(), trials, seed, Catalogue(space, batch, optimizer))


class StrategySampler(BaseSampler):
    """See `sampler`."""

    def __init__(self, strategy: Strategy, space: Space, budget: Budget, trials: int, seed: int, catalogue: Catalogue) -> None:
        self._strategy, self._budget, self._trials, self._seed, self._catalogue = strategy, budget, trials, seed, catalogue
        self._options = space.options()
        self._proposer: Proposer | None = None
        self._told: set[int] = set()
        self._running: dict[int, Choices] = {}
        self._lock = RLock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All choices that the space is known to offer."""
        return dict(distributions(self._options))

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        """The choices of the strategy; none when the space has nothing further within the budget, which leaves them to chance."""
        with self._lock:
            proposer = self._heard(study)
            chosen = proposer.choose(trial.number, list(self._running.values()))
            if isinstance(chosen, Refused):
                return {}
            self._running[trial.number] = chosen.entry.choices
            return dict(params(chosen.entry.choices, self._options))

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """At random, what is none of the space's choices."""
        seed = crc32(f"{self._seed} {trial.number} {param_name}".encode())
        return RandomSampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)

    def _heard(self, study: Study) -> Proposer:
        if self._proposer is None:
            objectives = objectives_of(study)
            self._proposer = Proposer(Problem(self._catalogue, objectives, self._budget, self._trials), self._strategy, self._seed)
        for trial in study.get_trials(deepcopy=False, states=DONE):
            if trial.number not in self._told:
                self._told.add(trial.number)
                self._running.pop(trial.number, None)
                self._tell(self._proposer, trial)
        return self._proposer

    def _tell(self, proposer: Proposer, trial: FrozenTrial) -> None:
        entry = self._catalogue.find(choices_of(trial.params, self._options))
        if entry is None or not trial.params:
            return
        proposer.seen.add(entry.fingerprint)
        proposer.strategy.tell(told(trial, entry, proposer.problem.objectives))


def objectives_of(study: Study) -> tuple[Objective, ...]:
    """What a study goes by: its metric names where it has some."""
    names = study.metric_names or [f"value_{place}" for place in range(len(study.directions))]
    return tuple(Objective(name, way == StudyDirection.MAXIMIZE) for name, way in zip(names, study.directions, strict=True))


def told(trial: FrozenTrial, entry: Entry, objectives: Sequence[Objective], number: int | None = None) -> Trial:
    """A finished trial of a study as one of ours; of a pruned one with one objective what it reported last."""
    found = trial.values if trial.state == TrialState.COMPLETE else None
    if trial.state == TrialState.PRUNED and trial.intermediate_values and len(objectives) == 1:
        found = [trial.intermediate_values[max(trial.intermediate_values)]]
    if found is None or not np.isfinite(found).all():
        metrics, values, failure = dict(entry.costs), None, Failure("crashed", "the trial has no value")
        return Trial(trial.number if number is None else number, entry.choices, entry.fingerprint, metrics, values, failure)
    metrics = {**dict(zip([objective.metric for objective in objectives], found, strict=True)), **entry.costs}
    goals = tuple(float(objective.value(metrics)) for objective in objectives)
    return Trial(trial.number if number is None else number, entry.choices, entry.fingerprint, metrics, goals)
