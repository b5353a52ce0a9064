"""Figures of a survey, in the look of all figures."""

from __future__ import annotations

import html
import textwrap

from archsearch.figures import chart as figures
from archsearch.figures.frame import Frame
from archsearch.spaces.catalogue import Entry
from archsearch.spaces.survey import Survey
from archsearch.units import unit

MOST_POINTS = 2000


def histogram(found: Survey, cost: str) -> figures.Figure:
    """Networks by one cost: all of them, those within the budget bright, and the limit."""
    bars, factor = found.histogram(cost), unit(cost).factor
    limit = found.budget.limits().get(cost)
    figure = figures.Figure()
    parts = [("all", bars.counts, figures.DIM)] if found.budget.limits() else []
    parts.append(("within the budget" if parts else "all", bars.within, figures.ACCENT))
    for name, counts, colour in parts:
        figure.add_scatter(
            x=[edge * factor for edge in (bars.edges[0], *bars.edges)],
            y=[0, *counts, 0],
            name=name,
            mode="lines",
            line={"shape": "hv", "width": 1, "color": colour},
            fill="tozeroy",
            fillcolor=f"{colour}66",
            hovertext=["", *(bin_text(bars.edges, place, count, cost) for place, count in enumerate(counts)), ""],
            hoverinfo="text",
        )
    if limit is not None:
        words, line = f"limit {unit(cost).text(limit)}", {"width": 1.5, "dash": "dash", "color": figures.COLOURS[1]}
        figure.add_scatter(
            x=[limit * factor] * 2, y=[0, max(bars.counts)], name=words, mode="lines", line=line, hovertext=words, hoverinfo="text"
        )
    figures.finish(figure, Frame({cost: [*found.values(cost), *([limit] * (limit is not None))]}), cost, "")
    figure.update_layout(yaxis_title_text="Networks", yaxis_rangemode="tozero", hovermode="closest", showlegend=len(figure.data) > 1)
    return figure


def bin_text(edges: tuple[float, ...], place: int, count: int, cost: str) -> str:
    """One bar in words."""
    return f"{unit(cost).text(edges[place])} to {unit(cost).text(edges[place + 1])}: {count:,} networks"


def scatter(found: Survey, x: str, y: str) -> figures.Figure:
    """Networks by two costs, those within the budget bright."""
    inside = {id(entry) for entry in found.fitting}
    shown = found.entries[:MOST_POINTS]
    figure = figures.Figure()
    parts = [("over the budget", [entry for entry in shown if id(entry) not in inside], figures.DIM)] if found.budget.limits() else []
    parts.append(("within the budget", [entry for entry in shown if id(entry) in inside], figures.ACCENT))
    for name, entries, colour in parts:
        figure.add_scatter(
            x=[entry.costs[x] * unit(x).factor for entry in entries],
            y=[entry.costs[y] * unit(y).factor for entry in entries],
            name=name,
            mode="markers",
            marker={"size": 5, "color": colour, "opacity": 0.55},
            hovertext=[hover(entry, x, y) for entry in entries],
            hoverinfo="text",
        )
    figures.finish(figure, Frame([{x: entry.costs[x], y: entry.costs[y]} for entry in shown]), x, y)
    figure.update_layout(hovermode="closest", showlegend=len(parts) > 1)
    return figure


def hover(entry: Entry, x: str, y: str) -> str:
    """What a point says of its network; escaped, since plotly reads some HTML."""
    costs = [f"{html.escape(unit(name).label)}: {unit(name).text(entry.costs[name])}" for name in (x, y)]
    text = " ".join(f"{name}={value}" for name, value in entry.choices.items())
    return "<br>".join([*costs, *(html.escape(line) for line in textwrap.wrap(text, 56, max_lines=8, placeholder=" …"))])
