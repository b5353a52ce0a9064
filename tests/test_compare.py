"""Strategies side by side: the same in any number of processes, and measured against brute force."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from archsearch.cli import WrongUseError
from archsearch.cli.comparing import Contest, Work, compare_command, tabulate_command, warn
from archsearch.evaluators.table import Table
from archsearch.pareto import front, hypervolume
from archsearch.report.of_comparison import comparison_page, report_comparison, spread
from archsearch.report.page import ReportError
from archsearch.runs.compare import BASELINE, Match, Player, compare, play, processes
from archsearch.runs.compare.comparison import quartiles, signed_ranks
from archsearch.runs.compare.quality import by_seconds, measures
from archsearch.runs.proposal import SearchError
from archsearch.runs.tabulate import tabulate
from archsearch.spaces.space import load_space
from archsearch.support.progress import Progress
from archsearch.trial import Objective
from tests.evaluators import Formula

ONE = Match("small_cell", {}, Table(), (Objective("error"),), 30)
TWO = Match("small_cell", {}, Table(), (Objective("error"), Objective("params")), 30)

OWN = '''
from dataclasses import dataclass


@dataclass
class Narrow:
    """Asks for few channels."""

    channels: int = 4

    def ask(self, rng):
        return {"channels": self.channels}

    def tell(self, trial):
        pass


class Nothing:
    pass


class Failing(Narrow):
    def tell(self, trial):
        raise ZeroDivisionError("once told")


class Astray(Narrow):
    def ask(self, rng):
        return {"channels": 5}


class Slow(Narrow):
    def ask(self, rng):
        __import__("time").sleep(0.5)
        return {}
'''


def test_any_number_of_processes_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    players = {"local": Player("local"), "own": Player(f"{tmp_path / 'own.py'}:Narrow", {"channels": 8})}
    here = compare(TWO, players, runs=3, seed=5)
    there = compare(TWO, players, runs=3, seed=5, workers=2)
    assert here.players.keys() == {"local", "own", BASELINE}
    assert json.dumps(here.to_json(), allow_nan=False) == json.dumps(there.to_json(), allow_nan=False)
    assert here.to_json() != compare(TWO, players, runs=3, seed=6).to_json()
    assert all(row[1] > 600 for row in here.played["own"][0].values[:20])


def test_processes_serve_several_comparisons_and_some_play_less() -> None:
    players = {"local": Player("local", runs=2)}
    with processes(1) as pool:
        first = compare(ONE, players, runs=4, pool=pool)
        second = compare(TWO, players, runs=2, pool=pool)
    assert [len(runs) for runs in first.played.values()] == [2, 4]
    assert first.curves["local"]["regret"].shape == (2, 30)
    assert first.final("local", "regret").p is not None
    assert json.dumps(second.to_json()) == json.dumps(compare(TWO, players, runs=2).to_json())
    assert not active_children()


def test_an_interrupt_ends_all_processes_at_once(tmp_path: Path) -> None:
    def stop(at: Progress) -> None:
        raise KeyboardInterrupt("enough")

    (tmp_path / "own.py").write_text(OWN)
    slow = {"random": Player("random"), "slow": Player(f"{tmp_path / 'own.py'}:Slow")}
    with pytest.raises(KeyboardInterrupt, match="enough"):
        compare(ONE, slow, runs=2, workers=2, progress=stop)
    began = time.perf_counter()
    while active_children():
        assert time.perf_counter() - began < 5  # a run of the slow one takes 15 s
        time.sleep(0.05)


def test_where_isomorphic_networks_were_measured_apart_each_counts() -> None:
    match = replace(ONE, trials=400)
    assert len(play(match, Player("exhaustive").make(), 0).seconds) == 264
    assert len(play(replace(match, written=True), Player("exhaustive").make(), 0).seconds) == 400


def test_a_run_is_what_the_table_says() -> None:
    played = play(ONE, Player("random").make(), 3)
    results = ONE.table.results()
    seeds, means = results.metrics["error"], results.metrics["error"].mean(axis=1)
    for value, truth, test, seconds in zip(*(column.ravel() for column in played[:4]), strict=True):
        rows = np.flatnonzero(np.isclose(means, truth) & np.isclose(seeds, value).any(axis=1))
        assert any(np.isclose(results.tests["error"][row].mean(), test) for row in rows)
        assert any(np.isclose(results.metrics["seconds"][row], seconds).any() for row in rows)
    assert len(played.values) == 30


def test_regret_is_that_of_the_network_that_seemed_best() -> None:
    comparison = compare(ONE, {"evolution": Player("evolution", {"population": 5, "tournament": 3})}, runs=4)
    best = ONE.table.results().metrics["error"].mean(axis=1).min()
    assert comparison.goal.complete
    assert comparison.measures == ("regret", "test")
    for name, runs in comparison.played.items():
        for run, curve, tests in zip(runs, comparison.curves[name]["regret"], comparison.curves[name]["test"], strict=True):
            for count in range(1, 31):
                chosen = int(np.argmin(run.values[:count, 0]))
                assert curve[count - 1] == pytest.approx(run.truth[chosen, 0] - best)
                assert tests[count - 1] == pytest.approx(run.tests[chosen, 0])


def test_hypervolume_is_the_share_of_the_best_front() -> None:
    comparison = compare(TWO, {"nsga2": Player("nsga2", {"population": 6})}, runs=2, reference=(0.5, 20_000))
    goal = comparison.goal
    assert list(goal.reference) == [0.5, 20_000]
    everything = np.column_stack([TWO.table.results().metrics["error"].mean(axis=1), TWO.table.results().costs["params"][:, 0]])
    whole = hypervolume(everything, goal.reference)
    equals = 0
    for run, curve in zip(comparison.played["nsga2"], comparison.curves["nsga2"]["hypervolume"], strict=True):
        for count in (1, 7, 30):
            firsts = np.unique(run.values[:count], axis=0, return_index=True)[1]
            chosen = firsts[front(run.values[firsts])]
            equals += len(front(run.values[:count])) - len(chosen)
            assert curve[count - 1] == pytest.approx(hypervolume(run.truth[:count][chosen], goal.reference) / whole)
    assert equals == 4  # of those that seem equal the first counts
    everyone = comparison.played["nsga2"][0]._replace(values=everything, truth=everything)
    everyone = measures(replace(TWO, trials=len(everything)), everyone, goal)
    assert everyone["hypervolume"][-1] == pytest.approx(1)
    assert everyone["igd_plus"][-1] == pytest.approx(0)


def test_objectives_that_the_table_lacks_are_judged_by_what_was_found() -> None:
    table = Table(columns=("error=metrics.error",))
    match = Match("small_cell", {}, table, (Objective("error"), Objective("macs", maximise=True)), 12)
    comparison = compare(match, {}, runs=2)
    assert comparison.goal.complete  # macs are among the costs of the table
    assert (comparison.goal.points[:, 1] < 0).all()
    assert comparison.curves[BASELINE]["hypervolume"].max() <= 1


def test_a_space_that_is_used_up_ends_a_run_early(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", **{"choices/width": [1, 2, 3], "metrics/error": [0.3, 0.1, 0.2]})
    (tmp_path / "tiny.py").write_text(
        "from archsearch import Builder, Genotype, Pick\nfrom archsearch.ops import Linear\n"
        "def space(pick: Pick) -> Genotype:\n    b = Builder((4,))\n"
        "    return b.genotype(b(Linear(pick('width', [1, 2, 3, 4])), b.input))\n"
    )
    match = Match(str(tmp_path / "tiny.py"), {}, Table(str(tmp_path / "t.npz")), (Objective("error"),), 10)
    comparison = compare(match, {"exhaustive": Player("exhaustive")}, runs=3)
    run = comparison.played["exhaustive"][0]
    assert len(run.values) == 4
    assert np.isnan(run.values).sum() == 1  # width 4 is not in the table: a failure, as any
    curve = comparison.curves["exhaustive"]["regret"]
    assert curve.shape == (3, 10)
    assert (curve[:, 3:] == 0).all()
    assert comparison.measures == ("regret",)
    assert len(comparison.moments) == 0
    assert "seconds" not in comparison_page(comparison).partition("<main>")[2].partition("</main>")[0]


def test_of_a_sampled_table_strategies_are_offered_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tabulate(load_space("small_cell"), Formula(), tmp_path / "part.npz", sample=9, seeds=1))
    match = Match("small_cell", {}, Table(file), (Objective("error"),), 20)
    comparison = compare(match, {name: Player(name) for name in ("evolution", "local", "nsga2")}, runs=3)
    for name, runs in comparison.played.items():
        for run in runs:
            assert len(run.values) == 9
            assert np.isfinite(run.values).all()
        assert comparison.final(name, "regret").mean == 0
    compare_command(Contest(file, None, ["local"], runs=1, trials=4, workers=0), tmp_path / "page.html", quiet=True, json=False)
    found = capsys.readouterr()
    assert "holds a sample of 9 networks: strategies are offered these alone" in found.err
    assert "inf" not in found.out


@pytest.mark.parametrize(("name", "options"), [("graph_gp", {"breadth": 24}), ("auto", {"beside": "evolution"})])
def test_models_find_better_networks_than_chance_on_the_table_that_comes_along(name: str, options: dict[str, object]) -> None:
    comparison = compare(replace(ONE, table=Table(mean=True)), {name: Player(name, options)}, runs=8)
    model, chance = comparison.final(name, "regret"), comparison.final(BASELINE, "regret")
    assert model.quartiles[1] < 0.9 * chance.quartiles[1]
    assert model.mean < 0.8 * chance.mean


def test_bands_by_seconds_follow_the_clock() -> None:
    values, seconds = np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])
    found = by_seconds(values, seconds, np.array([0.0, 0.9, 1.0, 2.9, 3.0, 6.0, 99.0]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 3, 3, 2, 1, 1])
    comparison = compare(ONE, {}, runs=5)
    bands = comparison.bands_by_seconds(BASELINE, "regret")
    assert bands.shape == (3, len(comparison.moments))
    assert (bands[0][np.isfinite(bands[2])] <= bands[2][np.isfinite(bands[2])]).all()


def test_quartiles_are_values_that_are_there() -> None:
    np.testing.assert_array_equal(quartiles(np.array([[1.0], [2.0], [np.inf], [4.0], [3.0]]))[:, 0], [2, 3, 4])


def test_signed_ranks_tell_a_difference_from_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.random(40)
    assert signed_ranks(noise, noise) == 1
    assert signed_ranks(noise, noise + 0.1) < 1e-6
    assert signed_ranks(rng.random(40), rng.random(40)) > 0.01
    assert signed_ranks(noise, np.full(40, np.inf)) is None


@pytest.mark.parametrize(
    ("strategy", "options", "words"),
    [
        ("evolutoin", {}, "unknown strategy 'evolutoin'; did you mean evolution"),
        ("evolution", {"population": 0}, "tournament=7 must lie in 1..population=0"),
        ("evolution", {"popultion": 3}, "unexpected keyword argument 'popultion'"),
        ("OWN:Nothing", {}, "needs methods ask and tell"),
        ("OWN:Missing", {}, "own.py has no 'Missing'; give a strategy of your own as file.py:Class"),
        ("nowhere.py:Narrow", {}, "no file nowhere.py; give a strategy of your own as file.py:Class"),
    ],
)
def test_strategies_that_cannot_be_made_are_named(strategy: str, options: dict[str, int], words: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(SearchError, match=words):
        compare(ONE, {"x": Player(strategy.replace("OWN", str(tmp_path / "own.py")), options)}, runs=1)


def test_strategies_of_ones_own_that_fail_are_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    line = OWN.splitlines().index('        raise ZeroDivisionError("once told")') + 1
    for workers in (0, 1):
        with pytest.raises(SearchError, match=rf"own.py:Failing' fails at own.py:{line}: ZeroDivisionError: once told"):
            compare(ONE, {"x": Player(f"{tmp_path / 'own.py'}:Failing")}, runs=1, workers=workers)


def test_what_a_strategy_asks_in_vain_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.py").write_text(OWN)
    comparison = compare(replace(ONE, trials=2), {"x": Player(f"{tmp_path / 'own.py'}:Astray")}, runs=2)
    assert comparison.refused("x")["invalid"] == 1000
    warn(comparison)
    words = "x: 1000 times a run it asked for no network of the space, the last time: choice channels=5 is not on offer; options: [4, 8]"
    assert capsys.readouterr().err.strip() == words


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(SearchError, match="table small_cell-digits holds none of the networks that were asked for; is it of space chain"):
        compare(Match("chain", {"input": (1, 8, 8)}, Table(), (Objective("error"),), 5), {}, runs=1)
    with pytest.raises(SearchError, match="runs=0 and trials=30 must be at least 1"):
        compare(ONE, {}, runs=0)
    with pytest.raises(SearchError, match="the table has no metric 'eror'; did you mean error"):
        compare(Match("small_cell", {}, Table(), (Objective("eror"),), 5), {}, runs=1)
    with pytest.raises(SearchError, match="the reference point has 1 values, one for each of 2 objectives"):
        compare(TWO, {}, runs=1, reference=(1.0,))


def test_progress_counts_runs() -> None:
    told: list[Progress] = []
    compare(ONE, {"local": Player("local")}, runs=2, progress=told.append)
    assert told == [Progress(done, 4) for done in (1, 2, 3, 4)]


def test_the_page_shows_what_was_measured(tmp_path: Path) -> None:
    comparison = compare(TWO, {"<b>local": Player("local")}, runs=3)
    path = report_comparison(comparison, tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    body = text.partition("<main>")[2].partition("</main>")[0]
    assert "&lt;b&gt;local" in body
    assert "<b>local" not in body
    final = comparison.final("<b>local", "hypervolume")
    assert f'<td data-value="{100 * final.mean:.17g}">{spread(100 * final.mean, 100 * final.std)}</td>' in body
    for chart in ("hypervolume-trials", "hypervolume-seconds", "igd_plus-trials", "attainment"):
        assert f'id="{chart}"' in body
        assert f'"{chart}"' in text
    assert "http" not in body
    with pytest.raises(ReportError, match="cannot be written"):
        report_comparison(comparison, tmp_path / "page.html" / "x")


def test_a_mean_is_written_as_far_as_its_deviation_reaches() -> None:
    assert [spread(91.58333, 0.0412), spread(93.91, 2.53), spread(1234.5, 321.0), spread(0.25, 0.0), spread(float("inf"), 1.0)] == [
        "91.583 ± 0.041", "93.9 ± 2.5", "1234 ± 321", "0.25 ± 0", "inf",
    ]  # fmt: skip


def test_attainment_surfaces_lie_above_the_best_front() -> None:
    comparison = compare(TWO, {}, runs=4)
    x, surfaces = comparison.surfaces(BASELINE)
    for share in surfaces:
        for point in np.column_stack([x, share])[np.isfinite(share)]:
            assert (comparison.goal.points <= point + 1e-12).all(axis=1).any()


def test_the_command_prints_standings_and_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new" / "page.html"
    options = {"runs": 2, "trials": 12, "table_options": ["mean=yes"], "workers": 0}
    contest = Contest("small_cell-digits", None, ["local,evolution"], ["evolution.population=8"], **options)
    compare_command(contest, page, quiet=True, json=False)
    out = capsys.readouterr().out
    assert all(
        name in out
        for name in (
            "local",
            "evolution",
            "random",
            "Regret in validation error (%)",
            "Test error (%)",
            "p against random",
            "after so many",
            str(page),
        )
    )
    assert page.read_text().startswith("<!doctype html>")
    contest = Contest("small_cell-digits", "small_cell", ["local"], objectives=["error,params"], reference="0.5,20000", **options)
    compare_command(contest, page, quiet=True, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["reference"] == [0.5, 20000]
    assert found["strategies"].keys() == {"local", "random"}
    assert len(found["strategies"]["local"]["quartiles"]["hypervolume"][0]) == 12


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    def play(table: str, strategies: list[str], options: Sequence[str] = ()) -> None:
        contest = Contest(table, None, strategies, options, runs=1, trials=2, workers=0)
        compare_command(contest, tmp_path / "page.html", quiet=True, json=False)

    with pytest.raises(WrongUseError, match=r"'nsga2.population=8' must be NAME.OPTION=VALUE, with a NAME of --strategies: local"):
        play("small_cell-digits", ["local"], ["nsga2.population=8"])
    with pytest.raises(WrongUseError, match="unknown strategy 'evolutoin'; did you mean evolution"):
        play("small_cell-digits", ["evolutoin"])
    with pytest.raises(WrongUseError, match="unknown table 'small_cel'; did you mean small_cell-digits"):
        play("small_cel", ["local"])
    with pytest.raises(WrongUseError, match="strategy 'evolution' has no setting 'popultion'; did you mean population"):
        play("small_cell-digits", ["evolution"], ["evolution.popultion=8"])
    np.savez(tmp_path / "t.npz", **{"choices/width": [1], "metrics/error": [0.3]})
    with pytest.raises(WrongUseError, match="does not say of which space it is; give --space"):
        play(str(tmp_path / "t.npz"), ["local"])


def test_the_command_that_makes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t.npz"
    work = Work("small_cell", "digits", evaluator_options=["batch=256", "epochs=1"], sample=2, seeds=1)
    tabulate_command(work, out, force=False, quiet=True, json=False)
    assert f"{out}: compare strategies on it with archsearch compare --table {out}" in capsys.readouterr().out
    results = Table(str(out)).results()
    assert (len(results.rows), results.space, results.setting["input"]) == (2, "small_cell", (1, 8, 8))
    assert results.curves["error"].shape == (2, 1, 1)
