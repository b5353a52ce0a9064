"""How much each choice matters for the objectives, over the trials of a run: PED-ANOVA by Optuna where it is installed, else a forest's."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

from archsearch.report.summary import Summary
from archsearch.trial import Trial

FEWEST, MOST = 20, 1000
"""Trials that anything can be told from, and trials that are looked at, evenly chosen."""
NONE = "-"
"""What stands for a choice that a trial did not make; an option is JSON, and never this."""
PED_ANOVA = (
    "PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255) by Optuna {version}: how much a choice decides whether a trial is among the best "
    "tenth in an objective. Of {count:,} trials with a result."
)
FOREST = (
    "Impurity importance of extremely randomised trees (scikit-learn {version}): how much of an objective's variance splits by a choice "
    "explain. Of {count:,} trials with a result; with Optuna installed it would be PED-ANOVA."
)


def importance(summary: Summary) -> dict[str, Any] | None:
    """`method` in words, and `of` each objective the weights of choices, which sum to 1; None where there is too little to tell."""
    good = [trial for trial in summary.trials if trial.values is not None and trial.rung == summary.top]
    good = [good[i * len(good) // min(len(good), MOST)] for i in range(min(len(good), MOST))]
    table = {name: column for name, column in columns(good).items() if len(set(column)) > 1}
    if len(good) < FEWEST or not table:
        return None
    goals = [goal.metric for goal in summary.objectives]
    values = [[float((trial.values or ())[place]) for trial in good] for place in range(len(goals))]
    weigh = by_optuna if find_spec("optuna") else by_forest
    method, weights = weigh(table, values)
    return {"method": method, "of": dict(zip(goals, weights, strict=True))}


def columns(trials: Sequence[Trial]) -> dict[str, list[str]]:
    """What every trial chose, as text, by the name of the choice."""
    names = dict.fromkeys(name for trial in trials for name in trial.choices)
    return {name: [json.dumps(trial.choices[name]) if name in trial.choices else NONE for trial in trials] for name in names}


Weights = tuple[str, list[dict[str, float]]]


def by_optuna(table: Mapping[str, Sequence[str]], values: Sequence[Sequence[float]]) -> Weights:
    """PED-ANOVA of each objective, of one study: Optuna copies every trial that it is given, in all depth, which takes most of the time."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    kinds: dict[str, BaseDistribution] = {name: CategoricalDistribution(sorted(set(column))) for name, column in table.items()}
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(directions=["minimize"] * len(values))
        rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        points = zip(rows, zip(*values, strict=True), strict=True)
        study.add_trials([optuna.create_trial(params=row, distributions=kinds, values=list(point)) for row, point in points])
        found = []
        for place in range(len(values)):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "PedAnova.* low `target` values")
                weights = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), target=partial(valued, place))
            found.append({name: float(weight) for name, weight in weights.items()})
    finally:
        optuna.logging.set_verbosity(before)
    return PED_ANOVA.format(version=optuna.__version__, count=len(values[0])), found


def valued(place: int, trial: Any) -> float:
    """Of an Optuna trial the objective at a place."""
    return float(trial.values[place])


def by_forest(table: Mapping[str, Sequence[str]], values: Sequence[Sequence[float]]) -> Weights:
    """Impurity importance in a forest for each objective."""
    import sklearn
    from sklearn.ensemble import ExtraTreesRegressor

    names, flags = list[str](), list[list[bool]]()
    for name, column in table.items():
        for option in sorted(set(column)):
            names.append(name)
            flags.append([value == option for value in column])
    rows = list(zip(*flags, strict=True))
    found = []
    for goal in values:
        forest = ExtraTreesRegressor(n_estimators=100, min_samples_leaf=3, random_state=0).fit(rows, goal)
        weights = dict.fromkeys(table, 0.0)
        for name, weight in zip(names, forest.feature_importances_.tolist(), strict=True):
            weights[name] += weight
        found.append(weights)
    return FOREST.format(version=sklearn.__version__, count=len(rows)), found
