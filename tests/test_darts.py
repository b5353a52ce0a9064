"""Differentiable search: supergraphs found without the space's help, gradients of both orders, and what is made of the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import functional_call

from archsearch import Choices, Space, load_space
from archsearch.analysis import Budget
from archsearch.evaluators.train import Train
from archsearch.runs.search import resume, search
from archsearch.spaces.catalogue import Catalogue
from archsearch.supernets import Setting, SupernetError
from archsearch.supernets.course import Course
from archsearch.supernets.darts import Darts, Derivation, skip_share, supergraph_of
from archsearch.supernets.op_choices import supergraph_of_ops
from archsearch.supernets.relaxation import Bilevel, Relaxation, halved
from archsearch.supernets.switch_modules import extracted
from archsearch.training.checkpoint import load_standing
from archsearch.trial import EvaluationError
from tests.runs import table

TRAIN = Train(epochs=2, batch=128, label_smoothing=0.0)
HELD: Choices = {"channels": 4}


def cell(**settings: object) -> Space:
    return load_space("cell", **{"cells": 2, "channels": 4, "input": (1, 8, 8), **settings})


def relaxation(space: Space, held: Choices, folder: Path, budget: Budget | None = None) -> Relaxation:
    setting = Setting(Catalogue(space, 128, "adamw"), TRAIN, budget or Budget(), 0, folder / "supernet.safetensors")
    options = {name: offered for name, offered in space.options().items() if name not in held}
    return Relaxation(Course(setting), supergraph_of(space, held), options, 0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(course: Course, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return next(iter(course.data.epoch(32, generator(seed))))[0]


# Supergraphs


def test_every_option_of_a_cell_is_found_in_every_cell() -> None:
    supergraph = supergraph_of_ops(cell(), {})
    assert len(supergraph.switches) == 6 * 4  # none brings nothing
    assert {len(names) for names in supergraph.switches.values()} == {3 * 2}
    assert supergraph.skips == {(name, "skip_connect") for name in cell().options()}
    assert not supergraph.spreads


@pytest.mark.parametrize(("space", "held"), [(cell(), {}), (load_space("small_cell"), HELD)], ids=["cell", "small_cell"])
def test_with_one_option_each_the_mixture_computes_what_the_network_does(space: Space, held: Choices, tmp_path: Path) -> None:
    whole = relaxation(space, held, tmp_path)
    x = torch.randn(4, 1, 8, 8, generator=generator())
    whole.network.train()
    with torch.no_grad():
        whole.set_weights(whole.weights())
        whole.network(torch.randn(32, 1, 8, 8, generator=generator(1)))
    whole.network.eval()
    catalogue = whole.course.setting.catalogue
    for probe in range(6):
        entry = catalogue.look_up(held, np.random.default_rng(probe))
        network = extracted(whole.supergraph, whole.network.state_dict(), entry.choices, catalogue.genotype(entry), 0).eval()
        chosen = [[float(option == entry.choices[name]) for option in offered] for name, offered in whole.options.items()]
        with torch.inference_mode():
            whole.set_weights(torch.tensor(chosen))
            torch.testing.assert_close(whole.network(x), network(x), rtol=1e-4, atol=1e-5)


def test_spaces_whose_choices_are_about_something_else_are_refused() -> None:
    with pytest.raises(SupernetError, match=r"'channels' of \[8, 4\] is not about an op on an edge, .* hold=channels=8"):
        supergraph_of_ops(load_space("small_cell"), {})
    with pytest.raises(SupernetError, match=r"space 'chain': choice 'activation' .* is not about an op on an edge"):
        supergraph_of_ops(load_space("chain"), {})
    with pytest.raises(SupernetError, match=r"hold=channels=5: space 'small_cell' offers \[4, 8\]; give NAME=VALUE of a choice"):
        Darts(hold=("channels=5",)).held(load_space("small_cell"))


# Gradients


def bilevel(whole: Relaxation, **options: bool) -> Bilevel:
    return Bilevel(whole, TRAIN, 0.3, options.get("second", False), options.get("sampled", False), (0, 2))


def test_the_first_order_is_the_slope_of_the_loss(tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    phase, sample = bilevel(whole), batch(whole.course)
    whole.network.double()
    sample = (sample[0].double(), sample[1])
    whole.scores.data = whole.scores.data.double()
    whole.network.train()
    slope = phase.slope(sample, generator())
    for row, column in ((0, 0), (3, 2), (5, 1)):
        losses = []
        for nudge in (1e-4, -1e-4):
            whole.scores.data[row, column] += nudge
            losses.append(phase.loss(sample, generator()).item())
            whole.scores.data[row, column] -= nudge
        assert slope[row, column].item() == pytest.approx((losses[0] - losses[1]) / 2e-4, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("sampled", [False, True], ids=["softmax", "gdas"])
def test_the_second_order_is_the_slope_behind_a_step_of_the_weights(sampled: bool, tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    phase, (sample, other), rate = bilevel(whole, sampled=sampled), (batch(whole.course), batch(whole.course, 1)), 0.05
    phase.nudge = 1e-5
    whole.network.double().train()
    whole.scores.data = whole.scores.data.double()
    sample, other = ((x.double(), y) for x, y in (sample, other))
    before = {name: value.clone() for name, value in whole.network.state_dict().items()}
    found = phase.unrolled(sample, other, rate, generator())
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    weights = dict(whole.network.named_parameters())
    whole.set_weights(phase.drawn(generator()) if sampled else whole.weights())  # one draw for both losses
    smoothing = TRAIN.label_smoothing
    loss = phase.training.data.task.loss(functional_call(whole.network, weights, (sample[0],)), sample[1], smoothing)
    steps = torch.autograd.grad(loss, list(weights.values()), create_graph=True, allow_unused=True)
    ahead = {name: w if step is None else w - rate * step for (name, w), step in zip(weights.items(), steps, strict=True)}
    behind = phase.training.data.task.loss(functional_call(whole.network, ahead, (other[0],)), other[1], smoothing)
    (exact,) = torch.autograd.grad(behind, [whole.scores])
    first = phase.slope(other, generator())
    assert (found - exact).norm() < 0.02 * exact.norm()
    assert (found - exact).norm() < 0.2 * (first - exact).norm()


class Scaled(torch.nn.Module):
    """A network, and dropout behind it."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(self.network(x), 0.5, self.training)


def test_the_second_order_draws_the_same_dropout_in_all_losses(tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    whole.network = Scaled(whole.network).double().train()
    whole.scores.data = whole.scores.data.double()
    phase, (sample, other) = bilevel(whole), (batch(whole.course), batch(whole.course, 1))
    sample, other = ((x.double(), y) for x, y in (sample, other))
    found = []
    for nudge in (1e-5, 1e-7):
        phase.nudge = nudge
        torch.manual_seed(3)
        found.append(phase.unrolled(sample, other, 0.05, generator()))
    torch.testing.assert_close(*found, rtol=0.02, atol=1e-4)  # other masks would make it noise over the nudge


def test_scores_move_with_the_half_that_is_not_for_the_weights(tmp_path: Path) -> None:
    def scores(sample: int, other: int) -> torch.Tensor:
        whole = relaxation(load_space("small_cell"), HELD, tmp_path)
        whole.network.train()
        bilevel(whole).step(batch(whole.course, sample), batch(whole.course, other), generator())
        return whole.scores.detach()

    assert (scores(0, 1) != 0).any(1).all()
    assert torch.equal(scores(0, 1), scores(2, 1))
    assert not torch.equal(scores(0, 1), scores(0, 2))
    phase = bilevel(relaxation(load_space("small_cell"), HELD, tmp_path))
    images, truth = phase.judging.train
    phase.judging = replace(phase.judging, train=(images * torch.nan, truth))
    with pytest.raises(EvaluationError, match="loss is nan"):
        phase.epoch(generator())


def test_what_the_optimisers_remember_lasts_from_part_to_part(tmp_path: Path) -> None:
    found = []
    for stopped in (None, 0, 1):
        whole = relaxation(load_space("small_cell"), HELD, tmp_path)
        phase = bilevel(whole)
        for epoch in (0, 1):
            phase.part = (epoch, epoch + 1)
            phase.epoch(generator(epoch))
            if stopped == epoch:
                kept = phase.tensors()
                whole = relaxation(load_space("small_cell"), HELD, tmp_path)
                phase = bilevel(whole)
                phase.part = (epoch, epoch + 1)
                phase.restore(kept, 1)
        found.append(phase.tensors())
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    once = bilevel(whole)
    assert once.epochs == 2
    for epoch in (0, 1):
        once.epoch(generator(epoch))
    for tensors in found:
        assert tensors.keys() == once.tensors().keys()
        for name, value in once.tensors().items():
            assert torch.equal(value, tensors[name]), name
    assert any(name.startswith("learner/") for name in found[0])


def test_a_drawn_option_stands_alone_and_all_scores_learn(tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    phase = bilevel(whole, sampled=True)
    drawn = phase.drawn(generator())
    assert set(drawn.detach().unique().round(decimals=5).tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.detach().sum(1), torch.ones(6))
    whole.network.train()
    assert (phase.slope(batch(whole.course), generator()) != 0).any(1).all()


@pytest.mark.parametrize(("done", "heat"), [(0.0, 10.0), (0.5, 1.0), (1.0, 0.1)])
def test_a_draw_has_the_slope_of_a_softmax_that_cools_from_10_to_a_tenth(done: float, heat: float, tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    phase = bilevel(whole, sampled=True)
    phase.training.step = round(done * phase.training.total)
    whole.scores.data = torch.linspace(-1, 1, whole.scores.numel()).view_as(whole.scores)
    towards = torch.randn(whole.scores.shape, generator=generator(1))
    (slope,) = torch.autograd.grad((phase.drawn(generator()) * towards).sum(), [whole.scores])
    noise = -(-torch.rand(whole.scores.shape, generator=generator()).log()).log()
    soft = torch.softmax((whole.scores + noise) / heat, 1)  # Gumbel softmax, arXiv:1611.01144
    (expected,) = torch.autograd.grad((soft * towards).sum(), [whole.scores])
    torch.testing.assert_close(slope, expected, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("done", [0.0, 1.0])
def test_options_are_drawn_as_often_as_their_scores_say_however_hot(done: float, tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    phase, draws = bilevel(whole, sampled=True), generator()
    phase.training.step = round(done * phase.training.total)
    whole.scores.data[:, 0] = 1.5
    share = torch.stack([phase.drawn(draws).detach() for _ in range(600)]).mean(0)
    torch.testing.assert_close(share, whole.weights().detach(), atol=0.08, rtol=0)


def test_labels_are_smoothed_for_weights_and_scores(tmp_path: Path) -> None:
    whole = relaxation(load_space("small_cell"), HELD, tmp_path)
    phase, sample = Bilevel(whole, replace(TRAIN, label_smoothing=0.4), 0.3, False, False, (0, 2)), batch(whole.course)
    whole.network.eval()
    loss = phase.loss(sample, generator()).item()
    answers = whole.network(sample[0])
    assert loss == pytest.approx(torch.nn.functional.cross_entropy(answers, sample[1], label_smoothing=0.4).item(), rel=1e-5)
    assert loss != pytest.approx(torch.nn.functional.cross_entropy(answers, sample[1]).item(), rel=1e-3)


def test_weights_and_scores_learn_from_different_images(tmp_path: Path) -> None:
    course = relaxation(load_space("small_cell"), HELD, tmp_path).course
    first, second = halved(course.data, 0)
    assert len(first) + len(second) == len(course.data)
    images = [{image.numpy().tobytes() for image in part.train[0]} for part in (first, second)]
    assert not images[0] & images[1]


# Networks


def scored(whole: Relaxation, **scores: float) -> Relaxation:
    for row, offered in enumerate(whole.options.values()):
        for column, option in enumerate(offered):
            whole.scores.data[row, column] = scores.get(str(option), 0.0) + 0.01 * row * (option == "skip")
    return whole


def test_the_options_of_most_weight_are_taken_but_not_too_many_skips(tmp_path: Path) -> None:
    whole = scored(relaxation(load_space("small_cell"), HELD, tmp_path), none=5.0, skip=3.0, conv=1.0)
    setting = whole.course.setting
    assert skip_share(whole) == 1
    uncapped = Derivation(whole, setting, HELD, skips=1.0).choices()
    assert [option for name, option in uncapped.items() if name != "channels"] == ["skip"] * 6
    capped = Derivation(whole, setting, HELD, skips=0.5).choices()
    assert [capped[name] for name in whole.options] == ["conv"] * 3 + ["skip"] * 3


def test_a_budget_is_met_by_the_options_that_give_up_least(tmp_path: Path) -> None:
    whole = scored(relaxation(load_space("small_cell"), HELD, tmp_path), conv=2.0, skip=1.0)
    full = Derivation(whole, whole.course.setting, HELD, skips=1.0).choices()
    catalogue = whole.course.setting.catalogue
    limit = int(0.7 * catalogue.look_up(full, np.random.default_rng(0)).costs["macs"])
    setting = Setting(catalogue, TRAIN, Budget(macs=limit), 0, tmp_path / "none")
    within = Derivation(whole, setting, HELD, skips=1.0).choices()
    assert catalogue.look_up(within, np.random.default_rng(0)).costs["macs"] <= limit
    assert [within[name] for name in whole.options].count("conv") >= 3


@pytest.mark.parametrize("name", ["small_cell", "fabric"])
def test_a_run_goes_on_exactly_and_says_whether_it_collapsed(name: str, tmp_path: Path) -> None:
    settings = {"layers": 4, "scales": 2, "channels": (4,)} if name == "fabric" else {}
    space, supernet = load_space(name, **settings), Darts(points=2, tune=1, hold=("channels=4",) if name == "small_cell" else ())
    options = {"objectives": ("error", "macs"), "workers": 0}
    run = search(space, supernet, TRAIN, out=tmp_path / "whole", trials=5, **options)
    assert run.trials
    standing = load_standing(tmp_path / "whole" / "supernet.safetensors")
    assert standing is not None
    assert {name.split("/")[1] for name in standing.tensors if name.startswith("kept/")} == {"network", "scores", "optimizer", "learner"}
    assert all({"skip_share", "collapsed"} <= trial.metrics.keys() for trial in run.trials)
    assert {"train_loss", "certainty"} <= run.trials[0].curve[0].keys()
    search(space, supernet, TRAIN, out=tmp_path / "half", trials=1, **options)
    resume(tmp_path / "half", space, supernet, TRAIN, trials=5)
    for rows in ("trials", "curves", "refusals"):
        assert table(run.folder, rows) == table(tmp_path / "half", rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "third"}, "order='third' must be first or second, sampler='softmax' softmax or gdas"),
        ({"sampler": "dice"}, "sampler='dice' softmax or gdas"),
        ({"points": 0}, "points=0 must be a whole number of at least 1"),
        ({"speed": 0.0}, "speed=0.0 must be over 0"),
        ({"skips": 1.5}, "skips=1.5 must be a share from 0 to 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Darts(**options)
