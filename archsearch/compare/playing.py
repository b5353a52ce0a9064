"""One run of a strategy on a table: the search loop without training, store or workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from archsearch.analysis import Budget
from archsearch.catalogue import Catalogue
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.table import Table
from archsearch.pareto import Points
from archsearch.proposal import Proposer, Refused, SearchError
from archsearch.record import Record
from archsearch.space import load_file, load_space
from archsearch.strategies import Informed, Random, Strategy, load_strategy
from archsearch.trial import EvaluationError, Failure, Objective, Trial


@dataclass(frozen=True)
class Match:
    """What all strategies play on: a space, by name or file and its settings, a table of its networks, objectives, evaluations a run."""

    space: str
    settings: Mapping[str, Any]
    table: Table
    objectives: tuple[Objective, ...]
    trials: int


@dataclass(frozen=True)
class Player:
    """A strategy by name, or by `file.py:Class`, and its options."""

    strategy: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Strategy:
        """A fresh one. Raises SearchError for an unknown name, a class that is no strategy, or options that it refuses."""
        file, _, cls = self.strategy.rpartition(".py:")
        try:
            maker = getattr(load_file(f"{file}.py"), cls, None) if file else load_strategy(self.strategy)
            if maker is None:
                raise SearchError(f"{file}.py has no class {cls!r}; a strategy is a class with ask and tell")
            made = maker(**self.options)
        except (TypeError, ValueError, ImportError) as error:
            raise SearchError(f"strategy {self.strategy!r}: {error}") from error
        if not isinstance(made, Strategy):
            raise SearchError(f"strategy {self.strategy!r} needs methods ask and tell")
        return made


class Played(NamedTuple):
    """A run, trial by trial: values of the objectives (trials, objectives), NaN where the trial failed, and seconds (trials,).

    `values` are what the strategy was told, `truth` means over all seeds of the table, `tests` such means of the test part.
    """

    values: Points
    truth: Points
    tests: Points
    seconds: Points


def play(match: Match, strategy: Strategy, seed: int) -> Played:
    """Run a fresh strategy on the table until the trials are done, or the space has no further network.

    Raises:
        SearchError: no network of the space is valid.
    """
    proposer = proposer_of(match, strategy, seed)
    judge = replace(match.table, mean=True)
    rows = []
    for number in range(match.trials):
        proposal = proposer.propose(number)
        if isinstance(proposal, Refused):
            break
        first = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        candidate = Candidate(number, proposal.genotype, first, choices=proposal.choices)
        told, failure = looked_up(match.table, candidate, proposal.costs)
        true, _ = looked_up(judge, candidate, proposal.costs)
        tested = {**proposal.costs, **judge.test(candidate)} if true else {}
        values = None if failure else tuple(float(objective.value(told)) for objective in match.objectives)
        fingerprint = proposal.genotype.fingerprint
        proposer.strategy.tell(Trial(number, proposal.choices, fingerprint, told, values, failure))
        rows.append([*(columns(match, metrics) for metrics in (told, true, tested)), [told.get("seconds", 0.0)]])
    told_values, truth, tests, seconds = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return Played(told_values, truth, tests, seconds[:, 0])


def looked_up(table: Table, candidate: Candidate, costs: Mapping[str, float]) -> tuple[dict[str, float], Failure | None]:
    """All metrics of a candidate, or why it has none."""
    try:
        return {**costs, **table.evaluate(candidate, lambda epoch, metrics: False)}, None
    except EvaluationError as error:
        return {}, error.failure


def columns(match: Match, metrics: Mapping[str, float]) -> list[float]:
    """Values of the objectives, NaN for those that are not there."""
    return [float(objective.value(metrics)) if objective.metric in metrics else float("nan") for objective in match.objectives]


def proposer_of(match: Match, strategy: Strategy, seed: int) -> Proposer:
    """A proposer for one run, on the catalogue that all runs of this process share."""
    settings = tuple(sorted(match.settings.items()))
    catalogue = shared_catalogue(match.space, settings, match.table.batch, match.table.optimizer)
    record = Record(
        match.space, dict(match.settings), "", {}, "table", {}, match.objectives, Budget(), match.trials, seed, workers=0, lookahead=1
    )
    proposer = Proposer(record, catalogue.space, Random(), match.table)
    proposer.problem.catalogue, proposer.strategy = catalogue, strategy
    if isinstance(strategy, Informed):
        strategy.begin(proposer.problem)
    return proposer


@lru_cache(maxsize=1)
def shared_catalogue(space: str, settings: tuple[tuple[str, Any], ...], batch: int, optimizer: str) -> Catalogue:
    """Networks of a space, analysed once for all runs of this process."""
    return Catalogue(load_space(space, **dict(settings)), batch, optimizer)
