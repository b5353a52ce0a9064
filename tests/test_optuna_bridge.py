"""Between runs and studies of Optuna: written, opened by optuna-dashboard, read again; strategies as samplers, spaces in objectives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from archsearch.analysis import Budget, analyse
from archsearch.cli import run as command
from archsearch.optuna import StudyError, read_study, sampler, suggest_network, write_study
from archsearch.optuna.parameters import choices_of, labels, params
from archsearch.runs.proposal import SearchError
from archsearch.runs.search import resume
from archsearch.runs.store import Run, open_run
from archsearch.spaces.space import Pick, Space, load_space
from archsearch.strategies import STRATEGIES, Evolution, Exhaustive, Random, load_strategy
from archsearch.trial import Trial
from tests.evaluators import Formula
from tests.runs import OPTIONS, assert_same_run, small_search, small_space

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "mine"
    return small_search(out, Random(), Unwell(), trials=12, objectives=("error", "max:params"))


class Unwell(Formula):
    """Two trials fail."""

    def evaluate(self, candidate: Any, report: Any) -> dict[str, float]:
        if candidate.trial in (3, 6):
            raise ZeroDivisionError("a bug of the user's")
        return super().evaluate(candidate, report)


def asked(app: Any, path: str) -> Any:
    """What optuna-dashboard answers."""
    environment: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environment)
    status: list[str] = []
    body = b"".join(app(environment, lambda line, headers, *_: status.append(line)))
    assert status[0].startswith("200"), (status, body[:200])
    return json.loads(body) if path.startswith("/api") else body


def test_a_run_becomes_a_study_that_the_dashboard_opens(run: Run, tmp_path: Path) -> None:
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import wsgi

    file = tmp_path / "optuna.db"
    assert write_study(run, file) == "mine"
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    study = optuna.load_study(study_name="mine", storage=storage)
    assert [way.name for way in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert study.metric_names == ["error", "params"]
    app = wsgi(storage, artifact_store=FileSystemArtifactStore(f"{file}.artifacts"))
    [summary] = asked(app, "/api/studies")["study_summaries"]
    shown = asked(app, f"/api/studies/{summary['study_id']}")
    assert shown["objective_names"] == ["error", "params"]
    assert len(shown["trials"]) == 12
    for trial, seen in zip(run.trials, shown["trials"], strict=True):
        assert seen["constraints"] == [trial.metrics["params"] / 20_000 - 1]
        assert {item["name"]: item["param_external_value"] for item in seen["params"]} == {k: str(v) for k, v in trial.choices.items()}
        if trial.ok:
            assert (seen["state"], seen["values"]) == ("Complete", [trial.metrics["error"], trial.metrics["params"]])
            assert [step["value"] for step in seen["intermediate_values"]] == [step["error"] for step in trial.curve]
        else:
            assert seen["state"] == "Fail"
            assert {"key": "failure", "value": "crashed"} in seen["user_attrs"]
    front = {trial.number for trial in run.front()}
    assert front == {number for number, seen in enumerate(shown["trials"]) if seen["artifacts"]}
    artifact = next(seen["artifacts"][0] for seen in shown["trials"] if seen["artifacts"])
    assert artifact["mimetype"] == "image/svg+xml"


def test_a_study_comes_back_as_the_trials_that_it_was_made_of(run: Run, tmp_path: Path) -> None:
    write_study(run, tmp_path / "optuna.db", "first")
    found = read_study(tmp_path / "optuna.db", small_space(), objectives=("error", "max:params"))
    assert [(trial.choices, trial.fingerprint, trial.values) for trial in found] == [
        (trial.choices, trial.fingerprint, trial.values) for trial in run.trials
    ]
    write_study(run, tmp_path / "optuna.db", "second")
    with pytest.raises(StudyError, match="a study of that name already"):
        write_study(run, tmp_path / "optuna.db", "first")
    with pytest.raises(StudyError, match="has no study ''; it has first, second"):
        read_study(tmp_path / "optuna.db", small_space())
    with pytest.raises(StudyError, match="has the objectives error, max:params, not error, params"):
        read_study(tmp_path / "optuna.db", small_space(), "second", objectives=("error", "params"))
    assert read_study(tmp_path / "optuna.db", load_space("chain"), "first") == []


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(100)])
def test_what_is_no_study_is_refused_and_stays_as_it_is(content: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(StudyError, match=r"x.db: .*give a SQLite file of Optuna"):
        read_study(tmp_path / "x.db", small_space())
    assert (tmp_path / "x.db").read_bytes() == content
    with pytest.raises(StudyError, match=r"no file .*nowhere.db"):
        read_study(tmp_path / "nowhere.db", small_space())


@pytest.mark.slow
def test_a_study_with_a_damaged_page_is_refused_or_read_where_it_is_whole(run: Run, tmp_path: Path) -> None:
    write_study(run, tmp_path / "optuna.db", "mine")
    data = (tmp_path / "optuna.db").read_bytes()
    said = []
    for first in range(4096, len(data), 4096):  # where the first row of each page lies
        (tmp_path / "harmed.db").write_bytes(data[: first + 8] + (3847).to_bytes(2) + data[first + 10 :])
        try:
            read_study(tmp_path / "harmed.db", small_space(), "mine")
        except StudyError as error:
            said.append(str(error))
    assert len(said) > 5
    assert all("harmed.db: " in words and "Optuna 5" in words for words in said), said


def test_options_that_are_equal_become_texts() -> None:
    assert labels((1, 3)) == (1, 3)
    assert labels((True, 1, 1.0, "1")) == ("true", "1", "1.0", '"1"')
    options = {"a": (True, 1), "b": (None, "none", 0.5)}
    for choices in ({"a": True, "b": None}, {"a": 1, "b": "none"}, {"a": 1, "b": 0.5}):
        assert choices_of(params(choices, options), options) == choices


def objective(space: Space, *, prune: bool = False) -> Any:
    def value(trial: optuna.Trial) -> float:
        genotype = suggest_network(trial, space)
        trial.suggest_float("lr", 0.001, 0.1)
        error = 1 / (1 + analyse(genotype).params / 5000)
        if prune and trial.number % 3 == 1:
            trial.report(error, 0)
            raise optuna.TrialPruned
        return error

    return value


@pytest.mark.parametrize("name", sorted({*STRATEGIES} - {"graph_gp", "auto", "optuna"}))
def test_every_strategy_is_a_sampler(name: str) -> None:
    space = small_space()
    study = optuna.create_study(sampler=sampler(load_strategy(name)(**OPTIONS.get(name, {})), space, Budget(params=20_000), trials=12))
    study.optimize(objective(space, prune=True), n_trials=12)
    networks = [space.resolve(choices_of(trial.params, space.options()), np.random.default_rng(0)).genotype for trial in study.trials]
    assert len({network.fingerprint for network in networks}) == 12
    assert all(analyse(network).params <= 20_000 for network in networks)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


def test_a_sampler_searches_as_the_search_does_and_goes_on_where_a_study_stopped(tmp_path: Path) -> None:
    space, storage = small_space(), f"sqlite:///{tmp_path / 'study.db'}"

    def played(study: optuna.Study, trials: int) -> list[dict[str, Any]]:
        study.sampler = sampler(Evolution(population=5, tournament=3), space, seed=1)
        study.optimize(objective(space), n_trials=trials)
        return [{name: value for name, value in trial.params.items() if name != "lr"} for trial in study.trials]

    whole = played(optuna.create_study(), 16)
    played(optuna.create_study(storage=storage, study_name="parts"), 7)
    assert played(optuna.load_study(storage=storage, study_name="parts"), 9) == whole
    options: dict[str, Any] = {"objectives": ("params",), "budget": None, "seed": 1, "space": space}
    run = small_search(tmp_path / "run", Evolution(population=5, tournament=3), trials=16, **options)
    assert run.trials[0].choices == whole[0]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_maximises_where_the_study_does() -> None:
    space = small_space()
    told: list[Trial] = []

    class Listening(Random):
        def tell(self, trial: Trial) -> None:
            told.append(trial)

    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler(Listening(), space))
    study.set_metric_names(["accuracy", "params"])
    study.optimize(lambda trial: (0.5, analyse(suggest_network(trial, space)).params), n_trials=3)
    assert [(trial.values[0], trial.metrics["accuracy"]) for trial in told if trial.values] == [(-0.5, 0.5)] * 2
    assert all(trial.values == (-0.5, trial.metrics["params"]) for trial in told)


def test_a_small_space_ends_in_repetition_not_in_an_error() -> None:
    def space(pick: Pick) -> Any:
        from archsearch.network.builder import Builder
        from archsearch.ops import Flatten, Linear

        b = Builder((1, 2, 2))
        return b.genotype(b(Linear(pick("a/width", [2, 3])), b(Flatten(), b.input)))

    tiny = Space("tiny", space, {})
    study = optuna.create_study(sampler=sampler(Exhaustive(), tiny))
    study.optimize(lambda trial: analyse(suggest_network(trial, tiny)).params, n_trials=5)
    assert {trial.params["a/width"] for trial in study.trials[:2]} == {2, 3}
    assert len(study.trials) == 5


def test_invalid_networks_are_pruned() -> None:
    def space(pick: Pick) -> Any:
        if pick("a", [1, 2]) == 2:
            raise ValueError("too wide")
        return small_space("chain").sample(np.random.default_rng(0)).genotype

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: float(len(suggest_network(trial, Space("half", space, {})).nodes)), n_trials=8)
    assert {trial.params["a"]: trial.state for trial in study.trials} == {1: TrialState.COMPLETE, 2: TrialState.PRUNED}


def test_a_search_begins_with_what_a_study_found(run: Run, tmp_path: Path) -> None:
    space, objectives = small_space(), ("error", "max:params")
    write_study(run, tmp_path / "optuna.db")
    warm = read_study(tmp_path / "optuna.db", space, objectives=objectives)

    def strategy() -> Evolution:
        return Evolution(population=5, tournament=5)

    cold = small_search(tmp_path / "cold", strategy(), Formula(), trials=8, objectives=objectives)
    small_search(tmp_path / "whole", strategy(), Formula(), trials=8, objectives=objectives, warm=warm)
    small_search(tmp_path / "parts", strategy(), Formula(), trials=3, objectives=objectives, warm=warm)
    (tmp_path / "optuna.db").unlink()
    resume(tmp_path / "parts", space, strategy(), Formula(), trials=8)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    whole = open_run(tmp_path / "whole")
    assert len(whole.record.warm) == 10
    assert whole.trials[0].choices != cold.trials[0].choices
    near = [sum(whole.trials[0].choices.get(name) != value for name, value in one.choices.items()) for one in warm]
    assert min(near) <= 2  # a child of one of those, not a network at random
    resume(tmp_path / "whole", space, strategy(), Formula(), trials=9, objectives=("macs",))
    lacking = [replace(one, metrics={}) for one in whole.trials]
    with pytest.raises(SearchError, match="none of the 8 trials to begin with has a result with error"):
        small_search(tmp_path / "none", strategy(), Formula(), warm=lacking)


def test_the_commands(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "optuna.db"
    assert command(["study", str(run.folder), "--to", str(file), "--name", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 12
    assert command(["study", str(run.folder), "--to", str(file), "--name", "mine"]) == 1
    assert "choose another, by --name" in capsys.readouterr().err
    options = ["--evaluator-set", "epochs=1", "--trials", "2", "--workers", "0", "--quiet", "--out", str(tmp_path / "x")]
    assert command(["search", "chain", *options, "--warm-start", f"{file}:mine"]) == 2
    assert "has the objectives" in capsys.readouterr().err
    small_search(tmp_path / "chain", space=small_space("chain"), trials=4, objectives=("error", "macs"))
    assert command(["study", str(tmp_path / "chain"), "--to", str(file)]) == 0
    assert command(["search", "chain", *options, "--warm-start", f"{file}:chain"]) == 0
    assert len(open_run(tmp_path / "x").record.warm) == 4
    assert "warm start: 4 trials" in capsys.readouterr().err
