"""Bayesian search by the samplers of Optuna, which is installed with `pip install "archsearch[optuna]"`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from archsearch.spaces.catalogue import Entry
from archsearch.spaces.encoding import CLOSED, Encoding
from archsearch.spaces.space import Choices, Scalar
from archsearch.strategies.base import Problem
from archsearch.support.threads import torch_threads
from archsearch.trial import Trial

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
    from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
    from optuna.trial import FrozenTrial, TrialState, create_trial
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('strategy "optuna" needs Optuna; install it with: pip install "archsearch[optuna]"') from error

TRIES = 20
"""Samples for one trial, to find a network that is new and fits; the sampler is led away from those before."""
PROBES = 100
MOST_OVER = 20
"""Random networks looked at for the budget, and how many of those over it the sampler is told of."""
DISCARDED = 200
"""Samples that were not used, until the study is written anew without them."""


@dataclass
class Optuna:
    """A sampler of Optuna 5 (Akiba et al. 2019, arXiv:1907.10902), for one objective or several, with the budget as constraints.

    Each choice of the space is a parameter in every trial, "closed" where a network does not ask for it; numbers in order are an order.
    A failure counts as the worst values so far. The samplers are the tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe
    2023, arXiv:2304.11127) and a Gaussian process with expected (hypervolume) improvement.

    Args:
        sampler: `tpe`, quick; or `gp`, for few trials.
        startup: Random trials at first; Optuna's own number.
        candidates: Networks that `tpe` chooses one from; Optuna's own number.
        multivariate: Whether `tpe` models all choices jointly; they depend on each other in networks.
    """

    sampler: str = "tpe"
    startup: int = 10
    candidates: int = 24
    multivariate: bool = True
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _told: list[FrozenTrial] = field(default_factory=list, init=False, repr=False)
    _discarded: int = field(default=0, init=False, repr=False)
    _in_vain: np.random.Generator | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.sampler not in ("tpe", "gp"):
            raise ValueError(f"sampler={self.sampler!r} must be one of tpe, gp")
        for name in ("startup", "candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")

    def begin(self, problem: Problem) -> None:
        self._problem, self._encoding = problem, Encoding(problem.catalogue.options)
        self._conditional = problem.catalogue.space.is_conditional()
        self._distributions = distributions(self._encoding, self._conditional)
        self._limits = {name: limit for name, limit in problem.budget.limits().items() if problem.is_known(name)}
        self._study = self._new_study(problem)

    def ask(self, rng: np.random.Generator) -> Choices:
        problem = self._problem
        if problem is None or not self._distributions or rng is self._in_vain:
            return {}  # also when it is asked again for a trial for which it found nothing
        if self._discarded > DISCARDED:
            self._study, self._discarded = self._new_study(problem), 0
        self._study.sampler = self._new_sampler(int(rng.integers(2**31)))
        with quiet(), self._threads(), self._running(problem.pending) as running:
            for _ in range(TRIES):
                asked = self._study.ask(self._distributions)
                running.append(asked.number)
                choices = self._choices(asked.params)
                if problem.find_open(choices, deepcopy(rng)) is not None:  # of what they leave open, as it would be drawn next
                    return choices
        self._in_vain = rng
        return {}

    def tell(self, trial: Trial) -> None:
        if self._problem is None or not self._distributions:
            return
        worst = np.max([told.values for told in self._told], axis=0).tolist() if self._told else None
        values = worst if trial.values is None else list(trial.values)
        if values is None:
            return  # a failure before there is anything to compare it with
        self._add(trial.choices, trial.metrics, values)
        if len(self._told) == self.startup and self._limits:
            self._add_over_budget(self._problem)

    def _add(self, choices: Mapping[str, Scalar], costs: Mapping[str, float], values: list[float]) -> None:
        constraints = {name: costs.get(name, limit) / limit - 1 for name, limit in self._limits.items()}
        told = create_trial(values=values, params=self._params(choices), distributions=self._distributions, constraints=constraints or None)
        self._told.append(told)
        self._study.add_trial(told)

    def _add_over_budget(self, problem: Problem) -> None:
        """Tell the sampler of networks that are over the budget, as far as that is known without running them."""
        worst = np.max([told.values for told in self._told], axis=0).tolist()
        over = [entry for entry in probes(problem) if not problem.fits(entry)]
        for entry in over[:MOST_OVER]:
            known = (problem.known_value(i, entry) for i in range(len(worst)))
            values = [value if at is None else at for value, at in zip(worst, known, strict=True)]
            self._add(entry.choices, problem.costs(entry), values)

    def _params(self, choices: Mapping[str, Scalar]) -> dict[str, int]:
        places = dict(zip(self._encoding.names, self._encoding.places(choices).tolist(), strict=True))
        return {name: places[name] if self._conditional else max(places[name], 0) for name in self._distributions}

    def _choices(self, params: Mapping[str, int]) -> Choices:
        return {name: self._encoding.options[name][at] for name, at in params.items() if at != CLOSED}

    def _threads(self) -> AbstractContextManager[None]:
        return torch_threads() if self.sampler == "gp" else nullcontext()  # the other knows no torch

    def _new_study(self, problem: Problem) -> optuna.Study:
        with quiet():
            study = optuna.create_study(directions=["minimize"] * len(problem.objectives))
        study.add_trials(self._told)
        return study

    def _new_sampler(self, seed: int) -> BaseSampler:
        """The sampler with every option said, because defaults change from version to version."""
        if self.sampler == "tpe":
            return TPESampler(
                n_startup_trials=self.startup,
                n_ei_candidates=self.candidates,
                seed=seed,
                multivariate=self.multivariate,
                group=False,
                constant_liar=True,
            )
        return GPSampler(
            seed=seed,
            independent_sampler=RandomSampler(seed=seed),
            n_startup_trials=self.startup,
            deterministic_objective=False,
            warn_independent_sampling=False,
        )

    @contextmanager
    def _running(self, pending: tuple[Choices, ...]) -> Iterator[list[int]]:
        """Numbers of trials under way, of which the sampler keeps away; in the end none of them was."""
        running = []
        for choices in pending:
            self._study.add_trial(create_trial(state=TrialState.RUNNING, params=self._params(choices), distributions=self._distributions))
            running.append(len(self._study.trials) - 1)
        try:
            yield running
        finally:
            for number in running:
                self._study.tell(number, state=TrialState.FAIL)
            self._discarded += len(running)


def distributions(encoding: Encoding, conditional: bool) -> dict[str, BaseDistribution]:
    """For every choice that there is the number of the option; where choices depend on others, CLOSED is one more."""
    found: dict[str, BaseDistribution] = {}
    for name, offered in encoding.options.items():
        if conditional:
            found[name] = CategoricalDistribution([CLOSED, *range(len(offered))])
        elif len(offered) > 1:
            found[name] = IntDistribution(0, len(offered) - 1) if ordered(offered) else CategoricalDistribution(range(len(offered)))
    return found


def ordered(offered: Sequence[Scalar]) -> bool:
    """Whether options are at least three numbers that rise or fall."""
    numbers = [option for option in offered if isinstance(option, int | float) and not isinstance(option, bool)]
    return 2 < len(offered) == len(numbers) and numbers in (sorted(numbers), sorted(numbers, reverse=True))


def probes(problem: Problem) -> Iterator[Entry]:
    """Some random networks, always the same."""
    for seed in range(PROBES):
        with suppress(ValueError):
            yield problem.catalogue.draw(np.random.default_rng([seed, PROBES]))


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its messages."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
