"""`front`: the front of a run as a table and a scatter, for screens without pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.text import Text

from archsearch.cli import WrongUseError
from archsearch.cli.console import GAP, print_json, table_of
from archsearch.cli.scatter import BRIGHT, DIM, DRAWN, Letters, Point, letters_for, scatter
from archsearch.cli.showing import front_rows
from archsearch.runs.front_table import columns_of, standing
from archsearch.runs.store import Run, open_run
from archsearch.support.nearest import nearest
from archsearch.units import unit

NUMBER = "trial"
"""Stands for a metric: the trial's number."""
WIDEST, TALLEST = 120, 18
"""Characters of a scatter."""


class Axes(NamedTuple):
    """Which metrics a scatter is of."""

    x: str
    y: str


class Room(NamedTuple):
    """What there is room for: characters in a line (None where nobody looks), lines of the scatter, rows of the table (None: all)."""

    width: int | None
    height: int
    rows: int | None = None


def front_command(folder: Path, x: str, y: str, json: bool) -> None:
    """Print the front of a run."""
    run = open_run(folder)
    axes = axes_of(run, x, y)
    if json:
        print_json(plain(run, axes))
        return
    console = Console()
    room = Room(console.width if sys.stdout.isatty() else None, min(TALLEST, max(8, console.height - 6)))
    shown = front_view(run, axes, room, letters_for(sys.stdout.encoding))
    Console(width=10_000 if room.width is None else room.width).print(shown, end="", soft_wrap=True)


def axes_of(run: Run, x: str = "", y: str = "") -> Axes:
    """The axes that are asked for; else the first objective over the second, or over the trials. Raises WrongUseError."""
    objectives = [objective.metric for objective in run.record.objectives]
    known = sorted({name for trial in run.trials for name in trial.metrics} | {*objectives, NUMBER})
    for flag, name in (("--x", x), ("--y", y)):
        if name and name not in known:
            raise WrongUseError(f"{flag} {name[:60]!r} is no metric of {run.folder}; {nearest(name[:60], known)}")
    return Axes(x or [*objectives, NUMBER][1], y or objectives[0])


def points_of(run: Run, axes: Axes) -> list[tuple[int, Point]]:
    """Networks that have both metrics, with their numbers."""
    front, found = {trial.number for trial in run.front()}, []
    for trial in run.trials:
        values = {**trial.metrics, NUMBER: float(trial.number)}
        if trial.ok and axes.x in values and axes.y in values:
            found.append((trial.number, Point(values[axes.x], values[axes.y], trial.number in front)))
    return found


def plain(run: Run, axes: Axes) -> dict[str, Any]:
    """Table and scatter as plain data."""
    points = [{NUMBER: number, "x": at.x, "y": at.y, "on_front": at.bright} for number, at in points_of(run, axes)]
    return {"run": str(run.folder), **counts(run), "front": front_rows(run), **axes._asdict(), "points": points}


def counts(run: Run) -> dict[str, int]:
    """How far a run is."""
    return {"trials": len(run.trials), "of": run.record.trials, "failed": run.failures.total(), "refused": run.refusals.total()}


def front_view(run: Run, axes: Axes, room: Room, letters: Letters = DRAWN) -> RenderableType:
    """Where a run stands, its front as a table, and all its networks as a scatter."""
    parts: list[RenderableType] = [heading(run), Text("")]
    rows = front_rows(run)
    if not rows:
        return Group(*parts, Text("no trial has a result yet"))
    kept = rows if room.rows is None else rows[: room.rows]
    parts.append(table(run, kept, room.width))
    if len(kept) < len(rows):
        parts.append(Text(f"and {len(rows) - len(kept)} more", style=DIM))
    points = [point for _, point in points_of(run, axes)]
    if points and room.height:
        width = min(WIDEST, 80 if room.width is None else room.width)
        parts += [Text(""), scatter(points, axes.x, axes.y, width, room.height, letters), key(run, axes, letters)]
    return Group(*parts)


def heading(run: Run) -> Text:
    """What is searched and how far it is."""
    what, how = standing(run)
    return Text(f"{run.folder}: {what}\n{how}", overflow="fold")


def key(run: Run, axes: Axes, letters: Letters) -> Text:
    """What the characters of the scatter stand for."""
    text = Text.assemble((letters.bright, BRIGHT), f" on the front  {letters.dim} other networks")
    hidden = [unit(each.metric).label for each in run.record.objectives if each.metric not in axes]
    if hidden and len(run.record.objectives) > 2:
        text.append(f"\none on the front that looks beaten wins by {' and '.join(hidden)}")
    return text


def table(run: Run, rows: Sequence[dict[str, Any]], width: int | None) -> RenderableType:
    """The front: trial, objectives with their tests, and as many of the costs as have room."""
    objectives = [goal.metric for goal in run.record.objectives]
    names = columns_of(run.record.objectives, {name for row in rows for name in row})
    cells = [[str(row[NUMBER]), *(unit(name).text(row.get(name)) for name in names)] for row in rows]
    heads = ["Trial", *(unit(name).label for name in names)]
    widths = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
    fixed = 1 + sum(name.removeprefix("test_") in objectives for name in names)
    count = len(widths)
    while width is not None and count > fixed and sum(widths[:count]) + GAP * (count - 1) > width:
        count -= 1
    return table_of(heads[:count], [row[:count] for row in cells], 1, None, (), width)[1]
