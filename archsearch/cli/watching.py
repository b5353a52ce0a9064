"""`watch`: follows a run that grows, on a terminal in place, elsewhere line by line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from archsearch.cli import INTERRUPTED
from archsearch.cli.console import print_text, remark
from archsearch.cli.front import TALLEST, Axes, Room, axes_of, counts, front_view
from archsearch.cli.scatter import letters_for
from archsearch.cli.timing import GAP, duration
from archsearch.runs.clock import RECENT, seconds_left
from archsearch.runs.database import StoreError, is_written
from archsearch.runs.store import Run, open_run
from archsearch.supernets import SUPERNETS
from archsearch.support.reading import place
from archsearch.units import unit

REST = 20
"""A look is followed by so many times its own length without one: the search has the processor."""
FIXED, LEAST = 10, 9
"""Lines of the screen that are neither table nor scatter, and the fewest that a scatter is worth having with."""


class Seen(NamedTuple):
    """A run as it stands, and whether a process is writing it."""

    run: Run
    active: bool


def watch_command(folder: Path, every: float, json: bool) -> None:
    """Follow a run until it ends. Raises StoreError for one that is not there, never began, or vanishes."""
    try:
        look = looks(folder, every)
        last = on_screen(look) if sys.stdout.isatty() and not json else line_by_line(look, json)
    except KeyboardInterrupt:
        remark("stopped watching")
        raise typer.Exit(INTERRUPTED) from None
    end(last, json)


def looks(folder: Path, every: float) -> Iterator[Seen]:
    """The run now, and whenever it has changed, until nobody writes it any more. Raises StoreError."""
    before: object = None
    while True:
        active, now, began = is_written(folder), state_of(folder), time.monotonic()
        if now != before or not active:
            run = read(folder, vanished=before is not None)
            before = now
            yield Seen(run, active)
        if not active:
            return
        time.sleep(max(every, REST * (time.monotonic() - began)))


def state_of(folder: Path) -> object:
    """What changes when something is recorded."""
    found = []
    for name in ("run.json", "run.db", "run.db-wal"):
        try:
            stat = (folder / name).stat()
        except OSError:
            continue
        found.append((name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return found


def read(folder: Path, vanished: bool) -> Run:
    """All that is shown of a run, as it is now. Raises StoreError."""
    try:
        run = open_run(folder)
        _ = run.trials, run.tests, run.refusals, run.seconds
    except StoreError:
        if vanished and not (folder / "run.json").is_file():
            raise StoreError(f"{place(folder)} is gone: it was moved or deleted while it was watched") from None
        raise
    return run


def on_screen(look: Iterable[Seen]) -> Seen:
    """Show every look in the place of the one before; the last one stays."""
    console, axes = Console(), None
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for seen in look:
            axes = axes or axes_of(seen.run)
            live.update(screen(seen, axes, console), refresh=True)
    return seen


def screen(seen: Seen, axes: Axes, console: Console) -> RenderableType:
    """What fits on the screen: how far the run is, the best of its front, the scatter."""
    free = console.height - FIXED
    height = min(TALLEST, max(LEAST, 2 * free // 3))
    if free - height < 1:
        height = 0
    shown = front_view(seen.run, axes, Room(console.width, height, max(1, free - height)), letters_for(console.encoding))
    return Group(bar(seen), shown) if seen.active else shown


def bar(seen: Seen) -> RenderableType:
    """A bar of the trials that are done, and the time that is left."""
    run = seen.run
    done, of = len(run.trials), max(len(run.trials), run.record.trials)
    recent = list(run.seconds.values())[-RECENT:]
    left = seconds_left(fmean(recent), run.record.workers, of - done, ()) if recent and done < of else None
    words = "testing the front" if done == of else "running" if left is None else f"about {duration(left)} left"
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(ProgressBar(total=of, completed=done, width=30), Text(f"{done}/{of}"), Text(words))
    return line


def line_by_line(look: Iterable[Seen], json: bool) -> Seen:
    """Print a line for each look."""
    for seen in look:
        print_text(plain(seen) if json else words_of(seen))
        sys.stdout.flush()
    return seen


def words_of(seen: Seen) -> str:
    """Where a run stands, on one line."""
    standing = facts(seen)
    goal = seen.run.record.objectives[0].metric
    best = "none yet" if standing["best"] is None else unit(goal).text(standing["best"])
    pieces = [f"{standing['trials']}/{standing['of']}", f"best {goal} {best}", f"front {len(standing['front'])}"]
    return GAP.join([*pieces, *(f"{name} {standing[name]}" for name in ("failed", "refused") if standing[name])])


def plain(seen: Seen) -> str:
    """The same as a line of JSON."""
    return json.dumps(facts(seen), allow_nan=False)


def facts(seen: Seen) -> dict[str, Any]:
    """Where a run stands, as plain data; `best` is of the first objective."""
    run, front = seen.run, seen.run.front()
    best = front[0].metrics[run.record.objectives[0].metric] if front else None
    return {"run": str(run.folder), "active": seen.active, **counts(run), "best": best, "front": [trial.number for trial in front]}


def end(seen: Seen, json: bool) -> None:
    """Print the front where nobody saw it, and say why nothing more comes. Raises StoreError for a run that never began."""
    run = seen.run
    again = f"`archsearch resume {run.folder}` goes on"
    if not run.trials:
        raise StoreError(f"{place(run.folder)} never began: no trial is recorded, and no process is writing it; {again}")
    if not sys.stdout.isatty() and not json:
        print_text("")
        Console(width=10_000).print(front_view(run, axes_of(run), Room(None, TALLEST), letters_for(sys.stdout.encoding)), soft_wrap=True)
    if len(run.trials) < run.record.trials and run.record.strategy not in SUPERNETS:
        remark(f"no process is writing it: it ended after {len(run.trials)} of {run.record.trials} trials; {again}")
