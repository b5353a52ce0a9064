"""Rows of a run's database, read strictly: types, names and ranges are looked at before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from archsearch.runs.database import StoreError
from archsearch.spaces.space import Choices
from archsearch.support.reading import parse
from archsearch.trial import Failure, Objective, Trial

MOST_TRIALS = 10**9
MOST_LETTERS = 4096
Row = tuple[Any, ...]
V = TypeVar("V")


def read_trial(row: Row, curve: tuple[dict[str, float], ...], folder: Path, objectives: Sequence[Objective]) -> Trial:
    """A trial from a row of the database. Raises ValueError."""
    number, choices, fingerprint, metrics, values, failure, message = row
    if not is_number(number) or not is_text(fingerprint):
        raise ValueError("number or fingerprint of a wrong type")
    with of_trial(number):
        if (values is None) == (failure is None):
            raise ValueError("neither result nor failure")
        kind = None if failure is None else read_failure(failure, message)
        found = parsed_metrics(metrics)
        goals = None if values is None else read_values(values, found, objectives)
        return Trial(number, read_choices(choices), fingerprint, found, goals, kind, curve, run=folder)


class Placed(NamedTuple):
    """An evaluation on a rung: its number, how many steps were known when it was decided, and its trial as it was after it."""

    step: int
    known: int
    trial: Trial


def read_step(row: Row, curve: tuple[dict[str, float], ...], folder: Path, objectives: Sequence[Objective], top: int) -> Placed:
    """A step of a climb from a row. Raises ValueError."""
    step, known, rung, epochs, *rest = row
    if not (is_number(step) and is_number(known) and is_number(epochs) and is_number(rung) and rung <= top and known <= step):
        raise ValueError("a step of a climb with numbers that cannot be")
    trial = read_trial(tuple(rest), curve[:epochs], folder, objectives)
    return Placed(step, known, replace(trial, rung=rung))


@contextmanager
def of_trial(number: int) -> Iterator[None]:
    """Say in a ValueError of which trial it is."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"trial {number}: {error}") from error


@contextmanager
def damage(folder: Path) -> Iterator[None]:
    """Turn a ValueError into one line that names the database."""
    try:
        yield
    except ValueError as error:
        raise StoreError(f"{folder / 'run.db'} is damaged: {str(error)[:150]}") from error


def read_choices(text: Any) -> Choices:
    """Choices from their JSON. Raises ValueError."""
    made = parsed(text)
    if not isinstance(made, dict) or not all(value is None or isinstance(value, str | int | float) for value in made.values()):
        raise ValueError("choices must be texts, numbers, true, false or null by name")
    return made


def read_values(text: Any, metrics: Mapping[str, float], objectives: Sequence[Objective]) -> tuple[float, ...]:
    """Values of the objectives by the metrics, from which those that are written beside them came. Raises ValueError."""
    values = parsed(text)
    if not isinstance(values, list) or not all(map(is_finite, values)):
        raise ValueError("objectives must be a list of finite numbers")
    lacking = next((objective.metric for objective in objectives if objective.metric not in metrics), None)
    if lacking is not None:
        raise ValueError(f"objective {lacking} is not among its metrics")
    return tuple(float(objective.value(metrics)) for objective in objectives)


def read_failure(kind: Any, message: Any) -> Failure:
    """A failure from its kind and its line. Raises ValueError."""
    if not is_text(kind) or not isinstance(message, str):
        raise ValueError("a failure must be a kind and a line")
    return Failure(kind, " ".join(message.split())[:MOST_LETTERS])


def parsed_metrics(text: Any) -> dict[str, float]:
    """Metrics from their JSON. Raises ValueError."""
    metrics = parsed(text)
    if not isinstance(metrics, dict) or not all(map(is_text, metrics)) or not all(map(is_finite, metrics.values())):
        raise ValueError("metrics must be numbers by name")
    return metrics


def parsed(text: Any) -> Any:
    """What a JSON text says. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("expected a text of JSON")  # noqa: TRY004 one kind of error for all damage
    return parse(text)


def by_trial(rows: Sequence[Row], read: Callable[[Any], V]) -> dict[int, V]:
    """What is read from the second column, by the first, the number of a trial. Raises ValueError."""
    found = {}
    for number, value in rows:
        if not is_number(number):
            raise ValueError("the number of a trial is none")
        with of_trial(number):
            found[number] = read(value)
    return found


def curves_of(rows: Sequence[Row]) -> dict[int, tuple[dict[str, float], ...]]:
    """Curves by trial, from rows in the order of their steps. Raises ValueError."""
    found: dict[int, list[dict[str, float]]] = {}
    for number, text in rows:
        for trial, metrics in by_trial([(number, text)], parsed_metrics).items():
            found.setdefault(trial, []).append(metrics)
    return {number: tuple(curve) for number, curve in found.items()}


def seconds_of(value: Any) -> float:
    """Wall-clock seconds. Raises ValueError."""
    if not is_finite(value):
        raise ValueError("seconds must be a finite number")
    return float(value)


def counts_of(rows: Sequence[Row]) -> dict[str, int]:
    """Counts by reason. Raises ValueError."""
    if not all(is_text(reason) and is_number(count) for reason, count in rows):
        raise ValueError("refusals must be counts by reason")
    return dict(rows)


def latencies_of(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Metrics of one network's latency by place. Raises ValueError."""
    if not all(is_text(place) for place, _ in rows):
        raise ValueError("latencies must be metrics by place")
    return {place: parsed_metrics(text) for place, text in rows}


def is_number(value: Any) -> bool:
    """Whether this can be the number of a trial, or a count."""
    return type(value) is int and 0 <= value < MOST_TRIALS


def is_finite(value: Any) -> bool:
    """Whether this is a finite number."""
    return (type(value) is float and isfinite(value)) or (type(value) is int and abs(value) < 2**1000)


def is_text(value: Any) -> bool:
    """Whether this is a text that can be shown."""
    return isinstance(value, str) and len(value) <= MOST_LETTERS and value.isprintable()
