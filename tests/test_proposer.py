"""Strategies, evaluators and functions in users' own files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from archsearch.analysis import Budget
from archsearch.cli import run as run_command
from archsearch.runs.store import open_run
from archsearch.strategies import STRATEGIES, FromFunction, StrategyError, load_strategy
from archsearch.support.own_code import OwnFileError, load_file
from archsearch.support.parts import has_name, load_part, name_of, own_files
from tests.runs import small_search
from tests.test_strategies import NESTED, SINGLE_CHOICE, begun, outcome

PROPOSING = Path(__file__).with_name("proposing.py")
OWN = '''
from dataclasses import dataclass, field

@dataclass
class Downhill:
    """Always the next width."""
    first: int = 1
    _told: int = field(default=0, init=False)

    def ask(self, rng):
        return {"cell/0->1": "skip_connect"} if self._told % 2 else {}

    def tell(self, trial):
        self._told += 1

@dataclass
class Size:
    """Judges a network by its size."""
    data: str = ""
    metrics = ("error",)
    batch = 1
    optimizer = "sgd"

    def setting(self):
        return {"input": (1, 8, 8), "classes": 10}

    def evaluate(self, candidate, report):
        return {"error": 1 / (1 + len(candidate.genotype.nodes))}

    def test(self, candidate):
        return {"error": 0.5}
'''


def proposed(function: str, tries: int = 3) -> FromFunction:
    return FromFunction(f"{PROPOSING}:{function}", tries)


def test_a_function_is_told_what_was_refused_and_why() -> None:
    asked = load_file(str(PROPOSING)).asked
    asked.clear()
    strategy = proposed("never_right", tries=3)
    begun(strategy, SINGLE_CHOICE)
    strategy.tell(outcome(0, {"width": 1}, 0.5))
    rng = np.random.default_rng(0)
    assert [strategy.ask(rng) for _ in range(4)] == [{"width": 99}, {"width": 99}, {}, {}]
    assert [len(history.refused) for history in asked] == [0, 1, 2]
    assert [len(history.trials) for history in asked] == [1, 1, 1]
    assert asked[-1].refused == (
        ({"width": 99}, "choice width=99 is not on offer; options: [1, 2, 3, 4]"),
        ({"widht": 1}, "the space has no choice 'widht'; did you mean width?"),
    )
    strategy.ask(np.random.default_rng(1))
    assert asked[-1].refused == ()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", r"proposing.py:broken failed at proposing.py:\d+: KeyError: 'four'"),
        ("no_dict", r"proposing.py:no_dict returned \['width', 1\]; it must return choices, a dict from name to option"),
        ("no_option", r"returned {'width': \[1\]}; options are texts, numbers, true, false or None"),
    ],
)
def test_a_function_that_fails_is_named(function: str, message: str) -> None:
    strategy = proposed(function)
    begun(strategy, SINGLE_CHOICE)
    with pytest.raises(StrategyError, match=message):
        strategy.ask(np.random.default_rng(0))


def test_reasons_name_budget_and_what_is_known() -> None:
    strategy = proposed("step", tries=5)
    problem = begun(strategy, SINGLE_CHOICE, budget=Budget(params=12))
    strategy.tell(outcome(0, {"width": 1}, 0.5))
    problem.seen |= {problem.catalogue.look_up({"width": width}, np.random.default_rng(0)).fingerprint for width in (1, 2)}
    asked = load_file(str(PROPOSING)).asked
    reasons = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for _ in range(5):
            problem.catalogue.look_up(strategy.ask(rng), rng)  # the search loop draws what was left open
        reasons |= {why for _, why in asked[-1].refused}
    assert reasons == {"known already", "over the budget: params"}


def test_sources_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"source='' must be file.py:function"):
        FromFunction()
    with pytest.raises(ValueError, match=r"no file nowhere.py; give a proposer of your own as file.py:Class"):
        FromFunction("nowhere.py:x")
    with pytest.raises(ValueError, match=r"proposing.py has no 'x'"):
        proposed("x")
    with pytest.raises(ValueError, match="tries=0 must be at least 1"):
        proposed("step", tries=0)


def test_steps_from_the_best_find_more_than_chance(tmp_path: Path) -> None:
    runs = [small_search(tmp_path / name, strategy, objectives=("error",), trials=60, space=NESTED, budget=Budget())
            for name, strategy in (("function", proposed("step")), ("random", load_strategy("random")()))]  # fmt: skip
    assert runs[0].front()[0].metrics["error"] <= runs[1].front()[0].metrics["error"]


def test_parts_of_a_users_own_file_have_a_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    made = load_strategy(f"{file}:Downhill")()
    assert name_of(made, STRATEGIES) == f"{file}:Downhill"
    assert has_name(name_of(made, STRATEGIES), STRATEGIES)
    assert type(made) is load_part("strategy", name_of(made, STRATEGIES), STRATEGIES)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.py").write_text(OWN)
    assert name_of(load_strategy(f"{tmp_path / 'other' / 'mine.py'}:Downhill")(), STRATEGIES) != name_of(made, STRATEGIES)
    assert not has_name(name_of(StrategyError(), STRATEGIES), STRATEGIES)


def test_a_search_by_parts_of_ones_own_runs_in_workers_and_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    command = ["search", "cell", "--strategy", "mine.py:Downhill", "--evaluator", "mine.py:Size", "--objective", "error", "--quiet"]
    command += ["--set", "cells=1", "--set", "channels=4"]
    assert run_command([*command, "--trials", "4", "--out", "run", "--workers", "1"]) == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["strategy"] == f"{tmp_path / 'mine.py'}:Downhill"
    assert run_command(["resume", "run", "--trials", "6", "--quiet", "--json"]) == 0
    assert len(open_run("run").trials) == 6


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (PROPOSING.parents[1] / "docs" / "strategy.md").read_text(), flags=re.S)


def test_the_page_on_proposals_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    climb, ideas = blocks("python")
    for name, text in (("ideas.jsonl", blocks("json")[0]), ("ideas.py", ideas), ("climb.py", climb)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    command = blocks("console")[-1]
    assert run_command([*command.split()[2:], "--evaluator-set", "epochs=1", "--workers", "0", "--quiet"]) == 0
    trials = open_run(tmp_path / "results" / "ideas").trials
    assert len(trials) == 4
    for trial, line in zip(trials, blocks("json")[0].splitlines(), strict=False):
        assert json.loads(line).items() <= trial.choices.items()
    strategy = load_strategy("climb.py:Climb")()
    climbed = small_search(tmp_path / "climbed", strategy, objectives=("error",), trials=30)
    assert len(climbed.trials) == 30


def test_a_file_that_ends_python_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(OwnFileError, match=r"ends.py fails when it is run: SystemExit: 0"):
        load_file(str(tmp_path / "ends.py"))


def test_own_files_are_found_in_folders_with_odd_names(tmp_path: Path) -> None:
    folder = tmp_path / "my.pyfiles"
    folder.mkdir()
    (folder / "mine.py").write_text(OWN)
    assert own_files(f"{folder / 'mine.py'}:Size", str(folder / "mine.py"), "cell", "train") == (str(folder / "mine.py"),) * 2
