"""What the command line says of trials that failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archsearch.cli.console import print_text
from archsearch.store import Run
from archsearch.trial import Trial

MOST_SHOWN = 5


def print_failures(run: Run) -> None:
    """Why trials failed, those that failed alike together, and how they are tried again; nothing where none has."""
    alike: dict[str, list[int]] = {}
    for trial in run.trials:
        if trial.failure:
            alike.setdefault(f"({trial.failure.kind}): {trial.failure.message[:200]}", []).append(trial.number)
    for words, trials in list(alike.items())[:MOST_SHOWN]:
        print_text(f"failed: {numbers(trials)} {words}")
    if len(alike) > MOST_SHOWN:
        print_text(f"failed: {sum(map(len, list(alike.values())[MOST_SHOWN:]))} more, for other reasons")
    if alike and not run.front():
        print_text(f"none of {len(run.trials)} trials has a result; `archsearch resume {run.folder} --retry-failed` tries them again")


def numbers(trials: Iterable[int]) -> str:
    """Numbers of trials in words, the first of many."""
    first = [str(number) for number in trials]
    return f"trial{'s' if len(first) > 1 else ''} {', '.join(first[:8])}{f' and {len(first) - 8} more' if len(first) > 8 else ''}"


def print_failure(trial: Trial) -> None:
    """Say of one trial that it failed and why; nothing of one that did not."""
    if trial.failure:
        print_text(f"trial {trial.number} failed ({trial.failure.kind}): {trial.failure.message[:200]}\n")


def plain_failure(trial: Trial | None) -> dict[str, Any]:
    """The failure as plain data, where there is one."""
    failure = trial.failure if trial else None
    return {} if failure is None else {"failure": {"kind": failure.kind, "message": failure.message}}
