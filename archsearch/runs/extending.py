"""A run that goes on with more trials, other limits or more objectives; all else stays as it began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from archsearch.analysis import COSTS, Budget, known_costs
from archsearch.evaluators.base import Evaluator, said
from archsearch.runs.extension import Extension
from archsearch.runs.objectives import check_objectives
from archsearch.runs.opened import Run
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Record
from archsearch.runs.store import Store
from archsearch.supernets import SUPERNETS
from archsearch.trial import Objective, Trial

MOST_NAMED = 5


class Wish(NamedTuple):
    """How a run is to be extended; None, or no objective, where it stays as it is."""

    trials: int | None = None
    budget: Budget | None = None
    objectives: Sequence[str | Objective] = ()


def extend(store: Store, run: Run, wish: Wish, evaluator: Evaluator) -> Record:
    """The record of a run as it goes on, its trials valued by all objectives. Raises SearchError for what cannot be had of a trial."""
    record = run.record
    trials, budget = wish.trials or record.trials, wish.budget or record.budget
    if trials < record.trials:
        raise SearchError(f"{run.folder}: the run is to have {record.trials} trials, now given {trials}; give as many or more")
    objectives = with_more(run, wish.objectives)
    if (trials, budget, objectives) == (record.trials, record.budget, record.objectives):
        return record
    check_supernet(run, budget, objectives)
    if objectives != record.objectives:
        check_objectives(objectives, evaluator, record.latency_device)
    costs = costs_of(run, objectives, budget, evaluator)
    if objectives != record.objectives or costs:
        store.value_anew(objectives, costs)
    first = max((trial.number for trial in run.trials), default=-1) + 1
    before = Extension(first, record.trials, record.objectives, record.budget) if first else None
    known = record.extended and record.extended[-1].trial == first  # what held of the trials before is said already
    extended = record.extended if known or before is None else (*record.extended, before)
    return replace(record, trials=trials, budget=budget, objectives=objectives, extended=extended)


def with_more(run: Run, wanted: Sequence[str | Objective]) -> tuple[Objective, ...]:
    """The objectives with those of the wanted that are new. Raises SearchError for one that turns round."""
    found = list(run.record.objectives)
    for objective in [each if isinstance(each, Objective) else Objective.parse(each) for each in wanted]:
        old = next((each for each in found if each.metric == objective.metric), None)
        if old is None:
            found.append(objective)
        elif old != objective:
            raise SearchError(f"{run.folder}: the run began with objective {old}, now given {objective}; resume with the same")
    return tuple(found)


def check_supernet(run: Run, budget: Budget, objectives: Sequence[Objective]) -> None:
    """Raise SearchError for other limits or objectives of a supernet, whose one training went by those that it began with."""
    if run.record.strategy in SUPERNETS and (budget != run.record.budget or objectives != run.record.objectives):
        raise SearchError(f"{run.folder}: a supernet is trained for its budget and objectives from the beginning; begin a new run")


def costs_of(run: Run, objectives: Sequence[Objective], budget: Budget, evaluator: Evaluator) -> dict[int, dict[str, float]]:
    """Costs that results lack for these objectives and limits, by trial. Raises SearchError for what only measuring could tell."""
    wanted = [objective.metric for objective in objectives if objective not in run.record.objectives]
    before = run.record.budget.limits()
    wanted += [name for name, limit in budget.limits().items() if before.get(name) != limit and name not in wanted]
    good = [trial for trial in run.trials if trial.ok] + [placed.trial for placed in run.steps if placed.trial.ok]
    found: dict[int, dict[str, float]] = {}
    for metric in wanted:
        lacking = [trial for trial in good if metric not in trial.metrics]
        if lacking and metric not in COSTS:
            raise SearchError(refusal(run, metric, lacking))
        for trial in lacking:
            known = known_costs(run.genotype(trial.number), said(evaluator, "batch"), said(evaluator, "optimizer"))
            found.setdefault(trial.number, {})[metric] = known[metric]
    return found


def refusal(run: Run, metric: str, lacking: Sequence[Trial]) -> str:
    """Words for a metric that results lack."""
    numbers = sorted({trial.number for trial in lacking})
    named = ", ".join(map(str, numbers[:MOST_NAMED])) + (f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else "")
    return f"{run.folder}: {metric} cannot be had: it was not measured of trial{'s' * (len(numbers) > 1)} {named}; begin a new run for it"
