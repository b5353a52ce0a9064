"""Supernets: training by single paths, its checkpoints, the evaluator that takes weights from them, and how far to trust it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archsearch import compile_network
from archsearch.analysis import Budget
from archsearch.analysis.budget import known_costs
from archsearch.cli import run
from archsearch.data import load_data
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.shared import Shared
from archsearch.evaluators.train import Train
from archsearch.evaluators.trust import agreement, check_supernet, verdict
from archsearch.network.passes import canonicalise
from archsearch.runs.search import search
from archsearch.runs.store import open_run
from archsearch.sharing import Bank, SharedWeights, SharingError, read_bank, read_supernet
from archsearch.sharing.folder import RECORD, write_checkpoint
from archsearch.sharing.single_path import Drawn, Paths, Sampler, train_supernet
from archsearch.spaces.space import load_space
from archsearch.strategies import Random
from archsearch.tasks.anytime import exit_macs
from archsearch.trial import EvaluationError

TREE = Path(__file__).parents[1]
SPACE = load_space("small_cell")
QUICK = Train(epochs=1)


def go_on(epoch: int, metrics: dict[str, float]) -> bool:
    return False


def sampler(budget: Budget | None = None) -> Sampler:
    return Sampler(SPACE, budget or Budget(), 64, "adamw")


def drawn(seed: int = 0) -> Drawn:
    return sampler().draw(np.random.default_rng(seed))


def candidate(seed: int = 0, weights: Path | None = None) -> Candidate:
    found = drawn(seed)
    return Candidate(0, found.genotype, 7, weights, choices=found.choices)


def assert_same_bits(a: Path, b: Path) -> None:
    first, second = load_file(a), load_file(b)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def assert_same_folder(a: Path, b: Path) -> None:
    names = sorted(path.name for path in a.iterdir())
    assert names == sorted(path.name for path in b.iterdir())
    assert (a / RECORD).read_text() == (b / RECORD).read_text()
    for name in names:
        if name != RECORD:
            assert_same_bits(a / name, b / name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("supernet") / "s"
    train_supernet(SPACE, QUICK, folder, epochs=6)
    return folder


def test_networks_are_drawn_within_the_budget_and_in_canonical_form():
    budget = Budget(params=5_000, macs=100_000)
    macs = set()
    for seed in range(20):
        found = sampler(budget).draw(np.random.default_rng(seed))
        costs = known_costs(found.genotype)
        assert not budget.overruns(costs)
        assert found.macs == costs["macs"]
        assert found.genotype == canonicalise(SPACE.resolve(found.choices, np.random.default_rng(0)).genotype)
        macs.add(found.macs)
    assert len(macs) > 3
    with pytest.raises(SharingError, match=r"1000 draws gave no network of space 'small_cell' within the budget; the last one: params"):
        sampler(Budget(params=1)).draw(np.random.default_rng(0))


def test_each_step_draws_by_its_number_alone():
    bank = Bank()
    first, second = (Paths(bank, sampler(), 3, 2, False) for _ in range(2))
    by_step = []
    for first.step in range(3):
        by_step.append([found.genotype for found in first.drawn()])
    second.step = 2
    assert [found.genotype for found in second.drawn()] == by_step[2]
    assert by_step[0] != by_step[1]


def test_the_sandwich_holds_both_ends_and_some_between():
    paths = Paths(Bank(), sampler(), 0, 4, True)
    rng = np.random.default_rng([0, 0, 0])
    macs = sorted(sampler().draw(rng).macs for _ in range(8))
    found = [network.macs for network in paths.drawn()]
    assert found[:2] == [macs[-1], macs[0]]
    assert set(found[2:]) <= set(macs[1:-1])
    assert len(paths(torch.rand(2, 1, 8, 8))) == 4


def test_a_step_changes_the_weights_of_its_networks_and_no_others(tmp_path):
    from archsearch.sharing.single_path import SinglePath, planned

    plan = planned(SPACE, QUICK, 2, Budget(), 1, False, 0)
    bank = Bank()
    single_path = SinglePath(plan, SPACE, bank)
    single_path.epoch(0)
    before = {key: [value.detach().clone() for value in module.parameters()] for key, module in bank.modules.items()}
    touched = set(bank.network(single_path.paths.drawn()[0].genotype).parameters())
    batches = next(iter(single_path.training.data.epoch(64, single_path.training.generator)))[:1]
    single_path.training.steps(batches)
    for key, values in before.items():
        for old, new in zip(values, bank.modules[key].parameters(), strict=True):
            assert torch.equal(old, new) == (new not in touched), key
    state = single_path.optimizer.state
    assert set(state) == {weight for weight in bank.parameters() if weight in state}
    assert {weight for weight in bank.parameters() if weight.grad is not None} == touched


def test_training_makes_networks_better_and_checkpoints_are_small(trained):
    found = read_supernet(trained)
    assert (found.done, len(found.curve)) == (6, 6)
    assert found.curve[-1]["train_loss"] < found.curve[0]["train_loss"] - 0.2
    assert sorted(path.name for path in trained.iterdir()) == [RECORD, "weights-00006.safetensors"]
    assert SharedWeights.from_json(found.to_json()) == found


@pytest.mark.parametrize("options", [{}, {"optimizer": "momentum", "lr": 0.1}, {"optimizer": "sgd", "lr": 0.1}], ids=str)
def test_a_stopped_training_goes_on_as_if_it_had_not(tmp_path, options):
    train = dataclasses.replace(QUICK, **options)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_supernet(SPACE, train, whole, epochs=3, paths=2)

    class StopError(Exception):
        pass

    def stop(at):
        if at.done == 2:
            raise StopError("enough")

    with pytest.raises(StopError, match="enough"):
        train_supernet(SPACE, train, parts, epochs=3, paths=2, progress=stop)
    assert len(list(parts.glob("optimizer-00002.*"))) == 1
    torch.rand(100)
    seen = []
    train_supernet(SPACE, train, parts, epochs=3, paths=2, progress=lambda at: seen.append(at.done))
    assert seen == [2, 3]
    assert_same_folder(whole, parts)


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_it_had_not(tmp_path):
    code = (
        "import sys, pathlib, torch; torch.set_num_threads(1)\n"
        "from archsearch.evaluators.train import Train\nfrom archsearch.spaces.space import load_space\n"
        "from archsearch.sharing.single_path import train_supernet\n"
        "train_supernet(load_space('small_cell'), Train(epochs=1), pathlib.Path(sys.argv[1]), epochs=8)"
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([sys.executable, "-c", code, str(whole)], check=True, cwd=TREE)
    for epochs in (2, 5):
        process = subprocess.Popen([sys.executable, "-c", code, str(killed)], cwd=TREE)
        while not (killed / RECORD).is_file() or read_supernet(killed).done < epochs:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", code, str(killed)], check=True, cwd=TREE)
    assert_same_folder(whole, killed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 7}, "epochs=6, now given 7; give the same, or choose another folder"),
        ({"seed": 1}, "seed=0, now given 1"),
        ({"budget": Budget(params=10**6)}, r"budget\.params=None, now given 1000000"),
        ({"train": Train(epochs=1, lr=0.01)}, r"training\.lr=0\.02, now given 0\.01"),
        ({"space": load_space("small_cell", classes=10, input=(1, 8, 9))}, r"settings\.input=\(1, 8, 8\), now given \(1, 8, 9\)"),
        ({"paths": 0}, "paths=0 at least 1"),
        ({"sandwich": True}, "paths=1 at least 2 with the sandwich rule"),
        ({"train": Train(final=True)}, "final=True would train on the images that networks are judged by"),
    ],
)
def test_another_call_does_not_go_on_with_a_folder(trained, change, words):
    given = {"space": SPACE, "train": QUICK, "out": trained, "epochs": 6, **change}
    with pytest.raises(SharingError, match=words) as raised:
        train_supernet(**given)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[:100], "not valid JSON at line"),
        (
            lambda text: text.replace("archsearch.shared_weights/1", "x"),
            r'/supernet\.json: its format is "x", expected an object of format "archsearch\.shared_weights/1"; it is another file,',
        ),
        (
            lambda text: text.replace('"epochs": 6', '"epochs": "6"'),
            r'/supernet\.json: "epochs" of the supernet must be a whole number of at least 1, got "6"$',
        ),
        (lambda text: text.replace('"sandwich"', '"sandwitch"'), r'/supernet\.json: the supernet has no "sandwich"$'),
        (
            lambda text: text.replace('"checked": []', '"checked": [3]'),
            r'"checked" of the supernet must be a list of entries that are each an object of choices, macs, shared, retrained, got',
        ),
        (
            lambda text: text.replace('"agreement": {}', '"agreement": {"tau": "high"}'),
            r'"agreement" of the supernet must be an object that holds by name what is each a number, got an object of 1$',
        ),
        (
            lambda text: text.replace('"done": 6', '"done": 5'),
            r'/supernet\.json: "curve" must have one entry for each epoch that is "done"$',
        ),
        (lambda text: text.replace('"seed": 0', '"seed": 1e400'), "1e400 is not allowed"),
        (lambda text: text.replace('"warmup"', '"warmop"'), '"training" of the supernet cannot be used'),
    ],
)
def test_a_damaged_record_gets_one_clear_line(trained, tmp_path, damage, words):
    shutil.copytree(trained, tmp_path / "s")
    file = tmp_path / "s" / RECORD
    file.write_text(damage(file.read_text()))
    with pytest.raises(SharingError, match=words) as raised:
        check_supernet(tmp_path / "s", 1)
    assert "\n" not in str(raised.value)


def test_weights_that_are_gone_or_damaged_get_one_line(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "s")
    weights = tmp_path / "s" / "weights-00006.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(SharingError, match=r"weights-00006\.safetensors cannot be read"):
        Shared(supernet=str(tmp_path / "s")).evaluate(candidate(), go_on)
    weights.unlink()
    with pytest.raises(SharingError, match=r"weights-00006\.safetensors cannot be read"):
        Shared(supernet=str(tmp_path / "s")).evaluate(candidate(), go_on)


def test_errors_with_shared_weights_do_not_depend_on_what_was_judged_before(trained, tmp_path):
    shared, curve = Shared(supernet=str(trained)), []
    first = shared.evaluate(candidate(0, tmp_path / "w"), lambda epoch, metrics: bool(curve.append((epoch, metrics))))
    others = [shared.evaluate(candidate(seed), go_on)["error"] for seed in range(1, 6)]
    assert shared.evaluate(candidate(0), go_on) == first
    assert first.keys() == {"error", "loss", "balanced_error", "untrained"}
    assert curve == [(0, {name: first[name] for name in ("error", "loss", "balanced_error")})]
    assert first["untrained"] == 0
    assert len({first["error"], *others}) > 2
    assert min(first["error"], *others) < 0.8
    data, network = load_data("digits", 0), compile_network(drawn(0).genotype).eval()
    network.load_state_dict(load_file(tmp_path / "w"))
    pixels = (torch.tensor(data.validation.images) - data.mean[0]) / data.std[0]
    assert (network(pixels).argmax(1).numpy() != data.validation.labels).mean() == pytest.approx(first["error"], abs=0.003)


def test_statistics_of_the_bank_are_not_trusted(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "s")
    from archsearch.sharing.file import save_tensors, weights_of

    bank = read_bank(trained, read_supernet(trained))
    for module in bank.modules.values():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.fill_(1e6)
    save_tensors(tmp_path / "s" / "weights-00006.safetensors", weights_of(bank))
    honest, spoilt = (Shared(supernet=str(folder)).evaluate(candidate(), go_on) for folder in (trained, tmp_path / "s"))
    assert honest == spoilt


def test_the_front_is_trained_from_scratch(trained, tmp_path):
    shared = Shared(supernet=str(trained), epochs=1)
    first, second = candidate(0, tmp_path / "shared"), candidate(0, tmp_path / "alone")
    shared.evaluate(first, go_on)
    Train(epochs=1).evaluate(second, go_on)
    assert shared.test(first) == Train(epochs=1).test(second)
    assert_same_bits(first.weights, second.weights)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"supernet": ""}, r"evaluator shared needs a supernet: train one by `archsearch supernet`, then set supernet=FOLDER"),
        (
            {"supernet": "nowhere"},
            r"^nowhere: it holds no supernet: there is no readable supernet\.json; train one by `archsearch supernet`$",
        ),
        ({"data_seed": 1}, "was trained with data_seed=0, now given 1; give the same, or train another"),
        ({"data": "shapes"}, "was trained with data=digits, now given shapes"),
    ],
)
def test_a_supernet_that_does_not_fit_is_refused(trained, options, words):
    shared = Shared(**{"supernet": str(trained), **options})
    with pytest.raises(SharingError, match=words):
        shared._read()


def test_a_supernet_on_its_way_is_refused(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "s")
    file = tmp_path / "s" / RECORD
    file.write_text(file.read_text().replace('"epochs": 6', '"epochs": 60'))
    with pytest.raises(SharingError, match="is trained for 6 of 60 epochs; the command that began it goes on"):
        Shared(supernet=str(tmp_path / "s")).evaluate(candidate(), go_on)


def test_a_space_that_has_changed_is_refused(tmp_path):
    file = tmp_path / "own.py"
    shutil.copy(TREE / "search_spaces" / "small_cell.py", file)
    train_supernet(load_space(str(file)), QUICK, tmp_path / "s", epochs=1)
    with file.open("a") as end:
        end.write("# more\n")
    with pytest.raises(SharingError, match=r"own\.py is not what the supernet was trained on; put it back"):
        Shared(supernet=str(tmp_path / "s"), space=str(file)).evaluate(candidate(), go_on)


def test_a_file_that_a_foreign_supernet_names_is_not_run(tmp_path):
    file, proof = tmp_path / "own.py", tmp_path / "run.txt"
    shutil.copy(TREE / "search_spaces" / "small_cell.py", file)
    train_supernet(load_space(str(file)), QUICK, tmp_path / "s", epochs=1)
    assert Shared(supernet=str(tmp_path / "s"), space=str(file)).evaluate(candidate(), go_on)["untrained"] < 1
    hostile = tmp_path / "hostile.py"
    hostile.write_text(f"open({str(proof)!r}, 'w').write('ran')\n{file.read_text()}")
    record = json.loads((tmp_path / "s" / RECORD).read_text())
    record |= {"space": str(hostile), "space_sha256": hashlib.sha256(hostile.read_bytes()).hexdigest()}
    (tmp_path / "s" / RECORD).write_text(json.dumps(record))
    with pytest.raises(SharingError, match=r"is of the space in .*hostile\.py; give that file as option space, if you trust it"):
        Shared(supernet=str(tmp_path / "s")).evaluate(candidate(), go_on)
    with pytest.raises(SharingError, match=r"own\.py is not what the supernet was trained on"):
        Shared(supernet=str(tmp_path / "s"), space=str(file)).evaluate(candidate(), go_on)
    assert not proof.exists()


def test_a_supernet_is_not_used_with_other_images_of_the_same_name(tmp_path):
    images, labels = np.random.default_rng(0).random((60, 8, 8)).astype(np.float32), np.arange(60) % 3
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    train, space = Train(data=str(tmp_path / "d.npz"), epochs=1), load_space("small_cell", classes=3)
    train_supernet(space, train, tmp_path / "s", epochs=1)
    shared = Shared(supernet=str(tmp_path / "s"), data=str(tmp_path / "d.npz"))
    assert shared.describe().fingerprint["training images"] == 36
    np.savez(tmp_path / "d.npz", images=images[::-1], labels=labels)
    with pytest.raises(SharingError, match=r"was trained on other data: other pixels; put them back, or train another"):
        shared.describe()
    with pytest.raises(SharingError, match=r"was begun with fingerprint\.pixels="):
        train_supernet(space, train, tmp_path / "s", epochs=1)


def test_a_supernet_of_an_earlier_version_had_no_options_for_sizes(tmp_path):
    train = dataclasses.replace(QUICK, epochs=1)
    train_supernet(SPACE, train, tmp_path, epochs=1)
    record = json.loads((tmp_path / RECORD).read_text())
    for name in ("size", "channels", "balanced"):
        del record["training"][name]
    (tmp_path / RECORD).write_text(json.dumps(record))
    train_supernet(SPACE, train, tmp_path, epochs=1)
    assert Shared(supernet=str(tmp_path)).describe().fingerprint
    with pytest.raises(SharingError, match="was trained with size=0, now given 9; give the same"):
        Shared(supernet=str(tmp_path), size=9).describe()
    with pytest.raises(SharingError, match=r"was begun with training\.size=0, now given 9"):
        train_supernet(SPACE, dataclasses.replace(train, size=9), tmp_path, epochs=1)


def test_networks_of_other_spaces_are_rejected(trained):
    shared = Shared(supernet=str(trained))
    other = load_space("chain").sample(np.random.default_rng(0))
    with pytest.raises(EvaluationError, match=r"is not of the supernet in .*, trained on space small_cell classes=10") as raised:
        shared.check(other.genotype)
    assert raised.value.failure.kind == "rejected"
    mixed = dataclasses.replace(candidate(0), choices=candidate(1).choices)
    with pytest.raises(EvaluationError, match="these choices give another network in what the supernet was trained on"):
        shared.evaluate(mixed, go_on)


def test_slow_networks_are_rejected(trained):
    slow = dataclasses.replace(candidate(), max_latency_ms=1e-6)
    with pytest.raises(EvaluationError, match="one forward pass takes"):
        Shared(supernet=str(trained)).evaluate(slow, go_on)
    assert Shared(supernet=str(trained)).evaluate(dataclasses.replace(slow, max_latency_ms=1e6), go_on)["latency_ms"] > 0


def test_it_takes_the_options_of_train_with_their_defaults():
    theirs = {option.name: option.default for option in dataclasses.fields(Train)}
    ours = {option.name: option.default for option in dataclasses.fields(Shared)}
    assert {name: ours[name] for name in theirs} == theirs
    with pytest.raises(ValueError, match="recalibrate=0 must be a whole number of at least 1"):
        Shared(recalibrate=0)
    with pytest.raises(ValueError, match="epochs=0 must be a whole number"):
        Shared(epochs=0)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_search_with_shared_weights_tests_retrained_networks(trained, tmp_path, workers):
    shared = Shared(supernet=str(trained), epochs=1)
    assert shared.setting() == {"classes": 10, "input": (1, 8, 8)}
    found = search(SPACE, Random(), shared, trials=6, seed=3, workers=workers, out=tmp_path / "run")
    front = found.front()
    assert all(trial.ok for trial in found.trials)
    assert found.tests.keys() == {trial.number for trial in front}
    genotype = found.genotype(front[0].number)
    seed = int(np.random.SeedSequence([3, front[0].number]).generate_state(1)[0])
    again = Candidate(0, genotype, seed, tmp_path / "again")
    Train(epochs=1).evaluate(again, go_on)
    assert_same_bits(again.weights, found.weights(front[0].number))
    assert Train(epochs=1).test(again) == found.tests[front[0].number]


@pytest.mark.parametrize(
    ("train", "settings", "measured"),
    [
        (Train(epochs=1), {"mask": "msdnet", "scales": 3, "exits": (2, 4)}, {"error_exit1", "anytime_error", "macs_exit2"}),
        (Train("shapes", epochs=1), {"mask": "unet", "scales": 3, "channels": (4,), "task": "segmentation"}, {"miou", "pixel_accuracy"}),
    ],
    ids=["any-time", "segmentation"],
)
def test_other_tasks_share_weights_too(tmp_path, train, settings, measured):
    space = load_space("fabric", **settings, **train.setting())
    train_supernet(space, train, tmp_path, epochs=1)
    found = Sampler(space, Budget(), 64, "adamw").draw(np.random.default_rng(0))
    shared = Shared(supernet=str(tmp_path), data=train.data)
    metrics = shared.evaluate(Candidate(0, found.genotype, 0, choices=found.choices), go_on)
    assert metrics.keys() >= measured
    assert set(metrics) <= set(shared.metrics) | set(exit_macs([1, 2]))


def test_agreement_of_orders():
    rng = np.random.default_rng(0)
    errors = rng.random(30)
    same = agreement(errors, errors * 2)
    assert same == pytest.approx({"count": 30, "tau": 1, "low": 1, "high": 1})
    assert agreement(errors, -errors)["tau"] == pytest.approx(-1)
    chance = agreement(errors, rng.random(30))
    assert chance["low"] < 0 < chance["high"]
    assert -0.5 < chance["low"] <= chance["tau"] <= chance["high"] < 0.5
    near = agreement(errors, errors + 0.2 * rng.random(30))
    assert 0.3 < near["low"] < near["tau"] < near["high"] < 1
    assert agreement([0.1, 0.2, 0.3], [0.1, 0.1, 0.3]) == {"count": 3, "tau": pytest.approx(2 / 6**0.5)}
    assert agreement([0.1] * 6, errors[:6]) == {"count": 6}
    assert agreement([], []) == {"count": 0}
    # pairs of four networks: (1, 2) is the one in another order
    assert agreement([1, 2, 3, 4], [2, 1, 3, 4])["tau"] == pytest.approx((5 - 1) / 6)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"count": 3.0, "tau": 1.0}, "Not known"),
        ({"count": 20.0, "tau": 0.2, "low": -0.1, "high": 0.4}, "Do not trust it"),
        ({"count": 20.0, "tau": 0.5, "low": 0.3, "high": 0.7}, "to tell bad networks from good ones, not to choose among the best"),
        ({"count": 20.0, "tau": 0.8, "low": 0.6, "high": 0.9, "macs_tau": 0.5}, "Trust it: it orders networks much as training"),
        ({"count": 20.0, "tau": 0.8, "low": 0.6, "high": 0.9, "macs_tau": 0.85}, r"counting multiply-adds orders .* \(tau 0\.85\)"),
    ],
)
def test_the_verdict_is_plain(found, words):
    assert re.search(words, verdict(found))


def test_the_check_is_written_as_it_comes_and_goes_on(trained, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        shutil.copytree(trained, folder)
    check_supernet(whole, 6)
    check_supernet(parts, 2)
    assert len(json.loads((parts / RECORD).read_text())["checked"]) == 2
    seen = []
    found = check_supernet(parts, 6, lambda at: seen.append((at.done, at.trials)))
    assert_same_folder(whole, parts)
    assert seen[-1] == (6, 6)
    assert len({json.dumps(entry["choices"]) for entry in found.checked}) == 6
    first = found.checked[0]
    genotype = canonicalise(SPACE.resolve(first["choices"], np.random.default_rng(0)).genotype)
    judged = Shared(supernet=str(whole)).evaluate(Candidate(0, genotype, 0, choices=first["choices"]), go_on)
    assert first["shared"] == judged["error"]
    assert first["macs"] == known_costs(genotype)["macs"]
    assert found.agreement == read_supernet(parts).agreement
    assert found.agreement.keys() >= {"count", "tau", "low", "high", "macs_tau"}


def test_the_command_trains_checks_and_goes_on(tmp_path, monkeypatch, capsys):
    from archsearch.cli.sharing import Lesson, supernet_command

    monkeypatch.chdir(tmp_path)
    lesson = Lesson("small_cell", "digits", [], ["epochs=1"], 2, 1, False, 0)
    supernet_command(lesson, {"params": "20k"}, Path("s"), 0, False, False)
    told = capsys.readouterr()
    assert "Not checked against networks that are trained alone" in told.out
    assert "archsearch search small_cell --data digits --evaluator shared --evaluator-set supernet=s" in told.out
    assert "2/2  epochs" in told.err
    supernet_command(lesson, {"params": "20k"}, Path("s"), 5, True, False)
    assert "with 5 networks trained alone." in capsys.readouterr().out
    supernet_command(lesson, {"params": "20k"}, Path("s"), 5, True, True)
    assert json.loads(capsys.readouterr().out)["agreement"]["count"] == 5
    assert read_supernet(Path("s")).budget == Budget(params=20_000)
    options = ["--evaluator", "shared", "--evaluator-set", "epochs=1", "--trials", "3", "--workers", "0", "--quiet", "--out", "run"]
    assert run(["search", "small_cell", *options, "--evaluator-set", "supernet=s"]) == 0
    assert "untrained" in open_run("run").trials[0].metrics
    capsys.readouterr()
    for given, words in (
        (
            ["small_cell", "--evaluator-set", "supernet=nowhere"],
            "nowhere: it holds no supernet: there is no readable supernet.json; train one by `archsearch supernet`",
        ),
        (["small_cell"], "evaluator shared needs a supernet"),
        (["chain", "--evaluator-set", "supernet=s"], "the network is not of the supernet in s"),
        (["small_cell", "--evaluator-set", "supernet=s", "--evaluator-set", "data_seed=3"], "was trained with data_seed=0, now given 3"),
    ):
        code = run(["search", given[0], *options[:-2], *given[1:], "--out", "other"])
        message = capsys.readouterr().err
        assert code in (1, 2)
        assert words in message
        assert message.count("\n") == 1


def test_the_command_says_what_must_be_given_again(trained):
    from archsearch.cli.sharing import search_with

    found = read_supernet(trained)
    other = dataclasses.replace(found, training={**found.training, "data": "own.npz", "data_seed": 3, "epochs": 9})
    words = "archsearch search small_cell --data own.npz --evaluator shared --evaluator-set supernet=s --evaluator-set data_seed=3"
    assert search_with(other, Path("s")) == words


def test_a_stop_between_an_epochs_record_and_its_progress_loses_nothing(trained, tmp_path, monkeypatch):
    def stop(*given: object) -> None:
        write_checkpoint(*given)
        raise KeyboardInterrupt("enough")

    folder = tmp_path / "s"
    with monkeypatch.context() as patch:
        patch.setattr("archsearch.sharing.single_path.write_checkpoint", stop)
        with pytest.raises(KeyboardInterrupt, match="enough"):
            train_supernet(SPACE, QUICK, folder, epochs=6)
    assert read_supernet(folder).done == 1
    assert read_bank(folder, read_supernet(folder)).modules
    train_supernet(SPACE, QUICK, folder, epochs=6)
    assert_same_folder(folder, trained)


@pytest.mark.parametrize("new", [True, False])
def test_a_stop_before_the_first_epoch_is_recorded_leaves_nothing_in_the_way(tmp_path, monkeypatch, new):
    def stop(*given: object) -> None:
        raise KeyboardInterrupt("enough")

    folder = tmp_path / "s"
    if not new:
        folder.mkdir()
        (folder / "notes").write_text("mine")
    monkeypatch.setattr("archsearch.sharing.folder.write_supernet", stop)
    with pytest.raises(KeyboardInterrupt, match="enough"):
        train_supernet(SPACE, QUICK, folder, epochs=2)
    assert folder.exists() != new
    assert not (folder / RECORD).exists()
    assert new or (folder / "notes").read_text() == "mine"


def test_ctrl_c_says_how_to_go_on(tmp_path):
    code = (
        "import sys, pathlib\nfrom archsearch.cli.sharing import Lesson, supernet_command\n"
        "lesson = Lesson('small_cell', 'digits', [], ['epochs=1'], 10_000, 1, False, 0)\n"
        "supernet_command(lesson, {}, pathlib.Path(sys.argv[1]), 0, True, False)"
    )
    folder = tmp_path / "s"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=TREE, stderr=subprocess.PIPE, text=True)
    while not (folder / RECORD).is_file() or not read_supernet(folder).done:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert "stopped; the same command goes on" in process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert read_bank(folder, read_supernet(folder)).modules
