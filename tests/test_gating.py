"""Gates in training: what smoothing of labels and warm-up change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from archsearch import load_space
from archsearch.analysis import Budget
from archsearch.evaluators.train import Train
from archsearch.spaces.catalogue import Catalogue
from archsearch.supernets.base import Setting
from archsearch.supernets.course import Course
from archsearch.supernets.edge_choices import supergraph_of_edges
from archsearch.supernets.gated_fabric import GatedFabric, GateTraining
from archsearch.supernets.policy import Bernoulli


def gating(folder: Path, warm: int = 0, **options: float) -> GateTraining:
    space = load_space("fabric", layers=3, scales=2, channels=(4,), input=(1, 8, 8), classes=10)
    train = replace(Train(epochs=2, batch=256, lr=0.01), **options)
    course = Course(Setting(Catalogue(space, 1, "adamw"), train, Budget(), 0, folder / "s.safetensors"))
    supergraph = supergraph_of_edges(space)
    gated = GatedFabric(course, supergraph, Bernoulli(len(supergraph.switches), 0.0, 0.1), 0)
    return GateTraining(gated, train, {"macs": 1000.0}, 1.0, warm)


def test_smoothed_labels_are_what_the_losses_are_of(tmp_path: Path) -> None:
    outputs = torch.tensor([[4.0, *[0.0] * 9], [0.0, 4.0, *[0.0] * 8]])
    truths = torch.tensor([0, 0])
    for smoothing in (0.0, 0.2):
        found = gating(tmp_path, label_smoothing=smoothing).losses(outputs, truths)
        logs = outputs.log_softmax(1)
        torch.testing.assert_close(found, -(1 - smoothing) * logs[:, 0] - smoothing * logs.mean(1))


def test_the_learning_rate_climbs_as_long_as_warm_up_lasts(tmp_path: Path) -> None:
    rates = {}
    for warmup in (0.0, 0.5):
        phase, generator = gating(tmp_path, warmup=warmup), torch.Generator().manual_seed(0)
        seen = []
        phase.training.optimizer.register_step_pre_hook(lambda optimizer, *_, seen=seen: seen.append(optimizer.param_groups[0]["lr"]))
        for _ in range(phase.epochs):
            phase.epoch(generator)
        rates[warmup] = seen
    assert rates[0.0] == sorted(rates[0.0], reverse=True)
    top = rates[0.5].index(max(rates[0.5]))
    assert abs(top - len(rates[0.5]) / 2) <= 1
    assert rates[0.5][: top + 1] == sorted(rates[0.5][: top + 1])


def test_gates_and_price_stay_while_weights_warm_up(tmp_path: Path) -> None:
    phase, generator = gating(tmp_path, warm=1), torch.Generator().manual_seed(0)
    before, weights = phase.gated.policy.open().clone(), [weight.detach().clone() for weight in phase.gated.network.parameters()]
    phase.epoch(generator)
    assert torch.equal(phase.gated.policy.open(), before)
    assert phase.gated.price == 0
    assert any(not torch.equal(weight, now) for weight, now in zip(weights, phase.gated.network.parameters(), strict=True))
    phase.epoch(generator)
    assert not torch.equal(phase.gated.policy.open(), before)
    assert phase.gated.price > 0
