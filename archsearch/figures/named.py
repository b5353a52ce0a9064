"""Figures of a run by name, for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from archsearch.figures import chart
from archsearch.figures.frame import Frame, curves, exits, frame, metrics_of, progress
from archsearch.support.nearest import nearest
from archsearch.trial import Objective, Trial

INK, GRID = "#7d858f", "rgba(125,133,143,0.25)"
"""Of texts and grids: mid-tones, as notebooks are light or dark."""


class Shown(NamedTuple):
    """What figures of a run are made from: all trials, the numbers of those on the front, and the objectives."""

    trials: Sequence[Trial]
    front: Sequence[int]
    objectives: Sequence[Objective]

    def frame(self) -> Frame:
        """A row for each trial."""
        return frame(self.trials, self.front)

    def progress(self) -> Frame:
        """A row for each number of trials."""
        return progress(self.trials, self.objectives)

    def goal(self, metric: str) -> Objective:
        """The objective of this metric, or to make it small where it is none. Raises ValueError for an unknown metric."""
        known = [objective for objective in self.objectives if objective.metric == metric]
        metrics = sorted({name for trial in self.trials for name in trial.metrics})
        if not known and metric not in metrics:
            raise ValueError(f"no trial has a metric {metric[:60]!r}; {nearest(metric[:60], metrics) if metrics else 'none has any'}")
        return known[0] if known else Objective(metric)


def pareto(shown: Shown, x: str, y: str) -> go.Figure:
    """All networks by two metrics: the first objective over the second, or over the params where there is one alone."""
    first, *others = shown.objectives
    up, right = shown.goal(y or first.metric), shown.goal(x or (others[0].metric if others else "params"))
    return chart.pareto(shown.frame(), right, up, line={up, right} == set(shown.objectives))


def best(shown: Shown, x: str, y: str) -> go.Figure:
    """An objective by trial, and its best so far: of `y`, or of the first one."""
    goal = shown.goal(y) if y else shown.objectives[0]
    if goal not in shown.objectives:
        known = ", ".join(each.metric for each in shown.objectives)
        raise ValueError(f"{goal.metric[:60]!r} is no objective of this run; its objectives: {known}")
    return chart.best_so_far(shown.frame(), shown.progress(), goal)


def hypervolume(shown: Shown, x: str, y: str) -> go.Figure:
    """How the front grew, as a share of the box from the best values to just beyond the worst."""
    return chart.growth(shown.progress())


def learning(shown: Shown, x: str, y: str) -> go.Figure:
    """What networks on the front reported epoch by epoch: `y`, or the first objective that was. Raises ValueError where nothing was."""
    rows = curves(shown.trials, shown.front)
    told = [name for name in metrics_of(rows) if name != "epoch"]
    if not told or (y and y not in told):
        raise ValueError(f"no network on the front has a curve{f' of {y[:60]!r}; {nearest(y[:60], told)}' if told else ''}")
    return chart.learning_curves(rows, y or next((goal.metric for goal in shown.objectives if goal.metric in told), told[0]))


def exit_curves(shown: Shown, x: str, y: str) -> go.Figure:
    """Error of any-time networks on the front by what is spent until an exit. Raises ValueError where there are none."""
    rows = exits(shown.trials, shown.front)
    if rows.empty:
        raise ValueError("no network on the front has several exits")
    return chart.exit_curves(rows)


FIGURES: dict[str, Callable[[Shown, str, str], go.Figure]] = {
    "pareto": pareto,
    "progress": best,
    "hypervolume": hypervolume,
    "curves": learning,
    "exits": exit_curves,
}
"""Figures by name; a new one is a function and a line here."""


def figure(name: str, shown: Shown, x: str = "", y: str = "") -> go.Figure:
    """The figure of a name, of the metrics `x` and `y` where it is of any. Raises ValueError, which lists what there is."""
    if name not in FIGURES:
        raise ValueError(f"unknown figure {name[:60]!r}; there are {', '.join(FIGURES)}")
    drawn = FIGURES[name](shown, x, y)
    axis = {"color": INK, "gridcolor": GRID, "linecolor": GRID}
    return drawn.update_layout(font_color=INK, xaxis=axis, yaxis=axis, height=420)
