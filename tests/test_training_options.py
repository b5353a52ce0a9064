"""Every option of training has its effect, and of each effect exactly as much as it says."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from archsearch import Builder, Fidelity, compile_network
from archsearch.data import Part, load_data
from archsearch.evaluators.base import Candidate, Rung
from archsearch.evaluators.train import Train
from archsearch.ops import Flatten, Linear
from archsearch.tasks import Feed, measure
from archsearch.training.loop import Training
from archsearch.training.optimizer import cosine as schedule
from archsearch.training.weights import load_weights, save_weights

B = Builder((1, 8, 8))
LINEAR = B.genotype(B(Linear(10), B(Flatten(), B.input)))
PLAIN = Train(epochs=1, batch=1024, optimizer="sgd", lr=0.1, weight_decay=0.0, label_smoothing=0.0, warmup=0.0, shift=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trained(options: Train, batches: int = 1) -> tuple[float, list[Tensor], list[Tensor]]:
    """Mean loss of so many steps with a whole epoch as the batch, and the weights before and behind."""
    network, feed = compile_network(LINEAR), options.feed()
    training = Training(options, network, feed, generator())
    before = [weight.detach().clone() for weight in network.parameters()]
    loss = training.steps(batch_of(feed) * batches) / batches
    return loss, before, [weight.detach().clone() for weight in network.parameters()]


def batch_of(feed: Feed) -> list[tuple[Tensor, Tensor]]:
    return next(feed.epoch(len(feed), generator()))


def answers_and_truth(feed: Feed) -> tuple[Tensor, Tensor]:
    ((images, labels),) = batch_of(feed)
    return compile_network(LINEAR)(images), labels


# What is judged


@pytest.mark.parametrize(("final", "part"), [(False, "validation"), (True, "test")])
def test_evaluate_measures_on_the_validation_part_unless_the_search_is_over(final: bool, part: str, tmp_path: Path) -> None:
    train, weights = replace(PLAIN, batch=64, final=final), tmp_path / "w.safetensors"
    found = train.evaluate(Candidate(0, LINEAR, 0, weights), lambda *_: False)
    data, network = load_data("digits", 0), compile_network(LINEAR).eval()
    network.load_state_dict(load_file(weights))
    losses = {name: loss_on(network, getattr(data, name), train.feed()) for name in ("validation", "test")}
    assert abs(losses["validation"] - losses["test"]) > 1e-3
    assert found["loss"] == pytest.approx(losses[part], rel=1e-5)
    assert train.test(Candidate(0, LINEAR, 0, weights))["loss"] == pytest.approx(losses["test"], rel=1e-5)


@torch.inference_mode()
def loss_on(network: nn.Module, part: Part, feed: Feed) -> float:
    return float(functional.cross_entropy(network(feed.normalised(torch.tensor(part.images))), torch.tensor(part.labels)))


# What a step does


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_labels_are_smoothed_by_as_much_as_is_said(smoothing: float) -> None:
    options = replace(PLAIN, label_smoothing=smoothing)
    answers, labels = answers_and_truth(options.feed())
    expected = functional.cross_entropy(answers, labels, label_smoothing=smoothing)
    loss, before, behind = trained(options)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert (smoothing == 0) == (loss == pytest.approx(functional.cross_entropy(answers, labels).item(), rel=1e-5))
    network = compile_network(LINEAR)
    functional.cross_entropy(network(batch_of(options.feed())[0][0]), labels, label_smoothing=smoothing).backward()
    for weight, old, new in zip(network.parameters(), before, behind, strict=True):
        torch.testing.assert_close(old - new, 0.1 * weight.grad, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize(("optimizer", "share"), [("adamw", 1.0), ("sgd", 1.0), ("momentum", 1.9)])
def test_weights_decay_by_as_much_as_is_said(optimizer: str, share: float) -> None:
    """Nesterov's momentum of 0.9 counts a first gradient 1.9 times; biases do not decay."""
    options = replace(PLAIN, optimizer=optimizer)
    _, before, without = trained(options)
    _, _, decayed = trained(replace(options, weight_decay=0.5))
    for old, plain, shrunk in zip(before, without, decayed, strict=True):
        torch.testing.assert_close(plain - shrunk, (share * 0.1 * 0.5 if old.ndim > 1 else 0.0) * old, atol=1e-6, rtol=1e-4)
    assert before[0].abs().max() > 0.1


def test_momentum_goes_on_where_plain_descent_stands() -> None:
    _, before, sgd = trained(PLAIN, 3)
    _, _, momentum = trained(replace(PLAIN, optimizer="momentum"), 3)
    assert (momentum[0] - before[0]).norm() > 2 * (sgd[0] - before[0]).norm()


# The order of images


def numbered(train: Train) -> Feed:
    """The data with their own numbers for labels."""
    feed = train.feed()
    return replace(feed, train=(feed.train[0], torch.arange(len(feed))))


def order(feed: Feed, batch: int, drawn: torch.Generator) -> list[int]:
    return torch.cat([labels for batches in feed.epoch(batch, drawn) for _, labels in batches]).tolist()


def test_every_epoch_has_an_order_of_its_own_and_all_images_once() -> None:
    feed, drawn = numbered(PLAIN), generator()
    first, second = order(feed, len(feed), drawn), order(feed, len(feed), drawn)
    assert sorted(first) == sorted(second) == list(range(len(feed)))
    assert first != sorted(first)
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 20  # of about a thousand: as chance has it, one
    assert sum(a < b for a, b in pairwise(first)) < 0.6 * len(first)


def test_images_go_with_their_labels_and_an_incomplete_batch_waits() -> None:
    feed = numbered(PLAIN)
    seen = [pair for batches in feed.epoch(100, generator()) for pair in batches]
    assert [len(labels) for _, labels in seen] == [100] * (len(feed) // 100)
    assert len({*torch.cat([labels for _, labels in seen]).tolist()}) == 100 * len(seen)
    for images, labels in seen:
        torch.testing.assert_close(images, feed.normalised(feed.train[0][labels]))


# The learning rate


def test_the_rate_rises_in_a_line_and_falls_as_a_cosine() -> None:
    assert schedule(0, 0.25) == pytest.approx(0.01 / 0.26)
    assert schedule(0.125, 0.25) == pytest.approx(0.135 / 0.26)
    assert schedule(0.25, 0.25) == 1
    assert schedule(0.625, 0.25) == pytest.approx(0.5)
    assert schedule(1, 0.25) == pytest.approx(0)
    assert schedule(0, 0) == 1
    assert schedule(1 / 3, 0) == pytest.approx(0.75)


@pytest.mark.parametrize("warmup", [0.25, 0.5])
def test_the_first_step_is_as_small_as_the_warm_up_says(warmup: float) -> None:
    _, before, full = trained(PLAIN)
    _, _, small = trained(replace(PLAIN, warmup=warmup))
    for old, far, near in zip(before, full, small, strict=True):
        torch.testing.assert_close(near - old, (far - old) * 0.01 / (warmup + 0.01), atol=1e-7, rtol=1e-2)


def test_the_rate_that_an_epoch_reports_is_that_of_its_last_step() -> None:
    rates: list[float] = []
    train = replace(PLAIN, epochs=4, warmup=0.5)
    train.evaluate(Candidate(0, LINEAR, 0), lambda _, metrics: bool(rates.append(metrics["lr"])))
    assert rates == pytest.approx([0.1 * schedule(step / 4, 0.5) for step in range(4)])


@pytest.mark.parametrize(
    ("before", "warmup", "inherited", "begins"),
    [
        (1, 0.5, 0, 0.75),
        (3, 0.5, 0, 0.25),
        (3, 0.01, 0, 0.25),
        (0.4, 0.5, 0, 1),
        (0.4, 0.5, 0.4, 0.7),
        (1, 0.5, 1, 0.25),
        (3.5, 0.5, 0.8, 0.25),
    ],
)
def test_what_climbs_goes_on_at_a_rate_for_what_is_left(
    before: float, warmup: float, inherited: float, begins: float, tmp_path: Path
) -> None:
    start, rates = tmp_path / "start.safetensors", list[float]()
    save_weights(compile_network(LINEAR), start)
    candidate = Candidate(0, LINEAR, 0, rung=Rung("epochs", 4, before, start, inherited=inherited))
    replace(PLAIN, epochs=4, warmup=warmup).evaluate(candidate, lambda _, metrics: bool(rates.append(metrics["lr"])))
    left, briefly = (4 - int(before), min(0.05, warmup)) if before >= 1 else (4, warmup)
    assert rates == pytest.approx([0.1 * begins * schedule(step / left, briefly) for step in range(left)])


# How long a training is, and by how much it is judged


def images_of(folder: Path, train: int, val: int = 60, side: int = 2) -> str:
    """A file with so many images of two classes to train on and to judge by."""
    rng, arrays = np.random.default_rng(0), {}
    for part, count in (("train", train), ("val", val), ("test", 60)):
        arrays[f"{part}_labels"] = labels = (np.arange(count) % 2).astype(np.uint8)
        arrays[f"{part}_images"] = rng.integers(0, 128, (count, side, side), dtype=np.uint8) + 100 * labels[:, None, None]
    np.savez(folder / "images.npz", **arrays)
    return str(folder / "images.npz")


@pytest.mark.parametrize(
    ("images", "trials", "epochs", "rungs", "rates"),
    [
        (1_078, 64, 25, (8, 25), (0.02, 0.02)),  # as many as the digits have
        (300, 64, 25, (), (0.02,)),
        (48_000, 64, 12, (0.104, 0.507, 2, 12), (0.02, 0.02, 0.0115, 0.0047)),
        (48_000, 40, 12, (0.148, 1, 12), (0.02, 0.0163, 0.0047)),
        (48_000, 6, 12, (1, 12), (0.0163, 0.0047)),
        (48_000, 5, 12, (), (0.0047,)),
        (700_000, 64, 1, (0.007, 0.037, 0.193, 1), (0.02, 0.02, 0.0097, 0.0043)),
    ],
)
def test_left_alone_a_search_begins_with_some_thousand_images_and_ends_with_many(
    images: int, trials: int, epochs: int, rungs: tuple[float, ...], rates: tuple[float, ...], tmp_path: Path
) -> None:
    whole, values = Train(data=images_of(tmp_path, images, side=1)).usual(trials)
    assert (whole.epochs, values, whole.lr, whole.shift) == (epochs, rungs, 0.02, 0.0)
    fidelity = Fidelity("epochs", values) if values else None
    on = [fidelity.of(whole, rung) for rung in range(len(values))] if fidelity else [whole]
    assert [judge.pace(round(images * min(1, judge.epochs))) for judge in on] == pytest.approx(rates, abs=6e-5)
    assert replace(whole, steady=0).pace(images) == 0.02


@pytest.mark.parametrize("given", [("lr",), ("steady", "shift"), ()])
def test_what_is_chosen_by_hand_stays(given: tuple[str, ...], tmp_path: Path) -> None:
    train = Train(data=images_of(tmp_path, 48_000, side=1), lr=0.3, steady=7, shift=0.1)
    whole, _ = train.usual(64, given)
    assert (whole.epochs, whole.lr) == (12, 0.3)
    assert whole.steady == (7 if given else 500)
    assert whole.shift == (0.1 if "shift" in given else 0.0)


@pytest.mark.parametrize("top", [False, True])
def test_on_a_lower_rung_some_images_say_who_climbs(top: bool, tmp_path: Path) -> None:
    train = Train(data=images_of(tmp_path, 400, val=2_503), epochs=2, batch=100, optimizer="sgd", lr=0.01)
    b = Builder((1, 2, 2))
    genotype, weights = b.genotype(b(Linear(2), b(Flatten(), b.input))), tmp_path / "weights.safetensors"
    found = train.evaluate(Candidate(0, genotype, 0, weights, rung=Rung("epochs", 2, top=top)), lambda *_: False)
    network, data = compile_network(genotype), train.feed()
    load_weights(network, weights)
    judging = data.validation if top else train.glance(data)
    assert len(judging[1]) == (2503 if top else 2001)
    assert found["error"] == measure(network, data, judging, 400)[0]["error"]


@pytest.mark.parametrize("stop", [False, True])
def test_epochs_before_the_last_are_judged_by_some_images_and_what_comes_out_by_all(stop: bool, tmp_path: Path) -> None:
    train = Train(data=images_of(tmp_path, 400, val=2_503), epochs=3, batch=100, optimizer="sgd", lr=0.01)
    b = Builder((1, 2, 2))
    genotype = b.genotype(b(Linear(2), b(Flatten(), b.input)))
    errors: list[float] = []

    def report(epoch: int, metrics: dict[str, float]) -> bool:
        errors.append(metrics["error"])
        return stop

    found = train.evaluate(Candidate(0, genotype, 0), report)["error"]
    glance = train.glance(train.feed())
    assert torch.bincount(glance[1]).tolist() == [1001, 1000]  # of every class as much, rounded up
    assert len(errors) == (1 if stop else 3)
    for error in errors if stop else errors[:-1]:
        assert error * 2_001 == pytest.approx(round(error * 2_001), abs=1e-3)
    assert found * 2_503 == pytest.approx(round(found * 2_503), abs=1e-3)
    assert stop or found == errors[-1]
