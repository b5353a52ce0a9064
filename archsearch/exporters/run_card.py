"""How a trial of a run came to be, from what the run recorded."""

from __future__ import annotations

from collections.abc import Iterator

from archsearch.data.description import Description
from archsearch.evaluators.base import INHERITED
from archsearch.exporters.base import Card, option_words
from archsearch.runs.record import Record, short
from archsearch.runs.store import Run
from archsearch.support.reading import one_line
from archsearch.trial import Trial
from archsearch.units import unit

KNOWN = frozenset({"params", "macs", "memory_bytes", "training_memory_bytes", "predicted_latency_ms", INHERITED})
"""Metrics that are computed and not measured, or say something else."""


def card_of_trial(run: Run, number: int) -> Card:
    """The card of a trial. Raises KeyError when it is not recorded."""
    record, trial, tested = run.record, run.trial(number), run.tests.get(number, {})
    found = {
        "validation": {name: value for name, value in trial.metrics.items() if name not in KNOWN},
        "test": {name.removeprefix("test_"): value for name, value in tested.items() if name != "inherited_error"},
    }
    return Card(
        name=f"{record.space_name}, trial {number}",
        data=record.data_name,
        description=record.description or Description(),
        history=tuple(history(run, trial)),
        options=options_of_trial(record),
        metrics={part: metrics for part, metrics in found.items() if metrics},
        versions=record.versions,
    )


def options_of_trial(record: Record) -> dict[str, object]:
    """Options of the evaluator as they were for the trials that count."""
    options = dict(record.evaluator_options)
    if record.fidelity is not None:
        options[record.fidelity.option] = record.fidelity.values[-1]
    return options


def history(run: Run, trial: Trial) -> Iterator[str]:
    """Sentences about a search and a trial of it."""
    record = run.record
    settings = f" ({option_words(record.settings)})" if record.settings else ""
    where = f"in the space `{record.space_name}`{settings}"
    yield f"Trial {trial.number} of {len(run.trials)} of a search by `{short(record.strategy)}` {where}, seed {record.seed}."
    limits = {name: value for name, value in record.budget.limits().items() if value is not None}
    within = f", within {', '.join(f'{unit(name).label} {unit(name).text(value)}' for name, value in limits.items())}" if limits else ""
    best = ", ".join(map(str, record.objectives))
    yield f"The search looked for the best in {best}{within}; networks were judged by `{short(record.evaluator)}`."
    if record.prefilter is not None:
        yield f"Of several proposals one was evaluated: {record.prefilter}."
    if record.foresight is not None:
        yield f"Its model began with what proxies said of networks that nobody had trained: {record.foresight}."
    yield from rungs(record, trial)
    yield from (f"Latency was measured in {one_line(place)}." for place in run.latencies(trial.fingerprint))
    yield from inheritance(run, trial)


def rungs(record: Record, trial: Trial) -> Iterator[str]:
    """How long it was trained, where that was in several steps."""
    if record.fidelity is not None:
        values = " -> ".join(f"{value:g}" for value in record.fidelity.values[: trial.rung + 1])
        schedule = f"schedule {record.fidelity.schedule}"
        yield f"It climbed rungs of `{record.fidelity.option}` ({values}, {schedule}), its weights going on from one to the next."
    if trial.curve:
        yield f"{len(trial.curve)} epochs of its training are recorded."


def inheritance(run: Run, trial: Trial) -> Iterator[str]:
    """Which weights it began with, and which it has now."""
    if not run.record.inherit:
        return
    share = trial.metrics.get(INHERITED, 0.0)
    began = f"began with {share:.0%} of its weights inherited from a similar network" if share else "began with fresh weights"
    before = run.tests.get(trial.number, {}).get("inherited_error")
    if before is None:
        yield f"In the search it {began}."
    else:
        yield (
            f"In the search it {began}, and these reached a test error of {unit('error').text(before)}; in the end it was trained from "
            "scratch, and those are the weights here. The figures of the validation part are those of the search."
        )
