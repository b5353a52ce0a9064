"""Strategies and spaces under Ray Tune: a searcher and a trainable, with its schedulers, across a stop."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.analysis import Budget
from archsearch.network.genotype import Genotype
from archsearch.network.passes import canonicalise
from archsearch.spaces.space import Pick, Space
from archsearch.strategies import Evolution, Exhaustive, Random
from archsearch.support.parts import load_part
from archsearch.trial import Trial
from tests.evaluators import Formula
from tests.runs import own_space, small_space

pytest.importorskip("ray.tune", reason='needs Ray Tune: pip install "archsearch[ray]"')
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler
from ray.tune.search import Searcher

from archsearch.runs.cluster import alone
from archsearch.tune import SEED, StrategySearcher, trainable


def searcher(strategy: Any = None, **options: Any) -> StrategySearcher:
    options = {"objectives": ("error", "params"), **options}
    return StrategySearcher(small_space(), strategy or Evolution(population=4, tournament=3), Budget(params=20_000), **options)


def choices(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != SEED}


def play(by: StrategySearcher, trials: int, first: int = 0) -> list[dict[str, Any]]:
    """Trials one after the other, each with an error that its choices decide."""
    found = []
    for number in range(first, first + trials):
        config = by.suggest(f"t{number}")
        assert isinstance(config, dict)
        found.append(config)
        by.on_trial_complete(trial_id=f"t{number}", result={"error": len(repr(sorted(choices(config).items()))) % 7, "config": config})
    return found


def test_it_suggests_new_networks_within_the_budget() -> None:
    space, found = small_space(), play(searcher(), 20)
    networks = [space.resolve(choices(config), np.random.default_rng(0)) for config in found]
    assert len({canonicalise(network.genotype).fingerprint for network in networks}) == 20
    assert all(network.choices == choices(config) for network, config in zip(networks, found, strict=True))
    assert any("/" in name for name in found[0])


def test_saved_and_restored_it_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = searcher()
    expected = play(whole, 16)
    first = searcher()
    play(first, 7)
    first.save_to_dir(str(tmp_path))
    again = pickle.loads(ray.cloudpickle.dumps(first))  # as a Tuner keeps it
    again.restore_from_dir(str(tmp_path))
    assert play(again, 9, 7) == expected[7:]


def test_it_is_deaf_to_what_it_never_suggested_and_to_what_it_has_heard() -> None:
    told: list[Trial] = []

    class Listening(Random):
        def tell(self, trial: Trial) -> None:
            told.append(trial)

    by = StrategySearcher(small_space(), Listening(), objectives=("error",))
    by.suggest("a")
    by.suggest("b")
    by.suggest("c")
    for trial_id in ("b", "stranger", "b", "a"):
        by.on_trial_complete(trial_id=trial_id, result={"error": 0.5, "loss": float("nan"), "done": True})
    by.on_trial_complete(trial_id="c", result=None, error=True)
    by.on_trial_complete(trial_id="c", result={"error": 0.1})
    assert [(trial.number, trial.values) for trial in told] == [(1, (0.5,)), (0, (0.5,)), (2, None)]
    assert {"error", "params"} <= told[0].metrics.keys()
    assert "loss" not in told[0].metrics
    assert told[2].failure is not None


def test_metric_and_mode_may_be_those_of_the_tuner() -> None:
    by = StrategySearcher(small_space(), Random())
    by.suggest("a")
    with pytest.raises(ValueError, match=r"trial a reported no error; say by objectives=\(...\) what of its results"):
        by.on_trial_complete("a", {"accuracy": 0.5})
    by = StrategySearcher(small_space(), Random())
    assert not by.set_search_properties("accuracy", "max", {})
    play(by, 0)
    by.suggest("a")
    assert [str(objective) for objective in by._ready().problem.objectives] == ["max:accuracy"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "saved searcher"),
        ("[]", "saved searcher"),
        ('{"format": "archsearch.tune/1", "suggested": [], "told": [{"trial_id": "x", "metrics": null}]}', "told and never suggested"),
        ('{"format": "archsearch.tune/1", "suggested": [{"trial_id": "x", "choices": {"a": []}}], "told": []}', "suggested"),
        ('{"format": "archsearch.tune/9", "suggested": [], "told": []}', "archsearch.tune/9"),
    ],
)
def test_what_is_no_saved_searcher_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "state").write_text(text)
    with pytest.raises(ValueError, match=says):
        searcher().restore(str(tmp_path / "state"))


def tiny(pick: Pick) -> Genotype:
    from archsearch.network.builder import Builder
    from archsearch.ops import Flatten, Linear

    b = Builder((1, 2, 2))
    return b.genotype(b(Linear(pick("head/width", [2, 3, 4])), b(Flatten(), b.input)))


def test_the_end_of_a_space_ends_the_experiment() -> None:
    by = StrategySearcher(Space("tiny", tiny, {}), Exhaustive(), objectives=("error",))
    assert {config["head/width"] for config in play(by, 3)} == {2, 3, 4}
    assert by.suggest("t3") == Searcher.FINISHED


@pytest.fixture(scope="module")
def machine() -> Iterator[str]:
    """Ray on this machine, to which this process is connected; its token."""
    with alone():
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        token = os.environ["RAY_AUTH_TOKEN"]
    yield token
    ray.shutdown()


@pytest.mark.slow
def test_who_has_no_token_is_not_let_in(machine: str, tmp_path: Path) -> None:
    address = "127.0.0.1:" + ray.get_runtime_context().gcs_address.rpartition(":")[2]
    script = f"import ray; ray.init(address={address!r}, log_to_driver=False); print('let in')"
    bare = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    bare |= {"HOME": str(tmp_path), "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else Ray asks at the address that others see
    soon = {"RAY_gcs_server_port_wait_time_s": "1"}
    said = []
    for more in ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": machine}, {"RAY_AUTH_MODE": "disabled", **soon}):
        done = subprocess.run([sys.executable, "-c", script], env={**bare, **more}, capture_output=True, text=True, timeout=90, check=False)
        said.append((done.returncode == 0, "let in" in done.stdout))
    assert said == [(True, True), (False, False)]


OWN = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Mine:
    metrics = ("error",)

    def evaluate(self, candidate, report):
        if candidate.choices["stages"] == 1:
            raise ZeroDivisionError("a bug of the user's")
        for epoch in range(6):
            report(epoch, {"error": 1 / (1 + epoch + len(candidate.genotype.nodes))})
        candidate.weights.write_bytes(b"weights")
        return {"error": 0.01}
"""


def tuner(run: Any, by: Any, folder: Path, trials: int, **more: Any) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(run, {"cpu": 1}),
        tune_config=tune.TuneConfig(search_alg=by, num_samples=trials, metric="error", mode="min", reuse_actors=True, **more),
        run_config=tune.RunConfig(storage_path=str(folder), name="mine", verbose=0),
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Tune's own
def test_a_tuner_with_asha_and_a_failure_searches_and_goes_on(machine: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    space = own_space(tmp_path, "tuned_noise")
    judge = load_part("evaluator", f"{tmp_path / 'mine.py'}:Mine", {})()
    by = StrategySearcher(space, Evolution(population=4, tournament=2), Budget(params=50_000))
    asha = ASHAScheduler(time_attr="training_iteration", max_t=7, grace_period=1, reduction_factor=2)
    results = tuner(trainable(space, judge), by, tmp_path, 6, scheduler=asha).fit()
    assert len(results) == 6
    failed = [result for result in results if result.error]
    good = [result for result in results if not result.error]
    assert all(result.config["stages"] == 1 for result in failed)
    assert good
    for result in good:
        made = space.resolve(choices(result.config), np.random.default_rng(0))
        assert made.choices == choices(result.config)
        assert result.metrics["params"] <= 50_000
    whole = next(result for result in good if result.checkpoint)
    with whole.checkpoint.as_directory() as folder:
        assert (Path(folder) / "weights.safetensors").read_bytes() == b"weights"
        assert json.loads((Path(folder) / "genotype.json").read_text())["format"].startswith("archsearch.genotype")
    again = tune.Tuner.restore(
        str(tmp_path / "mine"), trainable=tune.with_resources(trainable(space, judge), {"cpu": 1}), restart_errored=True
    )
    assert len(again.fit()) == 6
    with_names = results.get_dataframe()
    assert {f"config/{name}" for name in choices(good[0].config)} <= set(with_names.columns)


KEEPS = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Keeps:
    log: str = ""
    metrics = ("error",)

    def evaluate(self, candidate, report):
        begun = int(candidate.checkpoint.read_text()) if candidate.checkpoint.is_file() else 0
        for epoch in range(9):
            if epoch >= begun:
                with open(self.log, "a") as log:
                    log.write(f"{candidate.genotype.fingerprint} {epoch}\\n")
                candidate.checkpoint.write_text(str(epoch + 1))
            report(epoch, {"error": 1 / (1 + epoch + len(candidate.genotype.nodes)), "epoch": epoch})
        return {"error": 0.01, "epoch": 9}
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_hyperband_puts_down_goes_on_where_it_was(machine: str, tmp_path: Path) -> None:
    (tmp_path / "keeps.py").write_text(KEEPS)
    judge = load_part("evaluator", f"{tmp_path / 'keeps.py'}:Keeps", {})(log=str(tmp_path / "log"))
    by = StrategySearcher(small_space(), Random(), objectives=("error",))
    results = tuner(trainable(small_space(), judge), by, tmp_path, 6, scheduler=HyperBandScheduler(max_t=9, reduction_factor=3)).fit()
    tables = [result.metrics_dataframe for result in results]
    assert [result.error for result in results] == [None] * 6
    assert max(len(table) for table in tables) == 9
    assert min(len(table) for table in tables) < 9
    assert all(list(table["epoch"]) == list(range(len(table))) for table in tables)  # none twice, none left out
    trained = (tmp_path / "log").read_text().splitlines()
    assert len(set(trained)) == len(trained)
    assert len(trained) >= sum(map(len, tables))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_small_space_ends_a_tuner(machine: str, tmp_path: Path) -> None:
    space = Space("tiny", tiny, {})
    results = tuner(trainable(space, Formula()), StrategySearcher(space, Exhaustive()), tmp_path, 9).fit()
    assert sorted(result.config["head/width"] for result in results) == [2, 3, 4]
