"""The page of a run: one file that asks no host for anything, in which a person understands a search and picks a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.pareto import preference
from archsearch.report.importance import importance
from archsearch.report.packs import Pack, detail_packs, elements, index, packed, text_packs
from archsearch.report.page import library, section_html, write_page
from archsearch.report.rows import facts, rows
from archsearch.report.sections import footer, header, sections
from archsearch.report.summary import Summary
from archsearch.support.offline_page import asset, bundle, offline_page
from archsearch.trial import Trial

SCRIPT = "report/script/main.js"
MOST_STEPS = 250_000
"""Numbers of learning curves that the page holds; the best trials' come first."""
PARTS = (
    ("pick", "", ""),
    ("compare", "Comparison", ""),
    ("trials", "Trials", ""),
    ("parallel", "Choices and metrics", ""),
    ("progress", "Progress", ""),
    ("learning", "Learning curves", ""),
    ("importance-part", "Importance of choices", ""),
    ("failures", "Failures and refusals", "Failed while being evaluated, or refused before it."),
    ("rungs", "Rungs", ""),
    ("time", "Time", ""),
    ("noted", "Notes of the strategy", ""),
)
"""Sections that the page's script fills: id, title, note."""
BODY = """{header}
<main id="app" hidden>
<section id="tradeoff"><h2>Trade-off</h2>
<div class="split"><div id="front"></div><div class="panel" id="trial"></div></div></section>
{parts}
</main>
<div id="static"><main>
{static}
</main></div>
{footer}
<p id="said" role="status" aria-live="polite"></p>
<script type="application/gzip" id="run">{run}</script>
{packs}
<script type="application/gzip" id="library">{library}</script>"""


class Live(NamedTuple):
    """What a server adds: where the page is in the news, the module that takes them in (it imports SCRIPT), and more of the style."""

    place: str
    script: str
    style: str


Networks = Callable[[Sequence[int]], Iterator[tuple[int, str]]]
"""From numbers of trials to these numbers and the JSON texts of their genotypes, in that order, one at a time."""


def write_report(summary: Summary, path: str | Path, networks: Networks | None = None) -> Path:
    """Write the page of a run to a file. Raises as `write_page`."""
    return write_page(page(summary, networks), path)


def page(summary: Summary, networks: Networks | None = None, live: Live | None = None) -> str:
    """The page as HTML text; with `networks` it holds drawings and genotypes.

    A `live` page asks where it comes from for what it lacks, `trials/NUMBER.json`, and for the news; for nothing else.
    """
    order = by_worth(summary)
    details, texts = list[Pack](), list[Pack]()
    if networks is not None:
        details = list(detail_packs(networks(order)))
        texts = list(text_packs(networks(order)))
    body = BODY.format(
        header=header(summary),
        parts="\n".join(part(*each) for each in PARTS),
        static="\n".join(map(section_html, sections(summary))),
        footer=footer(summary),
        run=packed({"message": message(summary, order), "packs": index(details, texts, summary.place or summary.title)}),
        packs=elements([*details, *texts]),
        library=library().text,
    )
    style = asset("report/page.css") + asset("report/dashboard.css")
    if live is None:
        return offline_page(summary.title, body, style, bundle(SCRIPT), [library().digest])
    script = bundle(live.script)
    return offline_page(summary.title, body, style + live.style, script, [library().digest], "connect-src 'self'", live.place)


def message(summary: Summary, order: Sequence[int]) -> dict[str, Any]:
    """All that the page knows of the run at first, in the form of `archsearch.report.rows`; learning curves as far as there is room."""
    kept, room = set[int](), MOST_STEPS
    by_number = {trial.number: trial for trial in summary.trials}
    for number in order:
        room -= sum(len(step) for step in by_number[number].curve)
        if room < 0:
            break
        kept.add(number)
    trials = [trial if trial.number in kept else replace(trial, curve=()) for trial in summary.trials]
    return {
        "run": {**facts(summary), "importance": importance(summary)},
        "rows": rows(trials, summary.seconds, summary.tests, summary.refused),
    }


def by_worth(summary: Summary) -> list[int]:
    """Numbers of all trials: the front, then those nearest to it, those without a result last."""
    good = [trial for trial in summary.trials if counts(trial, summary.top)]
    values = [trial.values for trial in good if trial.values is not None]
    best = [good[i].number for i in preference(values)] if good else []
    return list(dict.fromkeys([*summary.front, *best, *(trial.number for trial in summary.trials)]))


def counts(trial: Trial, top: int) -> bool:
    """Whether a result counts: that of the highest rung."""
    return trial.values is not None and trial.rung == top


def part(id: str, title: str, note: str) -> str:
    """A section that the script fills."""
    head = f"<h2>{escape(title)}</h2>" if title else ""
    words = f'<p class="note">{escape(note)}</p>' if note else ""
    return f'<section id="{id}">{head}{words}</section>'
