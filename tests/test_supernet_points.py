"""What becomes of a supernet's points: a network that comes again renews its trial, and what torch refuses is a failure with a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archsearch import compile_network, load_space
from archsearch.evaluators.train import Train
from archsearch.runs.search import resume, search
from archsearch.runs.store import Run
from archsearch.sharing.single_path import train_supernet
from archsearch.spaces.space import Space
from archsearch.strategies import Random
from archsearch.supernets import Point, Setting
from archsearch.supernets.budgeted import Budgeted
from archsearch.supernets.course import Course
from archsearch.supernets.fabric import Fabric
from archsearch.training.weights import save_weights
from archsearch.trial import EvaluationError, Failure
from tests.runs import assert_same_run

TRAIN = Train(epochs=1, batch=256)
POINTS = ((0, 0.3), (1, 0.5), (0, 0.2), (0, 0.25), (1, 0.4), (0, None))
"""Network and error of every point of `Returning`; None where it failed."""


@dataclass(frozen=True)
class Returning:
    """Comes to two networks again and again."""

    def run(self, setting: Setting) -> Iterator[Point]:
        catalogue = setting.catalogue
        first, second = (catalogue.look_up({"channels": width}, np.random.default_rng(0)) for width in (4, 8))
        for number, (which, error) in enumerate(POINTS):
            entry = (first, second)[which]
            if error is None:
                yield Point(number, entry.choices, {}, (), None, Failure("diverged", "loss is inf"))
                continue
            network = compile_network(catalogue.genotype(entry), seed=number)
            yield Point(number, entry.choices, {"error": error}, ({"error": error},) * (number + 1), partial(save_weights, network))


def space() -> Space:
    return load_space("small_cell")


def returned(out: Path, trials: int = 30) -> Run:
    return search(space(), Returning(), TRAIN, objectives=("error",), trials=trials, workers=0, out=out)


def test_a_network_that_was_trained_further_renews_its_trial_unless_it_became_worse(tmp_path: Path) -> None:
    run = returned(tmp_path / "run")
    assert [(trial.metrics["step"], trial.metrics["error"], len(trial.curve)) for trial in run.trials] == [(2, 0.2, 3), (4, 0.4, 5)]
    assert run.refusals == {"duplicate, trained further": 2, "duplicate": 2}
    (best,) = run.front()
    weights = run.weights(best.number)
    assert weights is not None
    kept, trained = load_file(weights), compile_network(run.genotype(best.number), seed=2).state_dict()
    assert kept.keys() == trained.keys()
    assert all(torch.equal(kept[name], value) for name, value in trained.items())
    assert run.weights(1) is None
    assert run.tests.keys() == {best.number}


@dataclass(frozen=True)
class Timed:
    """Comes to one network three times, and measures it as supernets do; `latencies` are what that gave."""

    latencies: ClassVar[list[float]] = []

    def run(self, setting: Setting) -> Iterator[Point]:
        course, catalogue = Course(setting), setting.catalogue
        entry = catalogue.look_up({"channels": 4}, np.random.default_rng(0))
        genotype = catalogue.genotype(entry)
        for number in range(3):
            point = course.point(number, entry.choices, (), compile_network(genotype, number), genotype, error=0.5 - number / 10)
            self.latencies.append(point.metrics["latency_ms"])
            yield point


def test_a_network_that_a_supernet_comes_back_to_is_timed_once(tmp_path: Path) -> None:
    space = load_space("small_cell", **TRAIN.setting())
    run = search(space, Timed(), TRAIN, objectives=("error", "latency_ms"), trials=2, workers=0, out=tmp_path / "run")
    [trial] = run.trials
    [(place, found)] = run.latencies(trial.fingerprint).items()
    assert place.endswith(", 1 thread")
    assert Timed.latencies == [found["latency_ms"]] * 3
    assert (trial.metrics["latency_ms"], trial.metrics["error"]) == (found["latency_ms"], pytest.approx(0.3))


@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_that_comes_back_to_networks_goes_on_as_if_never_stopped(stop: int, tmp_path: Path) -> None:
    whole = returned(tmp_path / "whole")
    assert len(returned(tmp_path / "half", trials=stop).trials) == stop
    resume(tmp_path / "half", space(), Returning(), TRAIN, trials=30)
    assert_same_run(whole.folder, tmp_path / "half")


@pytest.fixture
def three(tmp_path: Path) -> Train:
    """Three images with masks, of which one is trained on: at 1x1 a norm has one value for each channel."""
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[:, 2:6, 2:6] = 1
    np.savez(tmp_path / "three.npz", images=np.random.default_rng(0).random((3, 8, 8)).astype("float32"), masks=masks)
    return Train(data=str(tmp_path / "three.npz"), epochs=1)


@pytest.mark.parametrize("method", [Fabric(tune=1), Budgeted(walk=(0.5,), tune=1), Random()], ids=["fabric", "budgeted", "random"])
def test_batch_norm_with_one_value_is_a_failure_with_a_name(method: object, three: Train, tmp_path: Path) -> None:
    deep = load_space("fabric", layers=4, scales=4, channels=(4,), task=three.task, **three.setting())
    run = search(deep, method, three, objectives=("macs",), trials=1, workers=0, out=tmp_path / "run")
    (trial,) = run.trials
    assert trial.failure is not None
    assert trial.failure.kind == "rejected"
    assert "batch norm at 1x1 has one value for each channel, as a batch holds one image; give more images" in trial.failure.message


def test_a_supernet_that_cannot_begin_leaves_nothing_behind(three: Train, tmp_path: Path) -> None:
    deep = load_space("fabric", layers=4, scales=4, channels=(4,), task=three.task, **three.setting())
    with pytest.raises(EvaluationError, match="give more images"):
        train_supernet(deep, three, tmp_path / "supernet", epochs=2)
    assert not (tmp_path / "supernet").exists()
    (tmp_path / "own").mkdir()
    with pytest.raises(EvaluationError, match="give more images"):
        train_supernet(deep, three, tmp_path / "own", epochs=2)
    assert not list((tmp_path / "own").iterdir())
