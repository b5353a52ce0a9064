"""Budgeted super networks: gradients by enumeration, gates that weigh loss against cost, networks that are what the gates say."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from archsearch import Builder, Genotype, Pick, Space, canonicalise, load_space
from archsearch.analysis import Budget
from archsearch.evaluators.train import Train
from archsearch.ops import Add, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU
from archsearch.runs.search import resume, search
from archsearch.runs.store import Run
from archsearch.spaces.catalogue import Catalogue
from archsearch.supernets import Setting, SupernetError
from archsearch.supernets.budgeted import GATES, Budgeted, likeliest
from archsearch.supernets.course import Course
from archsearch.supernets.edge_choices import supergraph_of_edges
from archsearch.supernets.gated_fabric import GatedFabric, GateTraining
from archsearch.supernets.policy import Bernoulli, HardConcrete
from archsearch.tasks.classification import Classification
from tests.runs import table

TRAIN = Train(epochs=4, batch=128)
QUICK = Budgeted(walk=(0.8, 0.5), warm=1, again=3, tune=1)


def small_fabric(**settings: object) -> Space:
    return load_space("fabric", **{"layers": 4, "scales": 3, "channels": (4,), "input": (1, 8, 8), "classes": 10, **settings})


def gated(space: Space, folder: Path, policy: type[Bernoulli] = Bernoulli, logit: float = 1.0) -> GatedFabric:
    supergraph = supergraph_of_edges(space)
    setting = Setting(Catalogue(space, 128, "adamw"), TRAIN, Budget(), 0, folder / "supernet.safetensors")
    return GatedFabric(Course(setting), supergraph, policy(len(supergraph.switches), logit, 0.1), 0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Gates


def test_the_gradient_is_that_of_full_enumeration() -> None:
    edges, policy = 6, Bernoulli(6, 0.0, 0.1)
    policy.logits.copy_(torch.linspace(-1.5, 2.0, edges))
    draws = torch.tensor(list(product((0.0, 1.0), repeat=edges)))
    rewards = torch.rand(len(draws), generator=generator()) + draws.sum(1).clamp(min=3)
    logits = policy.logits.clone().double().requires_grad_()
    open_ = torch.sigmoid(logits)
    chances = torch.where(draws > 0, open_, 1 - open_).prod(1)
    (exact,) = torch.autograd.grad((chances * rewards).sum(), logits)
    chances = chances.detach()
    found = torch.zeros(edges, dtype=torch.float64)
    for i, j in product(range(len(draws)), repeat=2):  # every batch of two: the estimate is unbiased, so its mean is exact
        pair = torch.stack([draws[i], draws[j]])
        found += chances[i] * chances[j] * policy.gradient(pair, torch.stack([rewards[i], rewards[j]]))
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-5)


def test_soft_gates_are_open_as_often_as_they_say() -> None:
    policy = HardConcrete(3, 0.0, 0.1)
    policy.logits.data.copy_(torch.tensor([-2.0, 0.0, 2.5]))
    draws = policy.draw(20_000, generator())
    assert draws.min() == 0
    assert draws.max() == 1
    torch.testing.assert_close((draws > 0).float().mean(0), policy.open(), atol=0.015, rtol=0)
    draws.sum().backward()
    assert policy.logits.grad is not None
    assert policy.logits.grad.min() > 0


def two_paths(pick: Pick) -> Genotype:
    """A cheap path that is always there and a dear one beside it."""
    b = Builder((1, 8, 8))
    x = b(Conv2d(4), b.input)
    cheap = b(BatchNorm2d(), b(Conv2d(4, 1), x))
    paths = [cheap]
    if pick("dear", [True, False]):
        with b.scope("dear"):
            paths.append(b(BatchNorm2d(), b(Conv2d(4, 3), x)))
    x = b(ReLU(), b(Add(), *paths) if len(paths) > 1 else cheap)
    return b.genotype(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), x))))


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_the_cheap_path_wins_exactly_when_price_times_saving_is_over_its_loss(factor: float, tmp_path: Path) -> None:
    more_loss = 0.2
    whole = gated(Space("two_paths", two_paths, {}), tmp_path, logit=3.0)
    costs = [float(whole.ratios(torch.tensor([[gate]]), {"macs": 1000.0})) for gate in (0.0, 1.0)]
    price = factor * more_loss / (costs[1] - costs[0])
    whole.policy.lr = 0.1
    whole.policy.restart()
    draws = generator()
    for _ in range(300):
        gates = whole.policy.draw(64, draws)
        losses = torch.where(gates[:, 0] > 0, 0.1, 0.1 + more_loss)
        excess = (whole.ratios(gates, {"macs": 1000.0}) - 1).clamp(min=0)
        whole.policy.learn(gates, losses + price * excess)
    assert (float(whole.policy.open()[0]) < 0.5) == (factor > 1)


@pytest.mark.parametrize("gates", ["bernoulli", "concrete"])
def test_gates_learn_nothing_from_the_steps_before_them(gates: str, tmp_path: Path) -> None:
    space = small_fabric(layers=3, scales=2)
    found = []
    for restored in (False, True):
        whole = gated(space, tmp_path, GATES[gates])
        phase = GateTraining(whole, TRAIN, {"macs": 1e5}, 1.0, warm=1)
        phase.epoch(generator())
        assert torch.equal(whole.policy.logits.detach(), torch.full((len(whole.edges),), 1.0))
        if restored:
            kept, whole = phase.tensors(), gated(space, tmp_path, GATES[gates])
            phase = GateTraining(whole, TRAIN, {"macs": 1e5}, 1.0, warm=1)
            phase.restore(kept, 1)
        phase.epoch(generator(1))
        found.append(whole.policy.logits.detach().clone())
    assert torch.equal(*found)
    assert not torch.equal(found[0], torch.full_like(found[0], 1.0))


class Indifferent(Classification):
    """A loss that is nought whatever the network answers."""

    def loss(self, answer: Tensor, truth: Tensor, smoothing: float) -> Tensor:
        return super().loss(answer, truth, smoothing) * 0


def test_under_the_limit_cost_is_free_and_never_a_reward(tmp_path: Path) -> None:
    space = small_fabric(layers=3, scales=2)
    whole = gated(space, tmp_path, logit=0.0)
    phase = GateTraining(whole, TRAIN, {"macs": 10.0 * whole_macs(space)}, 1.0, warm=0)
    phase.training.data = replace(phase.training.data, task=Indifferent(10))
    curve = phase.epoch(generator())
    assert curve["price"] == 0
    assert torch.equal(whole.policy.logits, torch.zeros(len(whole.edges)))


# Networks


@pytest.mark.parametrize("settings", [{}, {"order": "pre"}, {"mask": "gridnet", "scales": 2, "layers": 6, "input": (1, 16, 16)}])
def test_every_sample_gets_the_network_of_its_own_gates(settings: dict[str, object], tmp_path: Path) -> None:
    space = small_fabric(**settings)
    whole = gated(space, tmp_path)
    gates = whole.policy.draw(12, generator(1))
    x = torch.randn(12, *space.settings["input"], generator=generator())
    whole.network.train()
    with torch.no_grad():
        for _ in range(3):
            whole.set_gates(torch.ones_like(gates))
            whole.network(x)
    whole.network.eval()
    whole.set_gates(gates)
    catalogue, compared = whole.course.setting.catalogue, 0
    with torch.inference_mode():
        outputs = whole.network(x)
        costs = whole.supergraph.costs(whole.on(gates))
        for sample, row in enumerate(gates.tolist()):
            choices = {edge: bool(gate) for edge, gate in zip(whole.edges, row, strict=True)}
            if not whole.is_network(choices):
                continue
            entry = catalogue.look_up(choices, np.random.default_rng(0))
            network = whole.extract(entry.choices, catalogue.genotype(entry)).eval()
            torch.testing.assert_close(network(x[sample : sample + 1]), outputs[sample : sample + 1], rtol=1e-4, atol=1e-5)
            assert {name: costs[name][sample] for name in costs} == {name: entry.costs[name] for name in costs}
            compared += 1
    assert compared >= 3


def test_costs_that_are_no_sums_are_looked_up(tmp_path: Path) -> None:
    whole = gated(small_fabric(), tmp_path)
    gates = torch.ones(2, len(whole.edges))
    gates[1, whole.policy.draw(1, generator(1))[0] == 0] = 0
    entry = whole.course.setting.catalogue.look_up(dict.fromkeys(whole.edges, True), np.random.default_rng(0))
    ratios = whole.ratios(gates, {"memory_bytes": entry.costs["memory_bytes"], "macs": 2 * entry.costs["macs"]})
    assert ratios[0] == 1
    assert ratios[1] <= 1


def test_the_likeliest_network_keeps_the_limit_and_uses_it(tmp_path: Path) -> None:
    whole = gated(small_fabric(layers=5), tmp_path)
    whole.policy.logits.copy_(torch.randn(len(whole.edges), generator=generator()) + 2)
    limit = {"params": 0.6 * float(whole.supergraph.costs(whole.on(torch.ones(1, len(whole.edges))))["params"][0])}
    choices = likeliest(whole, limit, fill=True)
    assert 0.95 < whole.ratio(choices, limit) <= 1
    assert whole.ratio(likeliest(whole, {"params": 1e9}, fill=False), limit) > 1
    assert whole.is_network(choices)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": "unet", "input": (1, 32, 32)}, "choice 'layer1/scale2/from0_2' is not called like a scope of the network"),
        ({"mask": "msdnet", "exits": (2, 4), "input": (3, 32, 32)}, "is not what its options bring one by one; a supernet cannot hold"),
    ],
)
def test_spaces_that_a_mixture_cannot_hold_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SupernetError, match=message):
        supergraph_of_edges(load_space("fabric", **settings))


# Runs


def walked(out: Path, supernet: Budgeted = QUICK, **options: object) -> Run:
    return search(small_fabric(), supernet, TRAIN, out=out, **{"objectives": ("error", "macs"), "workers": 0, "trials": 9, **options})


def whole_macs(space: Space | None = None) -> int:
    space = space or small_fabric()
    genotype = canonicalise(space.resolve(dict.fromkeys(space.options(), True), np.random.default_rng(0)).genotype)
    return sum(fact.cost.macs for fact in genotype.facts)


@pytest.mark.slow
def test_limits_are_walked_and_kept_and_a_run_goes_on_exactly(tmp_path: Path) -> None:
    limit = int(0.6 * whole_macs())
    run = walked(tmp_path / "whole", budget=Budget(macs=limit))
    macs = [trial.metrics["macs"] for trial in run.trials]
    assert len(macs) == 2
    for share, found in zip(QUICK.walk, macs, strict=True):
        assert 0.85 * share * limit <= found <= share * limit
    assert {"ratio", "price", "open"} <= run.trials[0].curve[0].keys()
    walked(tmp_path / "half", budget=Budget(macs=limit), trials=1)
    resume(tmp_path / "half", small_fabric(), QUICK, TRAIN, trials=9)
    for name in ("trials", "curves", "refusals"):
        assert table(run.folder, name) == table(tmp_path / "half", name)


def test_an_epoch_of_many_steps_is_not_taken_for_a_loss_that_exploded(tmp_path: Path) -> None:
    train = Train(epochs=1, batch=2)
    options = {"objectives": ("error", "macs"), "trials": 1, "workers": 0}
    run = search(small_fabric(layers=2, scales=2), Budgeted(walk=(1.0,), warm=0, again=1, tune=1), train, out=tmp_path / "run", **options)
    assert run.trials[0].ok


@pytest.mark.slow
@pytest.mark.parametrize("gates", ["bernoulli", "concrete"])
def test_the_cost_that_is_reached_is_within_five_percent_of_the_budget(gates: str, tmp_path: Path) -> None:
    train = Train(epochs=10)
    space = load_space("fabric", layers=5, scales=3, channels=(8,), input=(1, 8, 8), classes=10)
    supernet, budget = Budgeted(walk=(1.0,), gates=gates), Budget(macs=250_000)
    run = search(space, supernet, train, objectives=("error", "macs"), budget=budget, out=tmp_path / "run", workers=0)
    (trial,) = run.trials
    assert 0.95 * 250_000 <= trial.metrics["macs"] <= 250_000
    assert trial.metrics["error"] < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"walk": (0.5, 0.7)}, r"walk=\(0.5, 0.7\) must be shares of the limit, over 0 and at most 1, none larger than the one before"),
        ({"warm": -1}, "warm=-1 must be a whole number of at least 0"),
        ({"speed": 0.0}, "speed=0.0 must be over 0"),
        ({"dual": -1.0}, "dual=-1.0 and price=0.0 must be at least 0"),
        ({"gates": "soft"}, "gates='soft' is unknown"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Budgeted(**options)
