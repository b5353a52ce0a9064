"""Frames as data; figures as traces; the page offline, escaped, and fit for every state of a run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from archsearch.figures.chart import CONFIG, best_so_far, exit_curves, growth, learning_curves, pareto
from archsearch.figures.frame import FIXED, curves, exits, frame, progress
from archsearch.figures.library import KINDS, REGISTERED, called_at_once, kind_of, library_text, shortened, with_kinds
from archsearch.pareto import front, hypervolume
from archsearch.report import ReportError, Summary, page, write_report
from archsearch.report.markup import link
from archsearch.support.offline_page import bundle, script_json
from archsearch.trial import FAILURE_KINDS, Failure, Objective, Trial
from tests.unused import FILE, TYPESCRIPT, unused

ERROR, MACS, MEMORY = Objective("error"), Objective("macs"), Objective("memory_bytes")
EVIL = '</script><img src=x onerror="alert(1)">\u2028<b>&amp;</b>'


def trial(number: int, metrics: dict[str, float], objectives: tuple[Objective, ...] = (ERROR, MACS), **more: Any) -> Trial:
    values = tuple(goal.value(metrics) for goal in objectives)
    return Trial(number, {"width": 8 * number, "op": "conv"}, f"{number:032x}", metrics, values, **more)


def failed(number: int, kind: Any = "diverged", message: str = "loss is not finite") -> Trial:
    return Trial(number, {"width": 1}, f"{number:032x}", {"params": 10.0, "macs": 5.0}, None, Failure(kind, message))


def drawn(count: int, objectives: tuple[Objective, ...] = (ERROR, MACS), seed: int = 0) -> tuple[Trial, ...]:
    """Trials with random metrics; every seventh one failed."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        error, macs = float(rng.uniform(0.02, 0.6)), float(rng.integers(10**5, 10**8))
        metrics = {"error": error, "params": macs / 90, "macs": macs, "memory_bytes": float(rng.integers(10**4, 10**7))}
        curve = tuple({"loss": 1.0 / (step + 1), "error": error + 0.1 / (step + 1)} for step in range(4))
        made.append(failed(number) if number % 7 == 3 else trial(number, metrics, objectives, curve=curve))
    return tuple(made)


def front_numbers(trials: tuple[Trial, ...]) -> tuple[int, ...]:
    good = [trial for trial in trials if trial.values]
    return tuple(good[i].number for i in front([trial.values for trial in good]))


def summary(trials: tuple[Trial, ...], objectives: tuple[Objective, ...] = (ERROR, MACS), **more: Any) -> Summary:
    return Summary("A run", "cell", "digits", "evolution", 0, objectives, trials, front_numbers(trials), **more)


def any_time(*errors: float, cost: float = 1e6) -> dict[str, float]:
    """Metrics of a network with these errors at its exits, every one `cost` beyond the one before."""
    each = {f"error_exit{place}": error for place, error in enumerate(errors, start=1)}
    spent = {f"macs_exit{place}": place * cost for place in range(1, len(errors) + 1)}
    return {**each, **spent, "error": errors[-1], "macs": len(errors) * cost}


STATES = {
    "none": summary(()),
    "all failed": summary(tuple(failed(i, kind) for i, kind in enumerate(FAILURE_KINDS))),
    "single": summary(drawn(1)),
    "any-time": summary((trial(0, any_time(0.2, 0.1)), trial(1, {"error": 0.3, "macs": 1e5}), trial(2, any_time(0.15, 0.05, cost=2e6)))),
    "one objective": summary(drawn(30, (ERROR,)), (ERROR,)),
    "two objectives": summary(drawn(60), refusals={"duplicate": 4, "over macs": 9}, budget={"macs": 5e7}),
    "three objectives": summary(drawn(40, (ERROR, MACS, MEMORY)), (ERROR, MACS, MEMORY)),
}


def test_the_library_knows_the_kinds_of_charts_that_pages_draw_and_no_others():
    text = str(get_plotlyjs())
    named = {name: kind_of(text, name) for name in re.findall(r"\w+", REGISTERED.search(text)[2])}
    assert {"bar", "pie", "scattergl", "splom", "parcoords", "choroplethmap"} <= set(named.values()), "plotly is written in another way"
    left = {name: kind_of(text, name) for name in re.findall(r"\w+", REGISTERED.search(with_kinds(text, KINDS))[2])}
    assert sorted(left.values()) == ["", "bar"], "calendars are no kind of chart"
    assert len(called_at_once(text)) == len(text) + 2
    assert with_kinds(text, ("bar", "no such kind")) == text
    assert called_at_once(shortened(with_kinds("alert(1)", KINDS))) == "alert(1)"
    assert len(library_text()) < len(text) / 3, "what is unused of this plotly is not known: python -m tests.unused"


@pytest.mark.slow
@pytest.mark.skipif(not TYPESCRIPT.is_file() or not shutil.which("node"), reason="no TypeScript: npm install --no-save typescript")
def test_what_is_left_out_of_the_library_is_what_nothing_uses():
    assert json.loads(unused()) == json.loads(FILE.read_text(encoding="utf-8"))


def test_frame_has_a_row_for_every_trial():
    trials = (trial(0, {"error": 0.5, "macs": 9.0}), failed(1), trial(2, {"error": 0.25, "macs": 20.0, "loss": 1.5}))
    table = frame(trials, front=[0, 2], tests={2: {"error": 0.3}})
    assert list(table.columns[:7]) == list(FIXED)
    assert table["number"].tolist() == [0, 1, 2]
    assert table["ok"].tolist() == [True, False, True]
    assert table["on_front"].tolist() == [True, False, True]
    assert table["failure"].tolist()[1] == "diverged"
    assert table["message"].tolist()[1] == "loss is not finite"
    assert table["choices"].tolist()[2] == "width=16 op=conv"
    np.testing.assert_array_equal(table["error"], [0.5, np.nan, 0.25])
    np.testing.assert_array_equal(table["test_error"], [np.nan, np.nan, 0.3])
    np.testing.assert_array_equal(table["loss"], [np.nan, np.nan, 1.5])


def test_frames_of_nothing_have_their_columns():
    assert list(frame((), ()).columns) == list(FIXED)
    assert list(curves((), ()).columns) == ["number", "epoch"]
    assert list(progress((), (ERROR, MACS)).columns) == ["trials", "error", "macs", "hypervolume"]
    assert [len(table) for table in (frame((), ()), curves((), ()), progress((), (ERROR,)))] == [0, 0, 0]


def test_curves_are_those_of_the_front():
    trials = (
        trial(0, {"error": 0.5, "macs": 1.0}, curve=({"error": 0.9}, {"error": 0.5})),
        trial(1, {"error": 0.6, "macs": 2.0}, curve=({"error": 0.6},)),
    )
    assert curves(trials, front=[0]).to_dict("records") == [
        {"error": 0.9, "number": 0, "epoch": 1},
        {"error": 0.5, "number": 0, "epoch": 2},
    ]


def test_progress_is_the_best_so_far():
    accuracy = Objective("accuracy", maximise=True)
    goals = (accuracy, MACS)
    numbers = [None, (0.5, 9.0), (0.4, 20.0), None, (0.8, 30.0)]
    trials = [trial(i, dict(zip(("accuracy", "macs"), pair, strict=True)), goals) if pair else failed(i) for i, pair in enumerate(numbers)]
    table = progress(trials, goals)
    assert table["trials"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(table["accuracy"], [np.nan, 0.5, 0.5, 0.5, 0.8])
    np.testing.assert_array_equal(table["macs"], [np.nan, 9.0, 9.0, 9.0, 9.0])


@pytest.mark.parametrize("objectives", [(ERROR,), (ERROR, MACS), (ERROR, MACS, MEMORY)])
def test_progress_measures_the_front_as_brute_force_does(objectives: tuple[Objective, ...]):
    trials = drawn(25, objectives)
    found = progress(trials, objectives)["hypervolume"]
    values = np.array([trial.values for trial in trials if trial.values])
    scaled = (values - values.min(axis=0)) / np.ptp(values, axis=0)
    seen, wanted = 0, []
    for one in trials:
        seen += one.ok
        wanted.append(hypervolume(scaled[:seen], [1.1] * len(objectives)) / 1.1 ** len(objectives))
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert found.is_monotonic_increasing


def test_progress_of_equal_trials_and_of_failures():
    same = tuple(trial(i, {"error": 0.5, "macs": 9.0}) for i in range(3))
    np.testing.assert_allclose(progress(same, (ERROR, MACS))["hypervolume"], 1.0)
    assert progress((failed(0), failed(1)), (ERROR,))["hypervolume"].isna().all()


def test_pareto_figure_splits_front_and_dominated():
    trials = drawn(40)
    table = frame(trials, front_numbers(trials))
    figure = pareto(table, MACS, ERROR)
    dim, bright = figure.data
    assert len(bright.x) == len(front_numbers(trials))
    assert len(dim.x) + len(bright.x) == sum(trial.ok for trial in trials)
    assert {trace.type for trace in figure.data} == {"scatter"}
    assert list(bright.x) == sorted(bright.x)
    assert list(bright.y) == sorted(bright.y, reverse=True)
    assert bright.line.shape == "hv"
    assert max(*bright.y, *dim.y) > 1, "errors are shown in percent"
    assert figure.layout.xaxis.type == "log"
    number = int(table[table["on_front"]].sort_values("macs")["number"].iloc[0])
    assert bright.hovertext[0].startswith(f"<b>trial {number}</b><br>Error: ")
    assert pareto(table, MACS, ERROR, line=False).data[1].mode == "markers"


def test_figures_take_empty_frames():
    table, steps = frame((), ()), progress((), (ERROR, MACS))
    for figure in (pareto(table, MACS, ERROR), best_so_far(table, steps, ERROR), growth(steps)):
        assert all(len(trace.x or ()) == 0 for trace in figure.data)


def test_progress_figures_show_what_the_frame_says():
    trials = drawn(20)
    steps = progress(trials, (ERROR, MACS))
    dots, line = best_so_far(frame(trials, ()), steps, ERROR).data
    assert len(dots.x) == sum(trial.ok for trial in trials)
    np.testing.assert_allclose(line.y, 100 * steps["error"])
    np.testing.assert_allclose(growth(steps).data[0].y, 100 * steps["hypervolume"])


def test_every_exit_of_the_front_is_a_point_of_its_networks_line():
    trials = STATES["any-time"].trials
    table = exits(trials, front=[0, 1, 2])
    assert table.to_dict("list") == {
        "number": [0, 0, 2, 2], "exit": [1, 2, 1, 2], "macs": [1e6, 2e6, 2e6, 4e6], "error": [0.2, 0.1, 0.15, 0.05]
    }  # fmt: skip
    assert exits(trials, front=[1, 2])["number"].tolist() == [2, 2]
    first, second = exit_curves(table).data
    assert (list(first.x), list(first.y)) == ([1e6, 2e6], [20, 10])
    assert second.name == "trial 2"
    assert "exit 2: 5.00% at 4 M MACs" in second.hovertext[1].replace("4.00", "4")


def test_learning_curves_are_cut_at_a_readable_number():
    trials = drawn(100)
    numbers = [trial.number for trial in trials if trial.ok]
    assert len(learning_curves(curves(trials, numbers), "error").data) == 24
    assert list(learning_curves(curves(trials, numbers[:1]), "loss").data[0].x) == [1, 2, 3, 4]


def test_hover_text_is_escaped():
    evil = Trial(0, {"op": EVIL}, "0" * 32, {"error": 0.1, "macs": 1.0}, (0.1, 1.0))
    text = pareto(frame((evil,), (0,)), MACS, ERROR).data[1].hovertext[0]
    assert "<img" not in text
    assert "&lt;img" in text


class Document(HTMLParser):
    """All tags with their attributes, texts by tag, and a check that tags close in order."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def text(self, tag: str) -> str:
        return "".join(text for name, text in self.texts if name == tag)

    def script(self, name: str) -> str:
        place = [attrs.get("id") for tag, attrs in self.tags if tag == "script"].index(name)
        return [text for tag, text in self.texts if tag == "script"][place]


def assert_offline(text: str) -> None:
    """No tag loads anything, no style names a file, and the policy forbids the rest."""
    document = Document(text)
    for tag, attrs in document.tags:
        assert tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}, tag
        assert not {"src", "srcset", "action", "background", "data", "ping"} & attrs.keys(), (tag, attrs)
        assert not any(name.startswith("on") or name == "style" for name in attrs), (tag, attrs)
        assert re.match(r"\w+:|//", attrs.get("href") or "") is None, (tag, attrs)
    style = document.text("style")
    assert "@import" not in style
    assert "url(" not in style
    assert re.search(r"https?:", text.partition('<script type="application/gzip"')[0]) is None


def assert_policy_admits_its_scripts(text: str) -> None:
    """The content security policy lists the digest of what runs, and nothing else."""
    document = Document(text)
    [policy] = [attrs["content"] for tag, attrs in document.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "unsafe-eval" not in policy
    running = [document.script(None)]  # type: ignore[arg-type]
    if 'id="library"' in text:
        running.append(gzip.decompress(base64.b64decode(document.script("library"))).decode())
        assert running[-1].startswith("/**\n* plotly.js")
    for script in running:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


@pytest.mark.parametrize("state", STATES)
def test_the_page_is_offline_in_every_state(state: str):
    text = page(STATES[state])
    assert_offline(text)
    assert_policy_admits_its_scripts(text)
    assert text == page(STATES[state]), "the same run gives the same page"
    assert len(text) < 2_500_000


@pytest.mark.parametrize(
    ("state", "titles", "words"),
    [
        ("none", ["Results"], "No trial has been evaluated yet."),
        ("all failed", ["Results", "Failures and refusals"], "No trial succeeded; the failures are below."),
        ("single", ["Networks on the front"], "trial 0"),
        ("any-time", ["Networks on the front"], "trial 2"),
        ("one objective", ["Best network", "Failures and refusals"], "minimising"),
        ("two objectives", ["Networks on the front", "Failures and refusals"], "MACs \u2264 50.0 M"),
        ("three objectives", ["Networks on the front", "Failures and refusals"], "trial"),
    ],
)
def test_without_its_script_the_page_has_the_parts_of_its_state(state: str, titles: list[str], words: str):
    text = page(STATES[state])
    static = text.partition('<div id="static">')[2].partition("<footer>")[0]
    assert re.findall(r"<h2>(.*?)</h2>", static) == titles
    assert words in text


def test_charts_cannot_upload():
    assert CONFIG["showSendToCloud"] is False
    assert CONFIG["plotlyServerURL"] == ""
    assert all("Cloud" not in button for group in CONFIG["modeBarButtons"] for button in group)
    assert 'displayModeBar: false, displaylogo: false, showSendToCloud: false, plotlyServerURL: ""' in bundle("report/script/main.js")


def test_all_that_users_wrote_is_escaped():
    one = Trial(0, {EVIL: EVIL}, "0" * 32, {"error": 0.1, "macs": 1.0, EVIL: 2.0}, (0.1, 1.0), curve=({EVIL: 1.0, "error": 0.1},))
    run = Summary(
        EVIL, EVIL, EVIL, EVIL, 0, (ERROR, MACS), (one, failed(1, "crashed", EVIL)), (0,), {EVIL: 1.0}, {0: {EVIL: 1.0, "error": 0.2}},
        {EVIL: 1}, {EVIL: EVIL}, {EVIL: EVIL}, {0: EVIL}, EVIL,
    )  # fmt: skip
    text = page(run)
    assert_offline(text)
    assert_policy_admits_its_scripts(text)
    assert "<img" not in text
    assert text.count("</script>") == 3
    assert Document(text).text("title").startswith("</script><img src=x")


def test_the_table_of_the_front_shows_tests_and_sorts_by_number():
    trials = (trial(0, {"error": 0.5, "macs": 9e6, "params": 1000.0}), trial(1, {"error": 0.25, "macs": 2e7, "params": 5000.0}))
    text = page(summary(trials, tests={1: {"error": 0.3}}, links={1: "export/trial-0001/model.py"}))
    heads = re.findall(r"<th(?: [^>]*)?>(?:<button>)?(.*?)(?:</button>)?</th>", text)
    assert heads == ["Trial", "Error", "Test error", "Params", "MACs", "Choices"]
    assert '<th aria-sort="ascending"><button>Error</button></th>' in text
    assert text.index(">25.00%<") < text.index(">50.00%<")
    assert '<td data-value="0.25">25.00%</td><td data-value="0.29999999999999999">30.00%</td>' in text
    assert '<td data-value="">\u2013</td>' in text
    assert '<a href="export/trial-0001/model.py">trial 1</a>' in text
    assert "30.00% on test data" in text


@pytest.mark.parametrize("target", ["javascript:alert(1)", "https://example.org/", "//example.org", "/etc/passwd", "\\\\host\\x", "", None])
def test_links_lead_beside_the_page_only(target: str | None):
    assert link("trial 1", target) == "trial 1"


def test_json_in_a_script_element_cannot_end_it():
    text = json.dumps({"a": EVIL}, ensure_ascii=False)
    assert json.loads(script_json(text)) == {"a": EVIL}
    assert not set("<>&\u2028\u2029") & set(script_json(text))


def test_write_report_replaces_the_file_whole(tmp_path: Path):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert write_report(STATES["none"], path) == path
    assert path.read_text(encoding="utf-8") == page(STATES["none"])
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ReportError, match=r"report.html/x.html cannot be written: File exists; free space"):
        write_report(STATES["none"], path / "x.html")


def test_training_memory_is_named_with_its_batch_and_optimiser() -> None:
    assert "training memory for <b>a batch of 64 with adamw</b>" in page(summary(drawn(3), trained=(64, "adamw")))
    assert "training memory for" not in page(summary(drawn(3)))
