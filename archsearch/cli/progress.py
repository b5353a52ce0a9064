"""Progress on stderr: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.cells import set_cell_size
from rich.console import Console
from rich.markup import escape

from archsearch.cli.console import remark
from archsearch.cli.timing import GAP, duration, fitted, timing

Words = Callable[[Any], str]
"""Words about a step, in pieces parted by GAP, the most important first: what a screen has no room for is left out whole."""
Tick = Callable[[Any], None]
TIMES = len("0:00, 0:00 left")
"""Characters that the times have at least, so that nothing jumps while they are short."""


@contextmanager
def progress_bar(quiet: bool, words: Words) -> Iterator[Tick | None]:
    """A function to be called with progress (`done`, `trials`; `left` in seconds where there is such): nothing when quiet."""
    if quiet:
        yield None
    elif not sys.stderr.isatty():
        yield lines(words)
    else:
        with bar(words) as update:
            yield update


def lines(words: Words) -> Tick:
    """A function that writes a line after every tenth step and the last."""
    latest, began = 0, time.perf_counter()

    def update(at: Any) -> None:
        nonlocal latest
        if at.done > latest and (at.done % 10 == 0 or at.done == at.trials):
            left = getattr(at, "left", None) if at.done < at.trials else None
            remark(GAP.join([f"{at.done}/{at.trials}", words(at), timing(time.perf_counter() - began, left)]))
        latest = at.done

    return update


@contextmanager
def bar(words: Words) -> Iterator[Tick]:
    """A rich progress bar with `words` about the run, the time that has passed, and that is left, which it counts down by itself."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.text import Text

    class Times(ProgressColumn):
        """Time that has passed and is left."""

        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            left = task.fields.get("left", task.time_remaining)
            since = time.perf_counter() - task.fields.get("heard", time.perf_counter())
            return Text(timing(task.elapsed or 0.0, None if left is None or task.finished else max(0.0, left - since)), no_wrap=True)

    console = Console(stderr=True)
    gauge = max(8, min(30, console.width // 8))
    columns = (SpinnerColumn(), BarColumn(bar_width=gauge), MofNCompleteColumn(), TextColumn("{task.description}"), Times())
    with Progress(*columns, console=console, transient=False) as shown:
        task = shown.add_task("starting", total=None)

        def update(at: Any) -> None:
            passed, left = shown.tasks[0].elapsed or 0.0, getattr(at, "left", None)
            times = max(TIMES, len(timing(passed, left or passed))) + 1  # they may grow before the next step
            room = max(0, console.width - len("x ") - gauge - 2 * len(str(at.trials)) - 1 - times - 3)  # a space between two columns
            told: dict[str, Any] = {"left": left, "heard": time.perf_counter()} if hasattr(at, "left") else {}
            text = escape(set_cell_size(fitted(words(at), room), room))
            shown.update(task, completed=at.done, total=at.trials, description=text, **told)

        yield update


def foretold(tick: Tick) -> Tick:
    """As `tick`, and a line as soon as it is known about how long it takes in all."""
    said = False

    def update(at: Any) -> None:
        nonlocal said
        if not said and at.left and at.done < at.trials:
            remark(f"takes about {duration(at.elapsed + at.left)}")
            said = True
        tick(at)

    return update
