"""A run in a notebook: figures by name, a tidy table, and HTML in which everything is text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from archsearch.figures.frame import FIXED
from archsearch.figures.named import FIGURES
from archsearch.runs.front_table import MOST_ROWS, as_html, columns_of
from archsearch.runs.store import Run, Store, open_run
from archsearch.trial import Objective
from tests.runs import small_search
from tests.test_report import any_time, trial

EVIL = '</td><script>alert(1)</script><img src=x onerror="alert(1)">&amp;'


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_search(tmp_path_factory.mktemp("notebook") / "r", trials=30)


def test_figures_are_those_of_the_run(searched: Run) -> None:
    front = searched.front()
    dim, bright = searched.figure("pareto").data
    assert isinstance(searched.figure(), go.Figure)
    assert sorted(bright.y) == pytest.approx([100 * one.metrics["error"] for one in front])
    assert len(dim.x) + len(bright.x) == sum(one.ok for one in searched.trials)
    assert bright.mode == "lines+markers"
    assert searched.figure("pareto", "macs").layout.xaxis.title.text == "MACs for one sample"
    assert searched.figure("pareto", "macs").data[1].mode == "markers"  # the front is not one of these two
    assert len(searched.figure("curves").data) == len(front)
    assert searched.figure("hypervolume").data[0].y[-1] == max(searched.figure("hypervolume").data[0].y)
    assert searched.figure("progress", y="params").data[1].y[-1] == min(one.metrics["params"] for one in searched.trials)


def test_exits_are_shown_where_there_are_some(tmp_path: Path) -> None:
    from archsearch.figures.named import Shown, figure

    shown = Shown((trial(0, any_time(0.2, 0.1)), trial(1, any_time(0.3, 0.2, cost=1e4))), (0, 1), (Objective("error"), Objective("macs")))
    assert len(figure("exits", shown).data) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("paretto",), f"unknown figure 'paretto'; there are {', '.join(FIGURES)}"),
        (("pareto", "macz"), "no trial has a metric 'macz'; did you mean macs"),
        (("progress", "", "macs"), "'macs' is no objective of this run; its objectives: error, params"),
        (("curves", "", "loss"), "no network on the front has a curve of 'loss'"),
        (("exits",), "no network on the front has several exits"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(searched: Run, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        searched.figure(*arguments)


def test_the_frame_is_tidy(searched: Run) -> None:
    table = searched.frame()
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns[: len(FIXED)]) == list(FIXED)
    assert len(table) == len(searched.trials)
    assert table.loc[table["on_front"], "number"].tolist() == sorted(one.number for one in searched.front())
    assert table["error"].tolist() == [one.metrics["error"] for one in searched.trials]


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(name == "style" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_run_shows_itself(searched: Run) -> None:
    page = Texts()
    page.feed(searched._repr_html_())
    assert page.tags <= {"div", "b", "br", "table", "thead", "tbody", "tr", "th", "td"}
    text = " ".join(page.texts)
    for one in searched.front()[:MOST_ROWS]:
        assert f" {one.number} {100 * one.metrics['error']:.2f}% " in " ".join(text.split())
    assert "Test error" in text
    assert "30 of 30 trials" in text


def test_hostile_names_are_text(searched: Run, tmp_path: Path) -> None:
    objective = Objective("error")
    folder = tmp_path / "<b onclick=alert(1)>"
    made = replace(searched.record, space=EVIL, strategy=EVIL, objectives=(objective,))
    Store.create(folder, made).close()
    shown = Texts()
    shown.feed(open_run(folder)._repr_html_())
    assert shown.tags <= {"div", "b", "br", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<b onclick=alert(1)>" in "".join(shown.texts)
    assert columns_of((objective,), {"error", "test_error", "macs", "loss"}) == ["error", "test_error", "macs"]
    assert "0 of" in as_html(open_run(folder))
