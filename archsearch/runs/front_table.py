"""The front of a run for people: which columns its table has, and all of it as HTML, which notebooks show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from typing import TYPE_CHECKING

from archsearch.analysis import COSTS
from archsearch.runs.record import short
from archsearch.trial import Objective
from archsearch.units import unit

if TYPE_CHECKING:
    from archsearch.runs.store import Run

LAST = (*COSTS, "latency_ms", "predicted_latency_ms")
"""Columns behind the objectives."""
MOST_ROWS = 20
CELL = 'style="text-align: right; padding: 2px 10px"'
HTML = """<div>
<b>{title}</b><br>{about}
<table style="font-variant-numeric: tabular-nums">
<thead><tr>{heads}</tr></thead>
<tbody>
{body}
</tbody>
</table>{more}
</div>"""


def columns_of(objectives: Sequence[Objective], known: Collection[str]) -> list[str]:
    """The columns of a front that are known: objectives, each followed by its test, then the costs."""
    goals = [goal.metric for goal in objectives]
    return [name for name in dict.fromkeys([*(each for goal in goals for each in (goal, f"test_{goal}")), *LAST]) if name in known]


def standing(run: Run) -> tuple[str, str]:
    """What a run searches, and how far it is, in words."""
    record = run.record
    told = [f"{len(run.trials):,} of {record.trials:,} trials", f"{len(run.front()):,} on the front"]
    told += [f"{count:,} {word}" for count, word in ((run.failures.total(), "failed"), (run.refusals.total(), "refused")) if count]
    return f"{short(record.strategy)} in {record.space_name}, seed {record.seed}", ", ".join(told)


def as_html(run: Run) -> str:
    """Where a run stands, and its front with tests and costs; everything in it is text."""
    what, how = standing(run)
    front = run.front()
    rows = [{**trial.metrics, **{f"test_{name}": value for name, value in run.tests.get(trial.number, {}).items()}} for trial in front]
    names = columns_of(run.record.objectives, {name for row in rows for name in row})
    lines = [
        [str(trial.number), *(unit(name).text(row.get(name)) for name in names)] for trial, row in zip(front, rows, strict=True)
    ]  # fmt: skip
    return HTML.format(
        title=escape(str(run.folder)),
        about=escape(f"{what}; {how}"),
        heads="".join(f"<th {CELL}>{escape(head)}</th>" for head in ("Trial", *(unit(name).label for name in names))),
        body="\n".join(f"<tr>{''.join(f'<td {CELL}>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines[:MOST_ROWS]),
        more=f"and {len(lines) - MOST_ROWS:,} more; run.front() has all" if len(lines) > MOST_ROWS else "",
    )
