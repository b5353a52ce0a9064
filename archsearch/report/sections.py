"""Parts of the page: a summary in, titles, HTML and charts out."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Literal, NamedTuple

from archsearch.figures import chart as figures
from archsearch.report.markup import Cell, Column, link, pairs, table
from archsearch.report.summary import Summary
from archsearch.trial import FAILURE_KINDS, Trial
from archsearch.units import DASH, unit

COSTS = ("params", "macs", "memory_bytes", "training_memory_bytes", "latency_ms", "predicted_latency_ms")
MOST_ROWS = 200
MOST_LETTERS = 60
MESSAGES = 3
"""So many messages stand for all failures of a kind."""


class Chart(NamedTuple):
    """A figure and the id of its place in the page."""

    name: str
    figure: figures.Figure
    tall: bool = False


class Section(NamedTuple):
    """A titled part of the page: a key of the colours as HTML, charts, then HTML."""

    title: str
    note: str
    html: str = ""
    charts: tuple[Chart, ...] = ()
    key: str = ""


def header(summary: Summary) -> str:
    """Title, one line on what was searched, headline numbers."""
    status = f' <span class="status">{escape(summary.status)}</span>'
    facts = {"space": summary.space, "data": summary.data, "strategy": summary.strategy, "seed": str(summary.seed)}
    parts = [f"{name} <b>{escape(value)}</b>" for name, value in facts.items() if value]
    limits = ", ".join(f"{words_of(name)} \u2264 {unit(name).text(limit)}" for name, limit in summary.budget.items())
    parts.append(f"budget <b>{escape(limits) or 'none'}</b>")
    for verb, maximise in (("minimising", False), ("maximising", True)):
        goals = ", ".join(words_of(goal.metric) for goal in summary.objectives if goal.maximise is maximise)
        parts += [f"{verb} <b>{escape(goals)}</b>"] * bool(goals)
    if summary.trained:
        parts.append("training memory for <b>a batch of {} with {}</b>".format(*map(escape, map(str, summary.trained))))
    numbers = "".join(
        f'<div data-number="{name.split()[0].lower()}"><dt>{escape(name)}</dt>'
        f"<dd><span>{escape(value)}</span><small>{escape(note)}</small></dd></div>"
        for name, value, note in headline(summary)
    )
    title = f"<h1>{escape(summary.title)}{status}</h1>"
    tools = '<div id="tools"></div>'
    return f'<header>\n{tools}\n{title}\n<p class="about">{" · ".join(parts)}</p>\n<dl class="numbers">{numbers}</dl>\n</header>'


def words_of(metric: str) -> str:
    """A metric inside a sentence."""
    label = unit(metric).label
    return label if label.isupper() or label == "MACs" else label[:1].lower() + label[1:]


def headline(summary: Summary) -> list[tuple[str, str, str]]:
    """Numbers to see first: name, value, a few words."""
    trials, failed = summary.trials, [trial for trial in summary.trials if trial.failure]
    kinds = Counter(trial.failure.kind for trial in failed if trial.failure)
    rows = [("Trials", f"{len(trials):,}", "networks evaluated")]
    if len(summary.objectives) > 1:
        rows.append(("On the front", f"{len(summary.front):,}", "no other is better in all objectives"))
    if summary.objectives:
        goal = summary.objectives[0]
        top = max((trial.rung for trial in trials), default=0)
        best = min((trial for trial in trials if trial.values and trial.rung == top), key=lambda trial: trial.values or (), default=None)
        test = summary.tests.get(best.number, {}).get(goal.metric) if best else None
        where = (
            f"trial {best.number}" + (f", {unit(goal.metric).text(test)} on test data" if test is not None else "")
            if best
            else "no trial succeeded yet"
        )
        rows.append((f"Best {words_of(goal.metric)}", unit(goal.metric).text(best.metrics.get(goal.metric)) if best else DASH, where))
    rows.append(("Failed", f"{len(failed):,}", ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in kinds.most_common())))
    refusals = Counter(summary.refusals)
    rows.append(
        ("Refused", f"{refusals.total():,}", ", ".join(f"{count:,} {shortened(reason)}" for reason, count in refusals.most_common(3)))
    )
    return rows


def shortened(reason: str) -> str:
    """Why a candidate was refused, in a few words."""
    text = reason_text(reason)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}\u2026"


def reason_text(reason: str) -> str:
    """Why a candidate was refused, for people: `over macs` becomes `over MACs`."""
    verb, _, metric = reason.partition(" ")
    name, gap, how = metric.partition(" ")  # how, where a latency was predicted
    return f"{verb} {words_of(name)}{gap}{how}" if verb == "over" and metric else reason.replace("_", " ")


def sections(summary: Summary) -> list[Section]:
    """What the page shows where no script runs: parts with nothing to say are left out."""
    if not any(trial.ok for trial in summary.trials):
        words = "No trial succeeded; the failures are below." if summary.trials else "No trial has been evaluated yet."
        return [Section("Results", "", f'<p class="empty">{words}</p>'), *failures(summary)]
    return [front_table(summary), *failures(summary)]


def front_table(summary: Summary) -> Section:
    """Networks on the front, or the best ones of a single objective."""
    trials = summary.front_trials
    metrics = columns_of(summary, trials)
    first = summary.objectives[0]
    order: Literal["ascending", "descending"] = "descending" if first.maximise else "ascending"
    heads = [
        Column("Trial", sorts=True, text=True),
        *(Column(unit(name).label, sorts=True, sorted=order if name == first.metric else "") for name, _ in metrics),
        Column("Choices", text=True),
    ]
    rows = []
    for trial in trials[:MOST_ROWS]:
        values = [
            (summary.tests.get(trial.number, {}) if tested else trial.metrics).get(name.removeprefix("test_") if tested else name)
            for name, tested in metrics
        ]
        cells = [Cell(escape(unit(name).text(value)), value) for (name, _), value in zip(metrics, values, strict=True)]
        rows.append([Cell(link(f"trial {trial.number}", summary.links.get(trial.number)), trial.number), *cells, Cell(choices_html(trial))])
    cut = f" The first {MOST_ROWS} of {len(trials)} are shown." if len(trials) > MOST_ROWS else ""
    several = len(summary.objectives) > 1
    note = (
        "Click a head to sort. Costs are for one image; memory is the peak of inference."
        if "memory_bytes" in dict(metrics)
        else "Click a head to sort."
    )
    return Section("Networks on the front" if several else "Best network", note + cut, table(heads, rows))


def columns_of(summary: Summary, trials: tuple[Trial, ...]) -> list[tuple[str, bool]]:
    """Metrics of the table, and whether each is of the test part: objectives first, every one followed by its test."""
    present = dict.fromkeys(name for trial in trials for name in trial.metrics)
    tested = {name for trial in trials for name in summary.tests.get(trial.number, {})}
    wanted = dict.fromkeys([*(goal.metric for goal in summary.objectives if goal.metric not in COSTS), *COSTS])
    names = [name for name in (*wanted, *(goal.metric for goal in summary.objectives)) if name in present]
    found: list[tuple[str, bool]] = []
    for name in dict.fromkeys(names):
        found.append((name, False))
        if name in tested:
            found.append((f"test_{name}", True))
    return found


def choices_html(trial: Trial) -> str:
    """The choices of a trial, folded away."""
    if not trial.choices:
        return ""
    return f"<details><summary>{len(trial.choices)} choice{'s' * (len(trial.choices) > 1)}</summary>{pairs(trial.choices)}</details>"


def failures(summary: Summary) -> list[Section]:
    """Failures by kind with some messages, and refusals by reason; nothing when all went well."""
    rows = []
    for kind in FAILURE_KINDS:
        failed = [(trial.number, trial.failure.message) for trial in summary.trials if trial.failure and trial.failure.kind == kind]
        if failed:
            latest = "<br>".join(escape(f"trial {number}: {message[:300]}") for number, message in failed[-MESSAGES:])
            rows.append([Cell("failed"), Cell(escape(kind.replace("_", " "))), Cell(f"{len(failed):,}", len(failed)), Cell(latest)])
    for reason, count in Counter(summary.refusals).most_common():
        rows.append([Cell("refused"), Cell(escape(reason_text(reason))), Cell(f"{count:,}", count), Cell("never evaluated")])
    if not rows:
        return []
    heads = [Column("What", text=True), Column("Reason", text=True), Column("Count", sorts=True), Column("Latest", text=True, wraps=True)]
    return [Section("Failures and refusals", "Failed while being evaluated, or refused before it.", table(heads, rows))]


def footer(summary: Summary) -> str:
    """Settings, versions, and what is to be known of the data."""
    parts = [
        f"<div><h2>{title}</h2>{pairs(items)}</div>"
        for title, items in (("Settings", summary.settings), ("Versions", summary.versions))
        if items
    ]
    noted = f"<div><h2>Notes on the data</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in summary.remarks)}</ul></div>"
    parts += [noted] * bool(summary.remarks)
    return f'<footer><div class="columns">{"".join(parts)}</div></footer>' if parts else ""
