"""One offline page that shows a survey."""

from __future__ import annotations

from html import escape

from archsearch.analysis import COSTS
from archsearch.report import space_figures as figures
from archsearch.report.markup import Cell, Column, pairs, table
from archsearch.report.page import filled
from archsearch.report.sections import Chart, Section
from archsearch.spaces.survey import QUANTILES, Survey
from archsearch.spaces.words import about, limits_text, percent, share_text, size_text
from archsearch.units import unit

MESSAGES = 3


def page(found: Survey) -> str:
    """The page as HTML text."""
    return filled(found.space.source, header(found), sections(found), footer(found))


def header(found: Survey) -> str:
    """Title, what the space says of itself, headline numbers."""
    status = f"{len(found.drawn):,} of {found.asked:,} draws" if not found.whole and len(found.drawn) < found.asked else ""
    shown = f' <span class="status">{status}</span>' if status else ""
    numbers = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>" for name, value, note in headline(found)
    )
    limits = f"budget <b>{escape(limits_text(found.budget))}</b>" if found.budget.limits() else ""
    words = " · ".join(filter(None, [escape(about(found.space)), limits]))
    title = f"<h1>{escape(found.space.source)}{shown}</h1>"
    return f'<header>\n{title}\n<p class="about">{words}</p>\n<dl class="numbers">{numbers}</dl>\n</header>'


def headline(found: Survey) -> list[tuple[str, str, str]]:
    """Numbers to see first: name, value, a few words."""
    estimated, drawn = found.space.is_conditional(), len(found.drawn)
    rows = [
        ("Networks", size_text(found.space), "estimated: choices depend on others" if estimated else "all combinations of the choices"),
        ("Choices", f"{len(found.options):,}", f"with {sum(map(len, found.options.values())):,} options"),
        ("Looked at" if found.whole else "Drawn", f"{drawn:,}", f"{found.different:,} different networks"),
        ("Invalid", percent(len(found.invalid) / max(1, drawn)), "of the draws lead to no network"),
    ]
    if found.budget.limits():
        rows.append(("Within the budget", *share_text(found, len(found.fitting))))
    return rows


def sections(found: Survey) -> list[Section]:
    """All parts below the header, in order."""
    if not found.entries:
        return [Section("Results", "", '<p class="empty">No draw led to a network.</p>'), choices(found), *failures(found)]
    return [costs(found), trade(found), ends(found), choices(found), *failures(found)]


def costs(found: Survey) -> Section:
    """A histogram and a row of numbers for each cost."""
    limits = found.budget.limits()
    heads = [Column("Cost", text=True), Column("Least"), *(Column(percent(q)) for q in QUANTILES), Column("Most"), Column("Mean")]
    heads += [Column("Limit"), Column("Within it")] if limits else []
    rows = []
    for cost in COSTS:
        spread, text = found.spread(cost), unit(cost).text
        cells = [unit(cost).label, text(spread.least), *map(text, spread.quantiles), text(spread.most), text(spread.mean)]
        if limits:
            kept = sum(entry.costs[cost] <= limits.get(cost, float("inf")) for entry in found.entries)
            cells += [text(limits.get(cost)), share_text(found, kept)[0] if cost in limits else text(None)]
        rows.append([Cell(escape(cell)) for cell in cells])
    drawn = "Every network of the space once." if found.whole else "Drawn as a search draws them: each choice with equal chances."
    note = f"{drawn} Costs are for one sample; the memory of training for a batch of {found.batch} with {found.optimizer}."
    return Section("Costs", note, table(heads, rows), tuple(Chart(f"cost-{cost}", figures.histogram(found, cost)) for cost in COSTS))


def trade(found: Survey) -> Section:
    """Networks by work and memory."""
    note = "Every point is a network; the pointer shows its choices."
    return Section("MACs and params", note, charts=(Chart("trade", figures.scatter(found, "macs", "params"), tall=True),))


def ends(found: Survey) -> Section:
    """The cheapest and the dearest network by each cost."""
    heads = [Column("Network", text=True), *(Column(unit(cost).label) for cost in COSTS), Column("Choices", text=True)]
    rows = [
        [
            Cell("<br>".join(map(escape, words))),
            *(Cell(escape(unit(cost).text(entry.costs[cost])), entry.costs[cost]) for cost in COSTS),
            Cell(f"<details><summary>{len(entry.choices)} choices</summary>{pairs(entry.choices)}</details>"),
        ]
        for entry, words in found.extremes
    ]
    note = "Of the whole space." if found.whole else "Of those that were drawn: the space may hold cheaper and dearer ones."
    return Section("Cheapest and dearest", note, table(heads, rows))


def choices(found: Survey) -> Section:
    """Every choice with its options, and how much of the costs hangs on it."""
    weighed = [cost for cost in COSTS[:3] if found.entries]
    heads = [Column("Choice", text=True), Column("Options", text=True, wraps=True)]
    heads += [Column(unit(cost).label, sorts=True) for cost in weighed]
    rows = []
    for name, offered in found.options.items():
        shares = [found.influence(name, cost) for cost in weighed]
        cells = [Cell(percent(share), share) for share in shares]
        rows.append([Cell(escape(name)), Cell(escape(", ".join(map(str, offered)))), *cells])
    note = "Under a cost: how much of its spread (variance of the logarithm) a choice explains by itself, in the networks that make it."
    return Section("Choices", note if weighed else "", table(heads, rows))


def failures(found: Survey) -> list[Section]:
    """Some of the reasons for which draws led to no network; nothing when all did."""
    if not found.invalid:
        return []
    some = list(dict.fromkeys(found.invalid))[:MESSAGES]
    rows = [[Cell(escape(message[:300]))] for message in some]
    note = f"{len(found.invalid):,} of {len(found.drawn):,} draws led to no network; a search draws again."
    return [Section("Invalid choices", note, table([Column("For example", text=True, wraps=True)], rows))]


def footer(found: Survey) -> str:
    """Settings."""
    drawn = {"samples": found.asked, "seed": found.seed, "batch": found.batch, "optimizer": found.optimizer}
    parts = [
        f"<div><h2>{title}</h2>{pairs(items)}</div>" for title, items in (("Settings", found.space.settings), ("Survey", drawn)) if items
    ]
    return f'<footer><div class="columns">{"".join(parts)}</div></footer>'
