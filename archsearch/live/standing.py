"""Where a run stands, in words and as a row of a list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_from_bytes

from archsearch.runs.following import Follower
from archsearch.runs.record import short
from archsearch.units import DASH, unit

MOST_GOING, MOST_NUMBERS = 8, 600
"""Trials under way, and numbers of all their curves, that are sent at a time."""


def status(follower: Follower) -> str:
    """Whether a run is being written, and how far it is; empty when it is done."""
    if follower.run is None or follower.state == "done":
        return ""
    return f"{follower.state}, {len(follower.seconds):,} of {follower.run.record.trials:,} trials"


def going(follower: Follower) -> dict[str, Any]:
    """The trials that are being trained, for the page: `first` epoch and `curves` by metric, of long ones the last epochs."""
    shown = dict(sorted(follower.under_way.items())[:MOST_GOING]) if follower.held else {}
    numbers = max((len(step) for each in shown.values() for step in each.curve), default=1) * max(len(shown), 1)
    found = {}
    for number, (first, curve) in shown.items():
        kept = curve[-max(MOST_NUMBERS // max(numbers, 1), 1) :]
        names = dict.fromkeys(name for step in kept for name in step)
        curves = {name: [float(f"{step[name]:.4g}") if name in step else None for step in kept] for name in names}
        found[str(number)] = {"first": first + len(curve) - len(kept), "curves": curves}
    return found


def row(name: bytes, follower: Follower, trouble: str) -> dict[str, Any]:
    """A run as texts for a list, with its address `path` and the time when it `began` or went on; of one that cannot be read `trouble`."""
    known = {"name": name.decode("utf-8", "replace"), "path": f"run/{quote_from_bytes(name, safe='')}/", "trouble": trouble}
    run = follower.run
    if run is None or trouble:
        return {**known, "began": "", "state": "not readable"}
    record, values = run.record, follower.values.values()
    goal, best = record.objectives[0], min(values, default=None)
    return {
        **known,
        "began": datetime.fromtimestamp(follower.began, UTC).isoformat(timespec="seconds"),
        "state": follower.state,
        "space": record.space_name,
        "data": record.data_name or DASH,
        "strategy": short(record.strategy),
        "trials": f"{len(follower.seconds):,} of {record.trials:,}",
        "failed": f"{len(follower.failed):,}",
        "best": DASH if best is None else f"{unit(goal.metric).label} {unit(goal.metric).text(-best[0] if goal.maximise else best[0])}",
        "front": f"{len(follower.front()):,}",
    }
