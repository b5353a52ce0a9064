"""Supernet searches: what they yield becomes trials within the budget, a run that is killed goes on exactly; pruning."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archsearch import Space, analyse, canonicalise, compile_network, load_space
from archsearch.analysis import Budget
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.runs.proposal import SearchError
from archsearch.runs.search import METHODS, load_method, resume, search
from archsearch.runs.standing import Standing
from archsearch.runs.store import Run, open_run
from archsearch.spaces.catalogue import Catalogue
from archsearch.supernets import SUPERNETS, Point, Setting, SupernetError, SupernetSearch, load_supernet_search
from archsearch.supernets.fabric import Fabric
from archsearch.supernets.prunable_fabric import FactorFabric, PrunableFabric
from archsearch.training.checkpoint import load_standing, save_standing
from archsearch.training.failures import CheckpointError
from archsearch.training.weights import load_weights
from archsearch.trial import Failure
from tests.evaluators import Formula
from tests.runs import assert_same_run, table

TREE = Path(__file__).parents[1]
TRAIN = Train(epochs=2, batch=256)


def small_fabric(**settings: object) -> Space:
    return load_space("fabric", **{"layers": 4, "scales": 2, "channels": (4,), "input": (1, 8, 8), "classes": 10, **settings})


def pruned(out: Path, supernet: SupernetSearch | None = None, **options: object) -> Run:
    options = {"objectives": ("error", "params"), "workers": 0, "trials": 30, **options}
    space = options.pop("space", None) or small_fabric()
    return search(space, supernet or Fabric(tune=1), options.pop("evaluator", TRAIN), out=out, **options)


@dataclass(frozen=True)
class Stopping:
    """Prunes, and is stopped when it has yielded so many points."""

    tune: int
    after: ClassVar[int] = 99

    def run(self, setting: Setting) -> Iterator[Point]:
        for point in Fabric(tune=self.tune).run(setting):
            if point.number == self.after:
                raise KeyboardInterrupt("stopped")
            yield point


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pruned(tmp_path_factory.mktemp("pruned") / "run")


# The joint


@pytest.mark.parametrize("name", SUPERNETS)
def test_every_supernet_is_found_by_its_name(name: str) -> None:
    made = load_method(name)()
    assert isinstance(made, SupernetSearch)
    assert load_supernet_search(name) is type(made) is load_method(name)
    assert name in METHODS


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown strategy 'fabrics'; did you mean fabric"):
        load_method("fabrics")


def test_every_step_is_a_trial_with_what_it_measured(run: Run) -> None:
    assert [trial.metrics["step"] for trial in run.trials] == list(range(len(run.trials)))
    assert len(run.trials) >= 4
    params = [trial.metrics["params"] for trial in run.trials]
    assert params == sorted(params, reverse=True)
    assert [len(trial.curve) for trial in run.trials] == [2] + [1] * (len(run.trials) - 1)
    for trial in run.trials:
        assert trial.metrics["params"] == analyse(run.genotype(trial.number)).params
        assert trial.curve[-1]["error"] == trial.metrics["error"]


def test_weights_of_the_front_are_those_that_were_measured(run: Run) -> None:
    for trial in run.front():
        candidate = Candidate(trial.number, run.genotype(trial.number), 0, run.weights(trial.number))
        assert run.tests[trial.number] == TRAIN.test(candidate)
        judge = replace(TRAIN, data_seed=0)
        network = load_weights(compile_network(candidate.genotype), candidate.weights)
        feed = judge.feed()
        with torch.inference_mode():
            network.eval()
            wrong = network(feed.normalised(feed.validation[0])).argmax(1) != feed.validation[1]
        assert wrong.float().mean().item() == pytest.approx(trial.metrics["error"])
    assert run.weights(0) is not None or run.trial(0) not in run.front()


def test_no_trial_is_over_the_budget_and_a_step_meets_it_closely(run: Run, tmp_path: Path) -> None:
    budget = Budget(params=2000)
    within = pruned(tmp_path / "within", budget=budget)
    assert max(trial.metrics["params"] for trial in within.trials) <= 2000
    assert within.refusals["over params"] == within.trials[0].metrics["step"] > 0
    edge = 4 * 4 * 9 + 8
    assert within.trials[0].metrics["params"] > 2000 - 3 * edge


def test_as_many_trials_as_were_asked_for_and_more_on_resume(run: Run, tmp_path: Path) -> None:
    few = pruned(tmp_path / "few", trials=2)
    assert [trial.metrics for trial in few.trials] == [trial.metrics for trial in run.trials[:2]]
    resume(tmp_path / "few", small_fabric(), Fabric(tune=1), TRAIN, trials=30)
    for name in ("trials", "curves", "refusals"):
        assert table(run.folder, name) == table(tmp_path / "few", name)


def test_refusals_are_counted_once_however_often_a_run_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(params=2000)
    whole = pruned(tmp_path / "whole", budget=budget)
    for name, wait in (("early", 1), ("late", 3)):
        monkeypatch.setattr(Stopping, "after", wait)
        with pytest.raises(KeyboardInterrupt, match="stopped"):
            pruned(tmp_path / name, Stopping(tune=1), budget=budget)
        monkeypatch.setattr(Stopping, "after", 99)
        resume(tmp_path / name, small_fabric(), Stopping(tune=1), TRAIN)
        for rows in ("trials", "refusals"):
            assert table(whole.folder, rows) == table(tmp_path / name, rows)


def test_a_finished_run_trains_no_more_on_resume(run: Run) -> None:
    before = [table(run.folder, name) for name in ("trials", "refusals")]
    resume(run.folder, small_fabric(), Fabric(tune=1), TRAIN)
    assert [table(run.folder, name) for name in ("trials", "refusals")] == before


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_exactly(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    for wait in (0, 3):
        process = subprocess.Popen([sys.executable, "-m", "tests.killable_supernet", str(out)], cwd=TREE)
        began = time.perf_counter()
        while process.poll() is None and not (out / "run.json").is_file() and time.perf_counter() - began < 60:
            time.sleep(0.02)
        while process.poll() is None and wait and trials_in(out) < wait and time.perf_counter() - began < 60:
            time.sleep(0.02)
        process.kill()
        process.wait()
    assert trials_in(out) < len(run.trials)
    resume(out, small_fabric(), Fabric(tune=1), TRAIN)
    assert_same_run(run.folder, out)
    for trial in run.front():
        ours, theirs = (load_file(run_.weights(trial.number)) for run_ in (run, open_run(out)))
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def trials_in(out: Path) -> int:
    return len(open_run(out).trials) if (out / "run.db").is_file() else 0


def test_what_a_supernet_cannot_train_with_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="a supernet trains with the data and options of the evaluator train; it was given Formula"):
        pruned(tmp_path / "a", evaluator=Formula())
    with pytest.raises(SearchError, match=r"a supernet heeds no ema=0\.99, which is for single networks; leave it out"):
        pruned(tmp_path / "a", evaluator=Train(epochs=1, ema=0.99))
    with pytest.raises(SearchError, match=r"space 'small_cell' is no fabric: choice 'channels' offers \[4, 8\]"):
        pruned(tmp_path / "b", space=load_space("small_cell"))
    with pytest.raises(SearchError, match=r"no network that the supernet came to met the budget; the closest had params \d+ \(limit 50\)"):
        pruned(tmp_path / "c", budget=Budget(params=50), evaluator=Train(epochs=1, batch=512))
    pruned(tmp_path / "c", evaluator=Train(epochs=1, batch=512), trials=1)  # what was taken back stands in nobody's way


def test_divergence_is_a_failure_and_nothing_is_lost(tmp_path: Path) -> None:
    wild = Train(epochs=2, batch=128, optimizer="sgd", lr=900.0, warmup=0.0)
    space = small_fabric(norm=False)
    run = pruned(tmp_path / "run", evaluator=wild, space=space)
    (trial,) = run.trials
    assert trial.failure is not None
    assert trial.failure.kind == "diverged"
    assert "loss is" in trial.failure.message


def test_a_checkpoint_is_read_back_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "supernet.safetensors"
    assert load_standing(path) is None
    save_standing(path, {"stage": 3, "curve": [{"error": 0.1}]}, {"a/b": torch.arange(3)})
    standing = load_standing(path)
    assert standing is not None
    assert standing.state == {"stage": 3, "curve": [{"error": 0.1}]}
    assert torch.equal(standing.tensors["a/b"], torch.arange(3))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckpointError, match=r"checkpoint .*supernet.safetensors: .*; delete it"):
        load_standing(path)


@pytest.mark.parametrize(
    ("state", "tensor", "words"),
    [
        ({"stage": -1}, {}, r'"stage" of its state must be a whole number'),
        ({"curve": [{"error": "0"}]}, {}, r'"curve" of its state must be a list'),
        ({"choices": {"nothing": 1}}, {}, "its choices are not those of this space"),
        ({}, {"network/stray": torch.zeros(2)}, r"weights of another network: 'stray' is \(2,\), expected no such name"),
        ({}, {"optimizer/99/step": torch.zeros(())}, "'99/step', which no weight of this network has"),
        ({}, {"optimizer/0/exp_avg": torch.zeros(1, dtype=torch.int8)}, "of weight 0 what AdamW does not"),
    ],
)
def test_a_checkpoint_that_is_whole_but_of_something_else_is_refused(
    state: dict[str, object], tensor: dict[str, torch.Tensor], words: str, tmp_path: Path
) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    setting = Setting(Catalogue(small_fabric(), 1, "adamw"), TRAIN, Budget(), 0, tmp_path / "s.safetensors", watch=stop)
    with pytest.raises(KeyboardInterrupt):
        next(iter(Fabric(tune=1).run(setting)))
    whole = load_standing(setting.checkpoint)
    assert whole is not None
    save_standing(setting.checkpoint, {**whole.state, **state}, {**whole.tensors, **tensor})
    with pytest.raises((CheckpointError, SupernetError), match=f"{words}.*; delete it"):
        next(iter(Fabric(tune=1).run(setting)))


def test_every_epoch_is_told_to_who_watches(tmp_path: Path) -> None:
    told: list[Standing] = []
    pruned(tmp_path / "run", Fabric(tune=2), trials=2, evaluator=Train(epochs=3, batch=256), progress=told.append)
    assert [(at.done, at.epoch) for at in told if not at.testing] == [
        (0, None), (0, (1, 3)), (0, (2, 3)), (0, (3, 3)), (1, None), (1, (1, 2)), (1, (2, 2)), (2, None)
    ]  # fmt: skip
    assert [(at.done, at.epoch) for at in told if at.testing] == [(2, None)] * told[-1].front


# Pruning


def test_the_weakest_edges_go_first_and_what_is_cut_off_goes_with_them(run: Run) -> None:
    for before, after in zip(run.trials, run.trials[1:], strict=False):
        gone = [name for name, kept in before.choices.items() if kept and not after.choices[name]]
        assert gone
        assert not [name for name, kept in after.choices.items() if kept and not before.choices[name]]
    names = {node.name for node in run.genotype(len(run.trials) - 1).nodes}
    dropped = [name for name, kept in run.trials[-1].choices.items() if not kept]
    assert not [node for node in names for edge in dropped if node.startswith(f"{edge}/")]


def test_strength_is_the_mean_squared_weight_of_the_convolution() -> None:
    space = small_fabric()
    names = list(space.options())
    genotype = canonicalise(space.resolve(dict.fromkeys(names, True), np.random.default_rng(0)).genotype)
    edges = PrunableFabric(genotype, names, 0, {})
    weight = edges.network.get_submodule(f"{names[0].replace('/', '.')}.conv").weight
    assert edges.strength(names[0]) == pytest.approx(weight.square().mean().item(), rel=1e-4)
    with torch.no_grad():
        weight.mul_(0.01)
    assert edges.weakest()[0] == names[0]
    norm = edges.network.get_submodule(edges.behind[f"{names[0]}/conv"].replace("/", "."))
    with torch.no_grad():
        norm.running_var.fill_(0.01**2 - norm.eps)  # as training leaves it: the norm undoes what makes the weights small
    assert edges.strength(names[0]) == pytest.approx((weight * 100).square().mean().item(), rel=1e-4)
    assert edges.weakest()[0] != names[0]


def test_gates_fall_to_zero_under_their_penalty_and_fold_into_the_weights() -> None:
    space = small_fabric(order="pre")
    names = list(space.options())
    genotype = canonicalise(space.resolve(dict.fromkeys(names, True), np.random.default_rng(0)).genotype)
    edges = FactorFabric(genotype, names, 0, {}, pull=2.0)
    for number, switch in enumerate(edges.switches.values()):
        switch.factor.data.fill_(0.5 + number)
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    gated, plain = edges.network.eval(), edges.plain().eval()
    with torch.inference_mode():
        torch.testing.assert_close(gated(x), plain(x))
    edges.draw(lr=0.5)
    order = list(edges.names)
    assert edges.weakest()[0] == order[0]
    assert edges.strength(order[0]) == 0
    assert edges.strength(order[2]) == 1.5


def test_gates_rank_edges_in_a_search(tmp_path: Path) -> None:
    run = pruned(tmp_path / "run", Fabric(tune=1, strength="gate"), trials=3, evaluator=Train(epochs=1, batch=256))
    assert len(run.trials) == 3
    assert run.tests


def test_a_limit_on_edges_is_met_at_once_and_what_has_more_is_no_result(run: Run, tmp_path: Path) -> None:
    most = [sum(map(bool, trial.choices.values())) for trial in run.trials][1] - 1
    limited = pruned(tmp_path / "run", Fabric(tune=1, edges=most))
    left = [sum(map(bool, trial.choices.values())) for trial in limited.trials]
    assert [trial.ok for trial in limited.trials] == [count <= most for count in left]
    assert most in left
    assert limited.trials[0].failure == Failure("rejected", f"{left[0]} edges are left, the limit is {most}")
    assert limited.front()


def test_other_forms_are_pruned_too(tmp_path: Path) -> None:
    space = small_fabric(mask="resnet", layers=4, scales=2)
    run = pruned(tmp_path / "run", space=space, evaluator=Train(epochs=1, batch=512))
    assert len({trial.metrics["macs"] for trial in run.trials}) == len(run.trials) >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tune": 0}, "tune=0 must be a whole number of at least 1"),
        ({"share": 0.0}, "share=0.0 must be over 0 and at most 1"),
        ({"floor": 1.5}, "floor=1.5 must be over 0 and at most 1"),
        ({"strength": "size"}, "strength='size' must be weight or gate"),
        ({"edges": -1}, "edges=-1 must be a whole number, 0 for no limit"),
        ({"pull": -1.0}, "pull=-1.0 at least 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fabric(**options)
