"""The page of a comparison of strategies."""

from __future__ import annotations

from html import escape
from math import floor, isfinite, log10
from pathlib import Path
from typing import Literal

import numpy as np

from archsearch.figures import chart as figures
from archsearch.figures.frame import Frame
from archsearch.report.markup import Cell, Column, pairs, table
from archsearch.report.page import filled, write_page
from archsearch.report.sections import Chart, Section, words_of
from archsearch.runs.compare import BASELINE, Comparison, Player
from archsearch.runs.compare.quality import Floats
from archsearch.units import DASH, unit

HEADINGS = {"regret": "Regret", "test": "On the test part", "hypervolume": "Hypervolume", "igd_plus": "Distance from the best front"}
BAND = 0.12
"""How strong the colour between the quartiles is."""
ROOM = 0.03
"""Of its width a chart leaves free beside the best."""
SHORT = {"hypervolume": "Hypervolume (%)", "igd_plus": "Distance (spans)"}


def report_comparison(comparison: Comparison, path: str | Path) -> Path:
    """Write the page of a comparison to a file. Raises as `write_page`."""
    return write_page(comparison_page(comparison), path)


def comparison_page(comparison: Comparison) -> str:
    """The page as HTML text."""
    shown = [standings(comparison), *developments(comparison), *surfaces(comparison)]
    return filled(title(comparison), header(comparison), shown, footer(comparison))


def title(comparison: Comparison) -> str:
    """What the page is called."""
    return f"{len(comparison.players)} strategies on {Path(comparison.match.table.data).stem}"


def header(comparison: Comparison) -> str:
    """Title and one line on what was played."""
    match, runs = comparison.match, len(comparison.played[BASELINE])
    goals = ", ".join(f"{'most' if goal.maximise else 'least'} {words_of(goal.metric)}" for goal in match.objectives)
    facts = {"space": match.space, "goal": goals, "runs": f"{runs:,} of each", "trials": f"{match.trials:,} a run"}
    parts = " · ".join(f"{name} <b>{escape(value)}</b>" for name, value in facts.items())
    return f'<header>\n<h1>{escape(title(comparison))}</h1>\n<p class="about">{parts}</p>\n</header>'


def label(comparison: Comparison, measure: str) -> str:
    """A measure with its unit, as an axis says it."""
    metric = unit(comparison.match.objectives[0].metric)
    names = {
        "hypervolume": "Hypervolume (% of the best front's)",
        "igd_plus": "Distance from the best front (spans)",
        "regret": f"Regret in {metric.axis[:1].lower()}{metric.axis[1:]}",
        "test": unit(f"test_{comparison.match.objectives[0].metric}").axis,
    }
    return names[measure]


def factor(comparison: Comparison, measure: str) -> float:
    """What values of a measure are multiplied with to be shown."""
    first = comparison.match.objectives[0]
    sign = -1 if first.maximise and measure == "test" else 1
    return {"hypervolume": 100.0, "igd_plus": 1.0}.get(measure, sign * unit(first.metric).factor)


def standings(comparison: Comparison) -> Section:
    """All strategies at the end of their runs, the best first."""
    first, *others = comparison.measures
    order: Literal["ascending", "descending"] = "descending" if first == "hypervolume" else "ascending"
    heads = [
        Column("Strategy", text=True),
        Column(label(comparison, first), sorts=True, sorted=order),
        Column("Quartiles"),
        Column("p against random"),
    ]
    heads += [Column(label(comparison, measure), sorts=True) for measure in others]
    note = "Mean ± standard deviation over the runs, after the last trial; p by Wilcoxon's signed ranks of runs with the same seed."
    if not comparison.goal.complete:
        note += " The table does not hold all objectives: the best is the best that any run found."
    return Section("Standings", note, table(heads, [standing(comparison, name) for name in ranked(comparison)]))


def ranked(comparison: Comparison) -> list[str]:
    """Names of the strategies, the best at the end first."""
    first = comparison.measures[0]
    return sorted(comparison.players, key=lambda name: comparison.final(name, first).mean, reverse=first == "hypervolume")


def standing(comparison: Comparison, name: str) -> list[Cell]:
    """A row of the standings."""
    cells = [Cell(escape(name))]
    for place, measure in enumerate(comparison.measures):
        final, scale = comparison.final(name, measure), factor(comparison, measure)
        cells.append(Cell(spread(final.mean * scale, final.std * abs(scale)), final.mean * scale))
        if place == 0:
            low, _, high = sorted(value * scale for value in final.quartiles)
            cells += [Cell(f"{low:.3g} to {high:.3g}"), Cell(DASH if final.p is None else f"{final.p:.2g}")]
    return cells


def spread(mean: float, std: float) -> str:
    """A mean with its standard deviation, both as far as two figures of the deviation reach."""
    if not isfinite(mean):
        return f"{mean:.4g}"
    if not (std > 0 and isfinite(std)):
        return f"{mean:.4g} ± {std:.2g}"
    digits = max(0, 1 - floor(log10(std)))
    return f"{mean:.{digits}f} ± {std:.{digits}f}"


def colours(comparison: Comparison) -> dict[str, str]:
    """The colour of every strategy; random search is dim, and first, so that it lies behind all others."""
    others = (name for name in comparison.players if name != BASELINE)
    return {BASELINE: figures.DIM} | {name: figures.COLOURS[place % len(figures.COLOURS)] for place, name in enumerate(others)}


def key(comparison: Comparison) -> str:
    """Which colour is which strategy, as HTML."""
    parts = (f'<span><i style="background: {colour}"></i>{escape(name)}</span>' for name, colour in colours(comparison).items())
    return f'<p class="key">{"".join(parts)}</p>'


def developments(comparison: Comparison) -> list[Section]:
    """Median and quartiles of every measure by trials, and by seconds of training where the table has them."""
    sections = []
    note = "Lines are medians over the runs; bands reach from quartile to quartile."
    for measure in comparison.measures:
        trials = np.arange(1.0, comparison.match.trials + 1)
        bands = {name: comparison.bands(name, measure) for name in comparison.players}
        charts = [Chart(f"{measure}-trials", drawn(comparison, measure, trials, bands, "Trials"))]
        if len(comparison.moments):
            timed = {name: comparison.bands_by_seconds(name, measure) for name in comparison.players}
            charts.append(Chart(f"{measure}-seconds", drawn(comparison, measure, comparison.moments, timed, "Seconds of training")))
        sections.append(Section(HEADINGS[measure], note, charts=tuple(charts), key=key(comparison)))
    return sections


def drawn(comparison: Comparison, measure: str, x: Floats, bands: dict[str, Floats], title: str) -> figures.Figure:
    """One measure of all strategies; the axis holds what they come to after the first tenth."""
    figure = figures.Figure()
    scaled = {name: np.where(np.isfinite(band), band * factor(comparison, measure), np.nan) for name, band in bands.items()}
    for name, colour in colours(comparison).items():
        add_band(figure, name, colour, x, scaled[name])
    figures.finish(figure, Frame(), "", "")
    settled = np.concatenate([band[:, len(x) // 10 :].ravel() for band in scaled.values()])
    low, high = (float(np.nanmin(settled)), float(np.nanmax(settled))) if np.isfinite(settled).any() else (0.0, 1.0)
    room = 0.05 * (high - low) or 1.0
    figure.update_layout(
        xaxis_title_text=title, xaxis_rangemode="tozero", yaxis_title_text=SHORT.get(measure) or label(comparison, measure),
        yaxis_range=[low - room if low < 0 else max(0.0, low - room), high + room], showlegend=False, hovermode="x unified",
    )  # fmt: skip
    return figure


def add_band(figure: figures.Figure, name: str, colour: str, x: Floats, band: Floats) -> None:
    """A median as a line, and the room between the quartiles behind it."""
    x, (low, middle, high) = x[np.isfinite(band).all(axis=0)], band[:, np.isfinite(band).all(axis=0)]
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    for edge, fill in ((low, None), (high, "tonexty")):
        figure.add_scatter(
            x=list(x), y=list(edge), mode="lines", line={"width": 0, "shape": "hv"}, fill=fill,
            fillcolor=f"rgba({red}, {green}, {blue}, {BAND})", name=name, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=list(x), y=list(middle), mode="lines", name=name, line={"width": 2, "shape": "hv", "color": colour}, hovertemplate="%{y:.4g}",
    )  # fmt: skip


def surfaces(comparison: Comparison) -> list[Section]:
    """What half of the runs reach in two objectives, and the best front."""
    goals = comparison.match.objectives
    if len(goals) != 2:
        return []
    figure = figures.Figure()
    signs = np.array([(-1 if goal.maximise else 1) * unit(goal.metric).factor for goal in goals])
    for name, colour in colours(comparison).items():
        x, reached = comparison.surfaces(name)
        known = np.isfinite(reached[1])
        figure.add_scatter(
            x=list(x[known] * signs[0]), y=list(reached[1][known] * signs[1]), mode="lines", name=name,
            line={"shape": "hv", "width": 2, "color": colour},
        )  # fmt: skip
    best = comparison.goal.points * signs
    figure.add_scatter(
        x=list(best[:, 0]),
        y=list(best[:, 1]),
        mode="markers",
        name="best front",
        marker={"size": 7, "color": figures.DIM, "symbol": "diamond"},
    )
    figures.finish(figure, Frame(), "", "")
    for axis, goal, corner, edge in zip(
        "xy", goals, comparison.goal.points.min(axis=0) * signs, comparison.goal.reference * signs, strict=True
    ):
        room = ROOM * (corner - edge)
        figure.update_layout(
            {f"{axis}axis_title_text": unit(goal.metric).axis, f"{axis}axis_range": sorted([float(corner + room), float(edge)])}
        )
    figure.update_layout(showlegend=False, hovermode="closest")
    note = "Beyond each line lies what half of the runs of a strategy reached (median attainment surface); diamonds are the best front."
    return [Section("Reached by half of the runs", note, charts=(Chart("attainment", figure, tall=True),), key=key(comparison))]


def footer(comparison: Comparison) -> str:
    """What was played, so that it can be played again."""
    match = comparison.match
    bound = {}
    if len(match.objectives) > 1:
        values = zip(match.objectives, comparison.goal.reference.tolist(), strict=True)
        words = (f"{words_of(goal.metric)} {unit(goal.metric).text(-value if goal.maximise else value)}" for goal, value in values)
        bound = {"reference": ", ".join(words)}
    parts = {
        "Match": {**match.settings, "table": match.table.data, "seed": comparison.seed, **bound},
        "Strategies": {name: played(player) for name, player in comparison.players.items()},
    }  # fmt: skip
    inner = "".join(f"<div><h2>{heading}</h2>{pairs(items)}</div>" for heading, items in parts.items())
    return f'<footer><div class="columns">{inner}</div></footer>'


def played(player: Player) -> str:
    """A strategy with its options, in words."""
    return " ".join([player.strategy, *(f"{option}={value}" for option, value in player.options.items())])
