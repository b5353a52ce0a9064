"""What the command line says of one trial: how it went, what led to it, how long it took."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from archsearch.analysis import COSTS, LATENCY
from archsearch.cli import WrongUseError
from archsearch.cli.console import print_text
from archsearch.runs.store import Run
from archsearch.support.reading import one_line
from archsearch.trial import Trial
from archsearch.units import unit


def trial_row(run: Run, number: int) -> dict[str, Any]:
    """A trial as plain data: how it went, what led to it, and how long it took."""
    trial = find(run, number)
    how = {"failure": asdict(trial.failure)} if trial.failure else {"metrics": {**trial.metrics, **tested(run, number)}}
    return {"trial": number, **how, "seconds": run.seconds.get(number), "choices": trial.choices}


def print_trial(run: Run, number: int) -> None:
    """How a trial went, above what its network costs."""
    trial, seconds = find(run, number), run.seconds.get(number)
    took = "" if seconds is None else f", {seconds:.3g} s"
    print_text(f"{run.folder}, trial {number} of {len(run.trials)}{took}")
    if trial.failure:
        print_text(f"trial {number} failed ({trial.failure.kind}): {trial.failure.message[:200]}")
    measured = {name: value for name, value in {**trial.metrics, **tested(run, number)}.items() if name not in COSTS}
    if measured:
        print_text(", ".join(f"{unit(name).label} {unit(name).text(value)}" for name, value in measured.items()))
    for place, found in run.latencies(trial.fingerprint).items():
        print_text(f"latency {unit(LATENCY).text(found.get(LATENCY))}, measured in {one_line(place)}")
    print_text(f"choices: {', '.join(f'{name}={value}' for name, value in trial.choices.items()) or 'none'}\n")


def find(run: Run, number: int) -> Trial:
    """A trial of a run. Raises WrongUseError when there is none of this number."""
    try:
        return run.trial(number)
    except KeyError as error:
        raise WrongUseError(str(error.args[0])) from error


def tested(run: Run, number: int) -> dict[str, float]:
    """Metrics of a trial on the test part, under names of their own."""
    return {f"test_{name}": value for name, value in run.tests.get(number, {}).items()}
