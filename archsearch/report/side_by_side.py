"""Runs beside each other as plain data: their fronts, and hypervolume by trials and by hours against one reference for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.figures.frame import MARGIN, Box, Values, box_of, hypervolumes
from archsearch.pareto import front
from archsearch.report.rows import written
from archsearch.trial import Objective
from archsearch.units import DASH, unit


@dataclass(frozen=True)
class Side:
    """One of the runs: `values` of trials that have a result that counts, all to be minimised; `seconds` of all trials, failures too."""

    name: str
    objectives: tuple[Objective, ...]
    values: Mapping[int, tuple[float, ...]]
    seconds: Mapping[int, float]


@dataclass(frozen=True)
class Course:
    """A run in the objectives that all share: a row for each trial (NaN where it has no result), the hours spent up to it, its share."""

    name: str
    numbers: tuple[int, ...]
    values: Values
    hours: Values
    share: Values

    @property
    def front(self) -> NDArray[np.intp]:
        """Rows that none dominates, by the first objective; none where nothing is shared."""
        good = np.flatnonzero(np.isfinite(self.values).all(axis=1)) if self.values.shape[1] else np.empty(0, dtype=np.intp)
        found = good[front(self.values[good])] if len(good) else good
        return found[np.argsort(self.values[found, 0], kind="stable")] if len(found) else found


@dataclass(frozen=True)
class Beside:
    """Runs by what they have in common: the objectives, in the order of the first run, and the box that shares are of."""

    objectives: tuple[Objective, ...]
    box: Box | None
    courses: tuple[Course, ...]

    @property
    def reference(self) -> Values | None:
        """The point that hypervolume is measured from: beyond the worst of all runs by a tenth of the way from the best."""
        if self.box is None:
            return None
        low, high = self.box
        return low + MARGIN * np.where(high > low, high - low, 1.0)


def beside(sides: Sequence[Side]) -> Beside:
    """Runs in the objectives that all of them have; none may be left."""
    first, *others = (side.objectives for side in sides)
    common = tuple(goal for goal in first if all(goal in goals for goals in others))
    tables = [table_of(side, common) for side in sides]
    box = box_of(np.concatenate(tables)) if common else None
    courses = []
    for side, values in zip(sides, tables, strict=True):
        numbers = tuple(sorted(side.seconds))
        hours = np.cumsum([side.seconds[number] for number in numbers]) / 3600
        share = np.array(hypervolumes(values, box)) if common else np.full(len(values), np.nan)
        courses.append(Course(side.name, numbers, values, hours, share))
    return Beside(common, box, tuple(courses))


def table_of(side: Side, common: Sequence[Objective]) -> Values:
    """Values of these objectives, a row for each trial in the order of their numbers."""
    places = [side.objectives.index(goal) for goal in common]
    table = np.full((len(side.seconds), len(common)), np.nan)
    for row, number in enumerate(sorted(side.seconds)):
        if number in side.values:
            table[row] = [side.values[number][place] for place in places]
    return table


def data(found: Beside) -> dict[str, Any]:
    """What the page shows, as plain JSON.

    - `run`: `objectives` and `units`, as in `archsearch.report.rows`.
    - `courses`: by run its `name`; `front`: numbers of trials and for each objective their `values` as the metric has them; `growth`:
      after how many `trials` and `hours` the front beat which `share` of the box.
    - `notes`: what is compared (`line`), and by which reference (`hypervolume`).
    - `heads` and `rows` of a table, as texts.
    """
    goals = found.objectives
    run = {
        "objectives": [{"metric": goal.metric, "maximise": goal.maximise} for goal in goals],
        "units": {goal.metric: written(goal.metric) for goal in goals},
    }
    heads = ["Run", "Trials", *(f"Best {unit(goal.metric).label}" for goal in goals), "On the front", "Hypervolume", "Time"]
    courses = [course_data(course, goals) for course in found.courses]
    return {"run": run, "courses": courses, "notes": notes(found), "heads": heads, "rows": [row(course, goals) for course in found.courses]}


def course_data(course: Course, goals: Sequence[Objective]) -> dict[str, Any]:
    """One run of the page."""
    on, known = course.front, np.flatnonzero(np.isfinite(course.share))
    values = [[-value if goal.maximise else value for value in course.values[on, axis].tolist()] for axis, goal in enumerate(goals)]
    growth = {"trials": (known + 1).tolist(), "hours": course.hours[known].tolist(), "share": course.share[known].tolist()}
    return {"name": course.name, "front": {"number": [course.numbers[place] for place in on], "values": values}, "growth": growth}


def notes(found: Beside) -> dict[str, str]:
    """What the parts of the page say."""
    if not found.objectives:
        return {"line": "These runs have no objective in common, so nothing can be compared.", "hypervolume": ""}
    goals = ", ".join(unit(goal.metric).label for goal in found.objectives)
    line = f"{len(found.courses)} runs by what all of them search for: {goals}."
    if found.box is None or found.reference is None:
        return {"line": f"{line} None of them has a result yet.", "hypervolume": ""}
    best, point = (point_text(values, found.objectives) for values in (found.box[0], found.reference))
    words = (
        f"The share that a front beats of one box for all runs, from the best values that any of them found ({best}) to the reference "
        f"point 10% beyond the worst ({point}). Time adds up that of every trial, whichever worker it ran on."
    )
    return {"line": line, "hypervolume": words}


def point_text(values: Values, goals: Sequence[Objective]) -> str:
    """A point in words."""
    return ", ".join(f"{unit(goal.metric).label} {text(float(value), goal)}" for value, goal in zip(values, goals, strict=True))


def text(value: float, goal: Objective) -> str:
    """A value to be minimised as its metric has it, with its unit."""
    return unit(goal.metric).text(-value if goal.maximise else value)


def row(course: Course, goals: Sequence[Objective]) -> list[str]:
    """A run as cells of a table."""
    on, share = course.front, course.share[np.isfinite(course.share)]
    best = [text(float(course.values[on, axis].min()), goal) if len(on) else DASH for axis, goal in enumerate(goals)]
    hours = time_text(float(course.hours[-1])) if len(course.hours) else DASH
    return [course.name, f"{len(course.numbers):,}", *best, f"{len(on):,}", f"{100 * share[-1]:.1f}%" if len(share) else DASH, hours]


def time_text(hours: float) -> str:
    """Hours, or minutes or seconds where they are few."""
    if hours >= 2:
        return f"{hours:.1f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 30 else f"{3600 * hours:.3g} s"
