"""How good a run is after every trial: regret for one objective, shares of the best front for several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsearch.pareto import Points, front, hypervolume, igd_plus
from archsearch.runs.compare.playing import Match, Played
from archsearch.tables import averaged
from archsearch.trial import Objective

Floats = NDArray[np.float64]
MARGIN = 0.1
"""The reference point lies so far beyond the worst values on the best front, in spans of it."""


@dataclass(frozen=True, eq=False)
class Goal:
    """The best that there is: the front of all networks of the table or, when it does not hold all objectives, of all that was found.

    Points and reference are to be minimised, as the values of trials are; `complete` says that no network can be better.
    """

    points: Points
    reference: Floats
    complete: bool


def goal_of(match: Match, played: Sequence[Played], reference: Sequence[float] | None = None) -> Goal:
    """The best front; `reference`, in metrics, bounds the hypervolume: a tenth beyond that front where it is not given."""
    values = of_table(match)
    complete = values is not None
    found = np.concatenate([run.truth for run in played]) if values is None else values
    found = found[np.isfinite(found).all(axis=1)]
    points = np.unique(found[front(found)], axis=0)
    span = points.max(axis=0) - points.min(axis=0)
    beyond = points.max(axis=0) + MARGIN * np.where(span > 0, span, 1.0)
    if reference is not None:
        beyond = np.array([signed(objective, np.array(value)) for objective, value in zip(match.objectives, reference, strict=True)])
    return Goal(points, beyond, complete)


def of_table(match: Match) -> Points | None:
    """True values of all networks of the table, or None when it does not hold every objective."""
    results = match.table.results()
    known = {**results.costs, **results.metrics}
    if not all(objective.metric in known for objective in match.objectives):
        return None
    return np.column_stack([signed(objective, averaged(known[objective.metric].T)) for objective in match.objectives])


def signed(objective: Objective, values: Floats) -> Floats:
    """Values of a metric as values to be minimised."""
    return -values if objective.maximise else values


def measures(match: Match, played: Played, goal: Goal) -> dict[str, Floats]:
    """Quality of a run after each of `match.trials` trials, by the name of the measure; after an early end it stays as it was.

    One objective: `regret`, how much worse than the best network the one is that seems best so far, and `test`, its value on the test
    part. Several: `hypervolume`, the share of the best front's that the front so far has, and `igd_plus`, its mean distance from
    the best front (Ishibuchi et al. 2015), each objective in spans of it. Before the first result regret, test and distance are infinite.
    """
    found = one(played, goal) if len(match.objectives) == 1 else several(played, goal)
    return {name: np.append(values, np.full(match.trials - len(values), values[-1])) for name, values in found.items()}


def one(played: Played, goal: Goal) -> dict[str, Floats]:
    """Regret and test value of the network that is best by what the strategy was told."""
    values = np.where(np.isfinite(played.values[:, 0]), played.values[:, 0], np.inf)
    new = values < np.minimum.accumulate(np.append(np.inf, values))[:-1]
    best = np.maximum.accumulate(np.where(new, np.arange(len(values)), -1))
    regret, test = played.truth[best, 0] - goal.points[0, 0], played.tests[best, 0]
    return {"regret": np.where(best < 0, np.inf, regret), "test": np.where(best < 0, np.inf, test)}


def several(played: Played, goal: Goal) -> dict[str, Floats]:
    """Share of hypervolume and distance of the front so far, by what the strategy was told (of equals the first), at its true values."""
    low = goal.points.min(axis=0)
    span = goal.points.max(axis=0) - low
    span = np.where(span > 0, span, 1.0)
    best, bound = (goal.points - low) / span, (goal.reference - low) / span
    whole = hypervolume(best, bound)
    chosen: list[int] = []
    share, distance = 0.0, float("inf")
    found: list[tuple[float, float]] = []
    for number, values in enumerate(played.values):
        others = played.values[chosen]
        if np.isfinite(values).all() and not (others <= values).all(axis=1).any():
            chosen = [place for place, beaten in zip(chosen, (values <= others).all(axis=1), strict=True) if not beaten] + [number]
            true = (played.truth[chosen] - low) / span
            share, distance = hypervolume(true, bound) / whole if whole else 0.0, igd_plus(true, best)
        found.append((share, distance))
    columns = np.array(found).T
    return {"hypervolume": columns[0], "igd_plus": columns[1]}


def by_seconds(values: Floats, seconds: Floats, at: Floats) -> Floats:
    """What a measure had come to at these times, when trials follow one another; NaN before the first has ended."""
    ends = np.cumsum(seconds)
    last = np.searchsorted(ends, at, side="right") - 1
    return np.where(last < 0, np.nan, values[np.maximum(last, 0)])
