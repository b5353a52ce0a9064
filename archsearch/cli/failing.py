"""What the command line says of trials that failed."""

from __future__ import annotations

from collections.abc import Iterable

from archsearch.cli.console import print_text
from archsearch.runs.store import Run

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
