"""How the command line prints: tables and JSON to stdout, progress and remarks to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_json(data: Any) -> None:
    """JSON to stdout, indented."""
    print(json.dumps(data, indent=2, allow_nan=False))


def print_text(text: str) -> None:
    """A line to stdout, as it is."""
    print(text)


def remark(text: str) -> None:
    """A line to stderr, as it is."""
    print(text, file=sys.stderr)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, footer: Sequence[str] | None = None) -> None:
    """A table to stdout: the first `left` columns to the left, numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=footer is not None, footer_style="bold")
    for index, column in enumerate(columns):
        foot = footer[index] if footer else ""
        table.add_column(column, foot, justify="left" if index < left else "right", no_wrap=index > 0, overflow="ellipsis")
    for row in rows:
        table.add_row(*map(escape, row))
    # Where nobody looks, nothing is cut to the width of a screen.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@contextmanager
def progress_bar(quiet: bool, words: Callable[[Any], str]) -> Iterator[Callable[[Any], None] | None]:
    """A function to be called with a run's progress: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""
    if quiet:
        yield None
    elif not sys.stderr.isatty():
        yield lines(words)
    else:
        with bar(words) as update:
            yield update


def lines(words: Callable[[Any], str]) -> Callable[[Any], None]:
    """A function that writes a line after every tenth step and the last."""
    latest = 0

    def update(at: Any) -> None:
        nonlocal latest
        if at.done > latest and (at.done % 10 == 0 or at.done == at.trials):
            remark(f"{at.done}/{at.trials}  {words(at)}")
        latest = at.done

    return update


@contextmanager
def bar(words: Callable[[Any], str]) -> Iterator[Callable[[Any], None]]:
    """A rich progress bar with time left and `words` about the run."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=False) as shown:
        task = shown.add_task("starting", total=None)

        def update(at: Any) -> None:
            shown.update(task, completed=at.done, total=at.trials, description=escape(words(at)))

        yield update
