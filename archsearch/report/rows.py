"""A run as compact plain JSON: what the page of a run holds, and what is sent to it later when the run has grown.

The page holds one message, and takes in further ones of the same form by the function `add` of its script (`script/main.js`), which also
hears them as an event, `document.dispatchEvent(new CustomEvent("rows", {detail: message}))`:

    {"run": {...}, "rows": {...}}            either part may be missing

`run` is what `facts` gives, or some of it, which replaces what the page knew; notes are added to those known. `rows` is what `rows` gives,
of any trials in any order: a number that the page does not know is a further trial; one that it knows takes that place (a trial has
climbed a rung, was tested or tried again). What follows from the rows (fronts, the best so far, hypervolume, counts) the page works out by
itself, so that none of it is sent. Of one more trial the message has one or two kB.

A network itself is no part of the rows: `archsearch.report.details.detail` gives it, one trial at a time. A page that is a file holds many
of them packed; a page that a server gives asks it for `trials/NUMBER.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archsearch.report.summary import Summary
from archsearch.trial import Trial
from archsearch.units import unit

FIELDS = ("label", "axis", "factor", "suffix", "prefixed")


def rows(
    trials: Sequence[Trial],
    seconds: Mapping[int, float] | None = None,
    tests: Mapping[int, Mapping[str, float]] | None = None,
    refused: Mapping[int, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """Trials as columns; every list has one entry a trial, in the order given. All numbers are finite.

    - `number`, `rung`: whole numbers.
    - `seconds`: wall-clock seconds, or null.
    - `failure`: null, or kind and message.
    - `refused`: null, or the costs of the network closest to the budget among those over it that were refused before this trial.
    - `metrics`: by name, numbers or null; those on the test part as `test_NAME`. After a failure they are what was known or measured
      before it.
    - `choices`: by name, the `options` met (texts, numbers, true, false, null) and for each trial the place of the one `chosen`,
      -1 where the trial did not make that choice.
    - `curves`: by name, null or a list with one entry an epoch, a number or null.
    - `units`: by metric, how it is written: label, axis, factor, suffix, prefixed (see `archsearch.units.Unit`).
    """
    took, known, before = seconds or {}, tests or {}, refused or {}
    measured = [{**trial.metrics, **{f"test_{name}": value for name, value in known.get(trial.number, {}).items()}} for trial in trials]
    names = list(dict.fromkeys(name for metrics in measured for name in metrics))
    reported = list(dict.fromkeys(name for trial in trials for step in trial.curve for name in step))
    return {
        "number": [trial.number for trial in trials],
        "rung": [trial.rung for trial in trials],
        "seconds": [took.get(trial.number) for trial in trials],
        "failure": [[trial.failure.kind, trial.failure.message] if trial.failure else None for trial in trials],
        "refused": [dict(before[trial.number]) if trial.number in before else None for trial in trials],
        "metrics": {name: [metrics.get(name) for metrics in measured] for name in names},
        "choices": chosen(trials),
        "curves": {name: [curve(trial, name) for trial in trials] for name in reported},
        "units": {name: written(name) for name in dict.fromkeys([*names, *reported])},
    }


def written(metric: str) -> dict[str, Any]:
    """How a metric is written."""
    return {field: getattr(unit(metric), field) for field in FIELDS}


def chosen(trials: Sequence[Trial]) -> dict[str, dict[str, list[Any]]]:
    """Choices by name: the options met, and for each trial the place of its own."""
    found: dict[str, dict[str, list[Any]]] = {}
    places: dict[tuple[str, str], int] = {}
    for row, trial in enumerate(trials):
        for name, value in trial.choices.items():
            column = found.setdefault(name, {"options": [], "chosen": [-1] * len(trials)})
            place = places.setdefault((name, f"{type(value).__name__} {value}"), len(column["options"]))
            if place == len(column["options"]):
                column["options"].append(value)
            column["chosen"][row] = place
    return found


def curve(trial: Trial, name: str) -> list[float | None] | None:
    """One metric by epoch; None where it was never reported."""
    steps = [step.get(name) for step in trial.curve]
    return steps if any(step is not None for step in steps) else None


def facts(summary: Summary) -> dict[str, Any]:
    """What holds of the run as a whole.

    - `title`, `place` (the folder, for commands), `status` (empty when the run is done).
    - `objectives`: a list of `metric` and `maximise`, the first one first; `top`: the rung whose results count.
    - `budget`: limits by metric; `units`: those of objectives and limits, as in `rows`.
    - `refusals`: counts by reason; `notes`: what the strategy said of itself, numbers by name, by the number of a trial.
    - `links`, `explained`: by number of a trial, its model file, and the page about what it does with images, beside this page.
    - `under_way`: by number of a trial that is being trained, `first`, the epoch that its curves begin with (counted from 0), and
      `curves` as in `rows`.
    """
    named = dict.fromkeys([*(goal.metric for goal in summary.objectives), *summary.budget])
    return {
        "title": summary.title,
        "place": summary.place or summary.title,
        "status": summary.status,
        "objectives": [{"metric": goal.metric, "maximise": goal.maximise} for goal in summary.objectives],
        "top": summary.top,
        "budget": dict(summary.budget),
        "units": {name: written(name) for name in named},
        "refusals": dict(summary.refusals),
        "notes": {str(number): dict(said) for number, said in summary.notes.items()},
        "links": {str(number): target for number, target in summary.links.items()},
        "explained": {str(number): target for number, target in summary.explained.items()},
        "under_way": dict(summary.under_way),
    }
