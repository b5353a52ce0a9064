"""What the benchmarks share: one thread, medians of interleaved runs, a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from timeit import timeit
from typing import Any

from rich.console import Console
from rich.table import Table


def seconds(call: Callable[[], Any], repeats: int = 1) -> float:
    """Wall-clock time of one call, with garbage collection off, as timeit does it; the mean of so many in a row."""
    return timeit(call, number=repeats) / repeats


def interleaved(calls: Mapping[str, Callable[[], Any]], rounds: int, repeats: int = 1) -> dict[str, list[float]]:
    """Times of every call, one after the other in each round, so that a slow spell of the machine meets all; one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            taken = seconds(call, repeats)
            if number:
                times[name].append(taken)
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over the rounds of our time divided by theirs."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)
