"""Training: metrics, repeatability, divergence, latency, weights on disk."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archsearch import Builder, Genotype, analyse, compile_network
from archsearch.data import load_data
from archsearch.evaluators import EVALUATORS, load_evaluator
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU
from archsearch.training.options import OPTIMIZERS
from archsearch.trial import EvaluationError
from tests.warm import run_python

QUICK = Train(epochs=2)


def chain(*ops: object, shape: tuple[int, int, int] = (1, 8, 8)) -> Genotype:
    b = Builder(shape)
    x = b.input
    for op in ops:
        x = b(op, x)
    return b.genotype(x)


SMALL = chain(Conv2d(8), BatchNorm2d(), ReLU(), MaxPool2d(), Flatten(), Dropout(0.2), Linear(10))


def go_on(epoch: int, metrics: dict[str, float]) -> bool:
    return False


def assert_same_bits(a: Path, b: Path) -> None:
    first, second = load_file(a), load_file(b)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_a_plain_network_learns_the_digits(tmp_path):
    network = chain(Conv2d(16), BatchNorm2d(), ReLU(), MaxPool2d(), Conv2d(32), BatchNorm2d(), ReLU(), MaxPool2d(), Flatten(), Linear(10))
    candidate = Candidate(0, network, 0, tmp_path / "weights.safetensors")
    assert analyse(network).params <= 20_000
    metrics = Train().evaluate(candidate, go_on)
    assert metrics.keys() == {"error", "loss", "balanced_error"}
    assert metrics["error"] <= 0.02
    assert Train().test(candidate)["error"] <= 0.015


def test_every_epoch_is_reported():
    curve = []
    metrics = Train(epochs=3, lr=0.01).evaluate(Candidate(0, SMALL, 0), lambda epoch, values: bool(curve.append((epoch, values))))
    assert [epoch for epoch, _ in curve] == [0, 1, 2]
    assert all(values.keys() == {"train_loss", "loss", "error", "balanced_error", "lr"} for _, values in curve)
    assert curve[2][1]["train_loss"] < curve[0][1]["train_loss"]
    assert 0.01 >= curve[0][1]["lr"] > curve[1][1]["lr"] > curve[2][1]["lr"] > 0
    assert metrics == {name: curve[-1][1][name] for name in ("error", "loss", "balanced_error")}


def test_a_report_can_stop_the_training(tmp_path):
    epochs = []
    candidate = Candidate(0, SMALL, 0, tmp_path / "w.safetensors")
    Train(epochs=9).evaluate(candidate, lambda epoch, values: bool(epochs.append(epoch)) or epoch == 1)
    assert epochs == [0, 1]
    assert candidate.weights.is_file()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_equal_seeds_give_equal_bits_whatever_ran_before(tmp_path, optimizer):
    train = dataclasses.replace(QUICK, optimizer=optimizer, lr=0.01, shift=0.13)
    first, second, other = (Candidate(0, SMALL, seed, tmp_path / name) for name, seed in (("a", 7), ("b", 7), ("c", 8)))
    metrics = train.evaluate(first, go_on)
    torch.manual_seed(123)
    np.random.default_rng().random()
    torch.rand(1000)
    train.evaluate(other, go_on)
    state = torch.get_rng_state()
    assert train.evaluate(second, go_on) == metrics
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_bits(first.weights, second.weights)
    with pytest.raises(AssertionError, match="bias"):
        assert_same_bits(first.weights, other.weights)


def test_another_process_gives_equal_bits(tmp_path):
    here, there = Candidate(0, SMALL, 5, tmp_path / "here"), tmp_path / "there"
    QUICK.evaluate(here, go_on)
    code = (
        "import sys, pathlib, torch; torch.set_num_threads(1)\n"
        "from archsearch import Genotype\nfrom archsearch.evaluators.train import Train\nfrom archsearch.evaluators.base import Candidate\n"
        "Train(epochs=2).evaluate(Candidate(0, Genotype.from_json(sys.stdin.read()), 5, pathlib.Path(sys.argv[1])), lambda *_: False)"
    )
    assert run_python("-c", code, str(there), input=SMALL.to_json()).returncode == 0
    assert_same_bits(here.weights, there)


def test_a_loss_that_explodes_ends_the_trial_at_once():
    reported = []
    network = chain(Conv2d(8), ReLU(), Conv2d(8), ReLU(), Flatten(), Linear(10))
    with pytest.raises(EvaluationError, match=r"loss is .*, guessing gives 2.3; a lower lr or batch norm may help") as raised:
        Train(optimizer="sgd", lr=900, warmup=0).evaluate(Candidate(0, network, 0), lambda epoch, values: bool(reported.append(epoch)))
    assert raised.value.failure.kind == "diverged"
    assert reported == []


def test_latency_is_measured_only_where_it_is_limited():
    metrics = QUICK.evaluate(Candidate(0, SMALL, 0, max_latency_ms=1000), go_on)
    assert metrics.keys() == {"error", "loss", "balanced_error", "latency_ms", "latency_spread_ms"}
    assert 0 < metrics["latency_ms"] < 1000


def test_a_slow_network_is_rejected_before_it_is_trained(tmp_path):
    candidate = Candidate(0, SMALL, 0, tmp_path / "w", max_latency_ms=1e-6)
    with pytest.raises(EvaluationError, match=r"one forward pass takes .* ms, the limit is 1e-06 ms") as raised:
        QUICK.evaluate(candidate, lambda *_: pytest.fail("it was trained"))
    assert raised.value.failure.kind == "rejected"
    assert not candidate.weights.exists()


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (chain(Flatten(), Linear(9)), r"maps \(1, 8, 8\) to \(9,\), data 'digits' need \(1, 8, 8\) to \(10,\)"),
        (chain(GlobalAvgPool2d(), Flatten(), Linear(10), shape=(3, 8, 8)), r"maps \(3, 8, 8\) to \(10,\)"),
    ],
)
def test_a_network_for_other_data_is_rejected(network, words):
    with pytest.raises(EvaluationError, match=words):
        QUICK.evaluate(Candidate(0, network, 0), go_on)


def test_weights_are_written_whole_and_give_the_same_answers(tmp_path):
    candidate = Candidate(0, SMALL, 0, tmp_path / "deep" / "w.safetensors")
    QUICK.evaluate(candidate, go_on)
    assert [path.name for path in candidate.weights.parent.iterdir()] == ["w.safetensors"]
    data, network = load_data("digits", 0), compile_network(SMALL).eval()
    network.load_state_dict(load_file(candidate.weights))
    pixels = (torch.tensor(data.test.images) - data.mean[0]) / data.std[0]
    error = (network(pixels).argmax(1).numpy() != data.test.labels).mean()
    assert QUICK.test(candidate)["error"] == pytest.approx(error)
    assert QUICK.test(dataclasses.replace(candidate, seed=99)) == QUICK.test(candidate)


def test_weights_that_cannot_be_used_get_one_line(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(ValueError, match=r"there are no weights in .*w.safetensors; evaluate the candidate first"):
        QUICK.test(Candidate(0, SMALL, 0, path))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"weights .*w.safetensors: cannot be read: .*give a .safetensors file"):
        QUICK.test(Candidate(0, SMALL, 0, path))
    QUICK.evaluate(Candidate(0, SMALL, 0, path), go_on)
    with pytest.raises(ValueError, match=r"weights .*w.safetensors: of another network: .* is .*, expected") as raised:
        QUICK.test(Candidate(0, chain(*(Conv2d(9) if isinstance(node.op, Conv2d) else node.op for node in SMALL.nodes)), 0, path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs=0 must be a whole number of at least 1"),
        ({"batch": 1}, "batch=1 must be a whole number of at least 2"),
        ({"epochs": 2.5}, "epochs=2.5 must be a whole number"),
        ({"batch": True}, "batch=True must be a whole number"),
        ({"optimizer": "adam"}, "optimizer='adam' is unknown; did you mean adamw"),
        ({"device": "gpu0"}, "device='gpu0' is unknown"),
        ({"lr": 0}, "lr=0 must be a number over 0 and under 1000"),
        ({"lr": float("nan")}, "lr=nan must be a number over 0"),
        ({"warmup": 1}, "warmup=1 must be a number from 0 up to, not with, 1"),
        ({"shift": 2}, "shift=2 must be a number from 0 up to, not with, 0.5"),
        ({"label_smoothing": "a bit"}, "label_smoothing='a bit' must be a number"),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises(ValueError, match=words):
        Train(**options)


def test_wrong_data_are_named_when_they_are_needed():
    with pytest.raises(ValueError, match="unknown data 'digitz'; did you mean digits"):
        Train(data="digitz").setting()


def test_what_the_data_ask_of_a_network_and_of_pixels():
    data = load_data("digits", 0)
    assert Train().setting() == {"input": (1, 8, 8), "classes": 10}
    assert Train().describe().preprocessing() == {"mean": list(data.mean), "std": list(data.std), "classes": list("0123456789")}


def test_small_colour_images_with_mirrors_and_a_batch_larger_than_the_data(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    np.savez(tmp_path / "c.npz", images=(rng.random((60, 5, 7, 3)) * 0.2 + labels[:, None, None, None] * 0.7), labels=labels, flip=True)
    train = Train(data=str(tmp_path / "c.npz"), epochs=10, batch=512, shift=0.2)
    assert train.setting() == {"input": (3, 5, 7), "classes": 2}
    network = chain(Conv2d(4), BatchNorm2d(), ReLU(), GlobalAvgPool2d(), Flatten(), Linear(2), shape=(3, 5, 7))
    assert train.evaluate(Candidate(0, network, 0), go_on)["error"] == 0


@pytest.mark.parametrize("name", sorted(EVALUATORS))
def test_every_evaluator_is_a_frozen_dataclass_with_the_protocol(name):
    cls = load_evaluator(name)
    assert dataclasses.is_dataclass(cls)
    evaluator = cls()
    assert {"input", "classes"} <= evaluator.setting().keys()
    assert evaluator.batch >= 1
    analyse(SMALL, batch=evaluator.batch, optimizer=evaluator.optimizer)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        evaluator.batch = 1


def test_an_unknown_evaluator_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"unknown evaluator 'trian'; did you mean train\?"):
        load_evaluator("trian")


def test_the_names_of_evaluators_need_no_torch():
    code = "import sys, archsearch.evaluators.base, archsearch.evaluators as e; assert e.EVALUATORS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
