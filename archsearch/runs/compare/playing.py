"""One run of a strategy on a table: the search loop without training, store or workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from archsearch.analysis import Budget
from archsearch.evaluators.table import Table
from archsearch.pareto import Points
from archsearch.runs.proposal import Proposer, Refused, SearchError
from archsearch.spaces.catalogue import Catalogue, Entry, key_of
from archsearch.spaces.space import Choices, load_space
from archsearch.strategies import Problem, Strategy, load_strategy
from archsearch.support.seeds import seed_of
from archsearch.trial import EvaluationError, Failure, Objective, Trial

MOST_KEPT = 16_000
"""For so many networks at most, some kilobytes each, what strategies look at in a network is worked out once for all runs."""


@dataclass(frozen=True)
class Match:
    """What all strategies play on: a space, by name or file and its settings, a table of its networks, objectives, evaluations a run.

    Isomorphic networks count as one, as in a search, unless `written`: for tables that measured them apart.
    """

    space: str
    settings: Mapping[str, Any]
    table: Table
    objectives: tuple[Objective, ...]
    trials: int
    written: bool = False


@dataclass(frozen=True)
class Player:
    """A strategy by name, or by `file.py:Class`, and its options; it plays at most `runs` runs, if others play more."""

    strategy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    runs: int | None = None

    @property
    def own(self) -> bool:
        """Whether the strategy is the user's own."""
        return ".py:" in self.strategy

    def maker(self) -> Callable[..., Strategy]:
        """Its class. Raises SearchError for an unknown name."""
        try:
            return load_strategy(self.strategy)
        except (ValueError, ImportError) as error:
            raise SearchError(str(error)) from error

    def make(self) -> Strategy:
        """A fresh one. Raises SearchError for an unknown name, a class that is no strategy, or options that it refuses."""
        maker = self.maker()
        try:
            made = maker(**self.options)
        except (TypeError, ValueError, ImportError) as error:
            raise SearchError(f"strategy {self.strategy!r}: {error}") from error
        if not isinstance(made, Strategy):
            raise SearchError(f"strategy {self.strategy!r} needs methods ask and tell")
        return made


class Played(NamedTuple):
    """A run, trial by trial: values of the objectives (trials, objectives), NaN where the trial failed, and seconds (trials,).

    `values` are what the strategy was told, `truth` means over all seeds of the table, `tests` such means of the test part.
    `refused` counts by reason what the strategy asked for in vain, `error` is the last reason for which that was no network.
    """

    values: Points
    truth: Points
    tests: Points
    seconds: Points
    refused: Counter[str]
    error: str


def play(match: Match, strategy: Strategy, seed: int) -> Played:
    """Run a fresh strategy on the table until the trials are done, or the space has no further network.

    Raises:
        SearchError: no network of the space is valid.
    """
    proposer = proposer_of(match, strategy, seed)
    judge, listed = replace(match.table, mean=True), proposer.problem.catalogue.listed or {}
    rows, refused, error = [], Counter[str](), ""
    for number in range(match.trials):
        chosen = proposer.choose(number)
        if isinstance(chosen, Refused):
            break
        entry, first = chosen.entry, seed_of(seed, number)
        held = entry._replace(choices=listed.get(entry.fingerprint, entry.choices))  # of isomorphic ones the table may hold another
        told, failure = looked_up(match.table.metrics_of, held, first)
        values = None if failure else tuple(float(objective.value(told)) for objective in match.objectives)
        proposer.strategy.tell(Trial(number, entry.choices, entry.fingerprint, told, values, failure))
        found = told, looked_up(judge.metrics_of, held, 0)[0], looked_up(judge.tests_of, held, 0)[0]
        rows.append([*(columns(match, metrics) for metrics in found), [told.get("seconds", 0.0)]])
        refused, error = refused + chosen.refused.reasons, chosen.refused.error or error
    told_values, truth, tests, seconds = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return Played(told_values, truth, tests, seconds[:, 0], refused, error)


def looked_up(read: Callable[[Choices, int], dict[str, float]], entry: Entry, seed: int) -> tuple[dict[str, float], Failure | None]:
    """Known costs and what the table has of a network, or why it has nothing."""
    try:
        return {**entry.costs, **read(entry.choices, seed)}, None
    except EvaluationError as error:
        return {}, error.failure


def columns(match: Match, metrics: Mapping[str, float]) -> list[float]:
    """Values of the objectives, NaN for those that are not there."""
    return [float(objective.value(metrics)) if objective.metric in metrics else float("nan") for objective in match.objectives]


def proposer_of(match: Match, strategy: Strategy, seed: int) -> Proposer:
    """A proposer for one run, on the catalogue that all runs of this process share."""
    settings, part = tuple(sorted(match.settings.items())), match.table if is_part(match) else None
    catalogue = shared_catalogue(
        match.space, settings, match.table.batch, match.table.optimizer, match.written, len(match.table.results().rows), part
    )
    return Proposer(Problem(catalogue, match.objectives, Budget(), match.trials), strategy, seed)


def is_part(match: Match) -> bool:
    """Whether the table holds a sample of the networks of its space alone."""
    results = match.table.results()
    return results.sampled and results.space == match.space


@lru_cache(maxsize=2)
def shared_catalogue(
    space: str, settings: tuple[tuple[str, Any], ...], batch: int, optimizer: str, written: bool, size: int, part: Table | None
) -> Catalogue:
    """Networks of a space, analysed once for all runs of this process; of `part`, if given, its networks alone."""
    catalogue = Catalogue(load_space(space, **dict(settings)), batch, optimizer, written, min(size, MOST_KEPT))
    if part is not None:
        catalogue.listed = networks_of(catalogue, part)
    return catalogue


def networks_of(catalogue: Catalogue, table: Table) -> dict[str, Choices]:
    """Choices of the networks that a table holds, by fingerprint. Raises SearchError when it holds none of the space."""
    values = {name: {repr(option): option for option in options} for name, options in catalogue.options.items()}
    found: dict[str, Choices] = {}
    for key in table.results().rows:
        choices = {name: values.get(name, {}).get(text) for name, text in key}
        entry = catalogue.find(choices)
        if entry is not None and key_of(entry.choices) == key:  # a network of this space
            found[entry.fingerprint] = choices
    if not found:
        raise SearchError(f"table {table.data} holds no network of space {catalogue.space.source} as it is set; give its settings by --set")
    return found
