"""The page of a run as the server gives it: that of the report, which then goes on with the news."""

from __future__ import annotations

import json
from dataclasses import replace

from archsearch.live.pages import style
from archsearch.live.standing import going, status
from archsearch.report.dashboard import Live, page
from archsearch.report.details import detail
from archsearch.report.of_run import summarise
from archsearch.runs.following import Follower
from archsearch.runs.rows import is_number
from archsearch.runs.store import Run, open_run

SCRIPT = "live/run.js"


def render(follower: Follower, place: str) -> bytes:
    """The page of a run as it is now, which asks for news from a place on. Raises StoreError."""
    summary = replace(summarise(open_run(follower.folder)), status=status(follower), under_way=going(follower))
    return page(summary, live=Live(place, SCRIPT, style())).encode("utf-8", "replace")


def trial_json(run: Run, number: int) -> str:
    """What the page shows of the network of a trial. Raises KeyError for one that is not there, or cannot be read; StoreError."""
    found = dict(run.genotype_texts([number])) if is_number(number) else {}
    if number not in found:
        raise KeyError(f"There is no network of trial {number} that can be read.")
    return json.dumps(detail(found[number]), allow_nan=False, separators=(",", ":"))
