"""The loop: dedup, budget, failures as data, exact repetition and resume."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from archsearch.analysis import Budget, known_costs
from archsearch.evaluators.train import Train
from archsearch.exporters import ExportError, export_trial
from archsearch.network.passes import canonicalise
from archsearch.pareto import dominates
from archsearch.runs.following import refused_before
from archsearch.runs.proposal import SearchError
from archsearch.runs.search import resume, search
from archsearch.runs.standing import Standing
from archsearch.runs.store import RunExistsError, open_run
from archsearch.spaces.space import Choices, load_space
from archsearch.strategies import STRATEGIES, Evolution, Random
from archsearch.trial import Trial
from tests.evaluators import Failing, Formula, Meeting, Unfinished
from tests.runs import assert_same_run, made, small_search, small_space, table

TREE = Path(__file__).parents[1]


@pytest.mark.parametrize("name", STRATEGIES)
def test_resume_is_replay(name: str, tmp_path: Path) -> None:
    whole = small_search(tmp_path / "whole", made(name), trials=60)
    small_search(tmp_path / "half", made(name), trials=27)
    resume(tmp_path / "half", small_space(), made(name), Formula(), trials=60)
    trials = [table(folder, "trials") for folder in (whole.folder, tmp_path / "half")]
    assert trials[0] == trials[1]
    assert table(whole.folder, "curves") == table(tmp_path / "half", "curves")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_search_repeats_exactly(workers: int, tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_search(tmp_path / name, workers=workers, seed=3)
    assert_same_run(tmp_path / "a", tmp_path / "b")
    small_search(tmp_path / "c", workers=workers, seed=4)
    assert table(tmp_path / "a", "trials") != table(tmp_path / "c", "trials")


def test_one_worker_finds_what_the_inline_executor_finds(tmp_path: Path) -> None:
    small_search(tmp_path / "inline", workers=0)
    small_search(tmp_path / "process", workers=1)
    assert_same_run(tmp_path / "inline", tmp_path / "process")


def test_the_front_is_right_and_only_its_weights_stay(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run")
    front = {trial.number for trial in run.front()}
    for trial in run.trials:
        beaten = any(dominates(other.values, trial.values) for other in run.trials)
        assert (trial.number in front) != beaten
        assert (run.weights(trial.number) is not None) == (trial.number in front)
    assert run.tests == {number: {"error": float(number)} for number in sorted(front)}


def test_no_network_is_evaluated_twice_and_none_is_over_budget(tmp_path: Path) -> None:
    budget = Budget(params=8_000, macs=180_000, memory_bytes=60_000, training_memory_bytes=300_000)
    run = small_search(tmp_path / "run", Random(), budget=budget, trials=100)
    fingerprints = [trial.fingerprint for trial in run.trials]
    assert len(set(fingerprints)) == len(fingerprints)
    for trial in run.trials:
        genotype = run.genotype(trial.number)
        assert canonicalise(genotype).fingerprint == trial.fingerprint
        assert not budget.overruns(known_costs(genotype, Formula().batch, "sgd"))
    assert run.refusals["duplicate"] > 0
    assert any(reason.startswith("over ") for reason in run.refusals)
    assert run.refused
    assert all(budget.overruns(costs) for costs in run.refused.values()), "what was within the budget counts as refused"
    assert refused_before(run, range(100)) == run.refused


def test_a_space_that_is_used_up_ends_the_run(tmp_path: Path) -> None:
    space = tmp_path / "tiny.py"
    space.write_text(
        "from archsearch import Builder, Genotype, Pick\nfrom archsearch.ops import Flatten, Linear\n"
        "def space(pick: Pick) -> Genotype:\n    b = Builder((4,))\n"
        "    return b.genotype(b(Linear(pick('width', [1, 2, 3])), b.input))\n"
    )
    run = small_search(tmp_path / "run", Random(), space=load_space(str(space)), trials=50)
    assert [trial.choices for trial in run.trials] != []
    assert sorted(trial.choices["width"] for trial in run.trials) == [1, 2, 3]


def test_a_budget_that_nothing_meets_says_what_came_closest(tmp_path: Path) -> None:
    with pytest.raises(
        SearchError, match=r"no network of space 'cell' met the budget in 1000 tries; the closest had params .* \(limit 10\)"
    ):
        small_search(tmp_path / "run", budget=Budget(params=10))
    small_search(tmp_path / "run", trials=1)  # nothing was begun: the folder is free


def test_an_objective_that_nobody_measures_is_named(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="objective 'eror' is not measured; did you mean error"):
        small_search(tmp_path / "run", objectives=("eror",))
    with pytest.raises(SearchError, match="at least one objective"):
        small_search(tmp_path / "run", objectives=())
    assert not (tmp_path / "run").exists()


def test_an_existing_folder_is_refused_and_resume_named(tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=2)
    before = table(tmp_path / "run", "trials")
    with pytest.raises(RunExistsError, match=r"exists already; `archsearch resume .*run` goes on"):
        small_search(tmp_path / "run", trials=2)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").write_text("mine")
    with pytest.raises(RunExistsError, match="choose another --out"):
        small_search(tmp_path / "other")
    assert table(tmp_path / "run", "trials") == before


def test_resume_refuses_other_parts(tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=2)
    with pytest.raises(SearchError, match="began with strategy evolution, now given random"):
        resume(tmp_path / "run", small_space(), Random(), Formula())
    with pytest.raises(SearchError, match="began with evaluator_options"):
        resume(tmp_path / "run", small_space(), Evolution(population=10, tournament=4), Formula(batch=9))


def test_every_kind_of_failure_is_recorded_and_the_run_goes_on(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", Random(), Failing(), workers=2, timeout_s=2, trials=12)
    failures = {trial.number: trial.failure for trial in run.trials if trial.failure}
    kinds = {number: failure.kind for number, failure in failures.items()}
    assert kinds == {1: "crashed", 2: "out_of_memory", 3: "diverged", 4: "diverged", 5: "timeout", 6: "crashed", 7: "out_of_memory"}
    assert "SIGKILL" in failures[1].message
    assert failures[6].message == "ZeroDivisionError: a bug of the user's"
    assert len(run.trials) == 12
    assert [len(run.trial(number).curve) for number in (1, 5, 8)] == [3, 3, 3]
    assert all(run.trial(number).metrics["params"] > 0 for number in kinds)


def test_progress_tells_where_the_run_stands(tmp_path: Path) -> None:
    told: list[Standing] = []
    run = small_search(tmp_path / "run", trials=10, progress=told.append)
    assert [at.done for at in told if not at.running and not at.testing] == list(range(11))
    assert told[-1].front == len(run.front())
    assert told[-1].best == run.front()[0].values
    assert told[-1].refused == sum(run.refusals.values())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_at_random_moments_loses_nothing(workers: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killable"]
    rest = ["40", "0.06", str(workers)]
    subprocess.run([*command, str(tmp_path / "whole"), *rest], cwd=TREE, check=True)
    moments, killed, recorded = random.Random(workers), tmp_path / "killed", set()
    for _ in range(12):
        process = subprocess.Popen([*command, str(killed), *rest], cwd=TREE)
        time.sleep(moments.uniform(0.3, 1.6))
        process.kill()
        process.wait()
        rows = set(table(killed, "trials")) if (killed / "run.json").is_file() else set()
        assert recorded <= rows, "a recorded trial is gone or has changed"
        recorded = rows
    subprocess.run([*command, str(killed), *rest], cwd=TREE, check=True)
    assert recorded <= set(table(killed, "trials"))
    assert_same_run(tmp_path / "whole", killed)


def test_a_network_whose_final_training_fails_for_good_leaves_the_others_tested(tmp_path: Path) -> None:
    best = small_search(tmp_path / "run", trials=8).front()[0].number
    run = small_search(tmp_path / "failing", evaluator=Unfinished(trial=best), trials=8)
    numbers = {trial.number for trial in run.front()}
    assert run.tests == {number: {} if number == best else {"error": float(number)} for number in numbers}
    assert run.weights(best) is None
    assert run.best() == next(trial.number for trial in run.front() if trial.number != best)
    with pytest.raises(ExportError, match=f"weights of trial {best} were not kept: its final training failed"):
        export_trial(run, best)
    assert resume(run.folder, small_space(), Evolution(population=10, tournament=4), Unfinished(trial=best)).tests == run.tests
    with pytest.raises(SearchError, match=f"testing trial {best} failed: no room, or no end; `archsearch resume` tries it again"):
        small_search(tmp_path / "full", evaluator=Unfinished(trial=best, kind="out_of_memory"), trials=8)


def test_a_search_does_not_go_by_the_test_part(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="measures on the test part, which a search must not see; leave its option final out"):
        search(small_space(), Random(), Train(final=True), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_workers_are_at_work_together(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", Random(), Meeting(folder=str(tmp_path)), workers=2, trials=4)
    assert all(trial.ok for trial in run.trials)


def test_a_run_begun_with_one_worker_goes_on_with_two_and_still_repeats(tmp_path: Path) -> None:
    def strategy() -> Evolution:
        return Evolution(population=4, tournament=2)

    for name in ("whole", "halves"):
        evaluator = Meeting(folder=str(tmp_path / name / "met"), first=4)
        small_search(tmp_path / name / "run", strategy(), evaluator, workers=1, trials=4)
        (tmp_path / name / "met").mkdir()
    both = [tmp_path / name / "run" for name in ("whole", "halves")]
    for folder, stops in zip(both, ((12,), (8, 12)), strict=True):
        for trials in stops:
            evaluator = Meeting(folder=str(folder.parent / "met"), first=4)
            run = resume(folder, small_space(), strategy(), evaluator, workers=2, trials=trials)
            assert all(trial.ok for trial in run.trials)
        assert (run.record.lookahead, run.record.widened) == (1, ((4, 4),))
    assert table(both[0], "trials") == table(both[1], "trials")
    few = resume(both[0], small_space(), strategy(), Meeting(folder=str(both[0].parent / "met"), first=4), workers=1)
    assert few.record.widened == ((4, 4),)


@dataclass
class Repeating(Random):
    """Asks for what it was told first, and for something else every other time."""

    _first: Choices | None = field(default=None, init=False, repr=False)
    _again: bool = field(default=False, init=False, repr=False)

    def ask(self, rng: np.random.Generator) -> Choices:
        self._again = not self._again
        return self._first if self._first and self._again else {}

    def tell(self, trial: Trial) -> None:
        self._first = self._first or trial.choices


def test_a_run_of_other_fingerprints_proposes_no_network_again(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", Repeating(), trials=3)
    with closing(sqlite3.connect(run.folder / "run.db")) as database, database:
        database.execute("UPDATE trials SET fingerprint = 'f' || substr(fingerprint, 2)")
    resume(run.folder, small_space(), Repeating(), Formula(), trials=9)
    found = open_run(run.folder)
    assert len({found.genotype(number).fingerprint for number in range(9)}) == 9
    whole = small_search(tmp_path / "whole", Repeating(), trials=9)
    assert [trial.choices for trial in found.trials] == [trial.choices for trial in whole.trials]
