"""Figures: each a function of a frame. Colours are mid-tones that read on light and dark; the page colours text and grids."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Hashable, Mapping
from typing import Any

import plotly.graph_objects as go

from archsearch.figures.frame import FIXED, Frame
from archsearch.figures.scale import is_wide, log_marks
from archsearch.trial import Objective
from archsearch.units import prefixed, unit

Figure = go.Figure

ACCENT = "#3d7fd9"
DIM = "#8b95a3"
COLOURS = ("#3d7fd9", "#d9793d", "#2f9e7d", "#b0569e", "#a08a1f", "#7a6fd0", "#cf5563", "#4a9db5")
STEPS = {"shape": "hv", "width": 2, "color": ACCENT}
CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
}
"""Settings of every chart; none of them can reach another host."""
MOST_CURVES = 24
FEW = 10
"""Up to so many things are counted one by one along an axis."""


def pareto(table: Frame, x: Objective, y: Objective, line: bool = True) -> go.Figure:
    """Trials by two objectives: dominated ones dim, the front bright, with `line` joined by the border of what it dominates."""
    good = measured(table, x.metric, y.metric)
    figure = go.Figure()
    for on_front, name in ((False, "dominated"), (True, "on the front")):
        part = good[good["on_front"] == on_front]
        figure.add_scatter(
            x=scaled(part, x.metric),
            y=scaled(part, y.metric),
            name=name,
            mode="lines+markers" if on_front and line else "markers",
            line={"shape": "vh" if x.maximise else "hv", "width": 1.5, "color": ACCENT},
            marker={"size": 9 if on_front else 6, "color": ACCENT if on_front else DIM, "opacity": 1 if on_front else 0.45},
            hovertext=[hover(row) for row in part.to_dict("records")],
            hoverinfo="text",
        )
    finish(figure, good, x.metric, y.metric)
    figure.update_layout(hovermode="closest", showlegend=True)
    return figure


def best_so_far(table: Frame, steps: Frame, objective: Objective) -> go.Figure:
    """An objective by trial: every trial as a dim dot, the best so far as a line."""
    metric = objective.metric
    figure = go.Figure()
    good = measured(table, metric)
    places = good["number"].map({number: place for place, number in enumerate(table["number"], start=1)})
    figure.add_scatter(
        x=list(places), y=scaled(good, metric), mode="markers", name="trial", marker={"size": 5, "color": DIM, "opacity": 0.45},
        hovertext=[hover(row) for row in good.to_dict("records")], hoverinfo="text",
    )  # fmt: skip
    known = steps.dropna(subset=[metric])
    lines = [f"best of {row['trials']}: {unit(metric).text(row[metric])}" for row in known.to_dict("records")]
    figure.add_scatter(
        x=list(known["trials"]), y=scaled(known, metric), mode="lines", name="best so far", line=STEPS,
        hovertext=lines, hoverinfo="text",
    )  # fmt: skip
    finish(figure, good, "", metric)
    figure.update_layout(xaxis=counted("Trials", len(table)), hovermode="closest", showlegend=True)
    return figure


def growth(steps: Frame) -> go.Figure:
    """Hypervolume of the front by number of trials."""
    known = steps.dropna(subset=["hypervolume"])
    figure = go.Figure()
    figure.add_scatter(
        x=list(known["trials"]), y=list(known["hypervolume"] * 100), mode="lines", name="hypervolume", line=STEPS,
        hovertemplate="after %{x} trials: %{y:.1f}%<extra></extra>",
    )  # fmt: skip
    finish(figure, known, "", "")
    figure.update_layout(
        xaxis=counted("Trials", len(steps)),
        yaxis_title_text="Hypervolume (% of the box)",
        yaxis_rangemode="tozero",
        showlegend=False,
    )
    return figure


def learning_curves(table: Frame, metric: str) -> go.Figure:
    """One metric by epoch, a line for each trial, at most 24 of them."""
    figure = go.Figure()
    for place, (number, part) in enumerate(list(table.dropna(subset=[metric]).groupby("number", sort=False))[:MOST_CURVES]):
        figure.add_scatter(
            x=list(part["epoch"]), y=scaled(part, metric), name=f"trial {number}", mode="lines" if len(part) > 1 else "markers",
            line={"width": 1.75, "color": COLOURS[place % len(COLOURS)]},
            hovertext=[f"trial {number}, epoch {row['epoch']}: {unit(metric).text(row[metric])}" for row in part.to_dict("records")],
            hoverinfo="text",
        )  # fmt: skip
    finish(figure, table, "", metric)
    epochs = counted("Epoch", int(table["epoch"].max()) if len(table) else 0)
    figure.update_layout(xaxis=epochs, hovermode="closest", showlegend=1 < len(figure.data) <= 8)
    return figure


def exit_curves(table: Frame) -> go.Figure:
    """Error at every exit by the multiply-adds spent up to it, a line for each network, at most 24 of them."""
    figure = go.Figure()
    for place, (number, part) in enumerate(list(table.groupby("number", sort=False))[:MOST_CURVES]):
        figure.add_scatter(
            x=scaled(part, "macs"), y=scaled(part, "error"), name=f"trial {number}", mode="lines+markers",
            line={"width": 1.75, "color": COLOURS[place % len(COLOURS)]}, marker={"size": 7},
            hovertext=[
                f"trial {number}, exit {row['exit']}: {unit('error').text(row['error'])} at {unit('macs').text(row['macs'])} MACs"
                for row in part.to_dict("records")
            ],
            hoverinfo="text",
        )  # fmt: skip
    finish(figure, table, "macs", "error")
    figure.update_layout(hovermode="closest", showlegend=1 < len(figure.data) <= 8)
    return figure


def measured(table: Frame, *metrics: str) -> Frame:
    """Rows of trials that succeeded and have these metrics, in their order."""
    if not set(metrics) <= set(table.columns):
        return table[:0]
    return table[table["ok"].astype(bool)].dropna(subset=list(metrics)).sort_values(list(metrics), kind="stable")


def hover(row: Mapping[Hashable, Any]) -> str:
    """What a point says of its trial: number, metrics, choices; escaped, since plotly reads some HTML."""
    lines = [f"<b>trial {row['number']}</b>"]
    for name in (key for key in row if isinstance(key, str) and key not in FIXED):
        value = row[name]
        if isinstance(value, int | float) and value == value:  # not NaN
            lines.append(f"{html.escape(unit(name).label)}: {unit(name).text(float(value))}")
    lines += [html.escape(text) for text in textwrap.wrap(str(row["choices"]), 56, max_lines=8, placeholder=" …")]
    return "<br>".join(lines)


def scaled(table: Frame, metric: str) -> list[float]:
    """Values of a metric in the unit that its axis shows."""
    return [float(value) * unit(metric).factor for value in table[metric]] if metric in table.columns else []


def finish(figure: go.Figure, table: Frame, x: str, y: str) -> None:
    """Give a figure the look of all figures, and axes for these metrics."""
    figure.update_layout(
        template="none", paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", dragmode=False,
        margin={"l": 64, "r": 16, "t": 36, "b": 52}, font={"family": "system-ui, sans-serif", "size": 13},
        hoverlabel={"align": "left", "font": {"family": "system-ui, sans-serif", "size": 12}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, xaxis=axis(table, x), yaxis=axis(table, y),
    )  # fmt: skip


def axis(table: Frame, metric: str) -> dict[str, object]:
    """Settings of an axis: its title with the unit, and a logarithmic scale where values spread widely."""
    look: dict[str, object] = {
        "zeroline": False,
        "ticks": "",
        "automargin": True,
        "title": {"text": html.escape(unit(metric).axis) if metric else "", "standoff": 12, "font": {"size": 13}},
    }
    values = scaled(table, metric)
    if not values:
        return look
    low, high = min(values), max(values)
    if low == high and high > 0:
        look["range"] = [0, 2 * high]  # a single value: no marks that differ in the seventh digit
    if is_wide(values):
        marks = log_marks(low, high)
        shows_prefix = unit(metric).prefixed and unit(metric).factor == 1
        return {
            **look,
            "type": "log",
            "tickvals": marks,
            "ticktext": [prefixed(mark, "", exact=True) if shows_prefix else f"{mark:g}" for mark in marks],
        }
    return {**look, "tickformat": "~s"} if unit(metric).prefixed and unit(metric).factor == 1 else look


def counted(title: str, most: int) -> dict[str, object]:
    """Settings of an axis that counts from 1 to `most`: marks at whole numbers only."""
    steps = {"tick0": 0, "dtick": 1} if most <= FEW else {}
    return {"title": {"text": title}, "type": "linear", "rangemode": "tozero", **steps}
