"""One network trained to its end: by command and from Python, stopped and gone on with, from weights that are there, by several seeds."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from archsearch import Builder, Genotype, compile_network, train_network, zoo
from archsearch.cli import run
from archsearch.cli.training import network_for
from archsearch.data import load_data
from archsearch.evaluators.train import Train
from archsearch.exporters import FORMATS, STANDARD, ExportError
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU
from archsearch.solo.pretrained import heads, put_pretrained
from archsearch.solo.record import TrainingError, TrainingRecord, read_training
from archsearch.solo.training import Epoch
from archsearch.trial import EvaluationError
from tests.runs import StoppedError, small_search
from tests.warm import run_python

TREE = Path(__file__).parents[1]
TRAIN = Train(data="digits", epochs=3, batch=128, ema=0.9, mixup=0.3, shift=0.2)
FILES = sorted([*(file for name in STANDARD for file in FORMATS[name].files), "training.json"])


def small(classes: int = 10, channels: int = 1, width: int = 8) -> Genotype:
    b = Builder((channels, 8, 8))
    with b.scope("stem"):
        x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(width), b.input, name="conv"), name="norm"))
    with b.scope("stage1"):
        x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(8, stride=2), x, name="conv"), name="norm"))
        x = b(Dropout(0.2), x)
    return b.genotype(b(Linear(classes), b(Flatten(), b(GlobalAvgPool2d(), x)), name="head"))


def weights_of(genotype: Genotype, path: Path, seed: int = 7) -> Path:
    """Weights of a network, with statistics of norms that no new network has."""
    state = compile_network(genotype, seed).state_dict()
    save_file({name: value + 0.125 if value.is_floating_point() else value for name, value in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingRecord]:
    """A folder with `small.json` and a training `done` of it that nothing stopped."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "small.json").write_text(small().to_json())
    record = train_network(small(), TRAIN, folder / "done", title="small.json")
    return folder, record


@pytest.fixture
def user(trained: tuple[Path, TrainingRecord], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained[0])
    return trained[0]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["train", *arguments])
    return code, *capsys.readouterr()


# The whole way


SHORT = ("--set", "batch=128", "--set", "ema=0.9", "--set", "mixup=0.3", "--set", "shift=0.2", "--epochs", "3")


def test_a_network_is_trained_tested_and_exported(
    user: Path, trained: tuple[Path, TrainingRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "small.json", *SHORT, "--out", "mine")
    assert code == 0, err
    lines = err.splitlines()
    assert lines[0].startswith("train      small.json, 786 params, 13.9 k MACs, seed 0, into mine")
    assert lines[1].startswith("data       digits, 10 classes of 1x8x8: ")
    assert lines[2].startswith("training   epochs=3 batch=128 optimizer=adamw lr=0.02 ema=0.9 shift=0.2 mixup=0.3, on cpu")
    assert re.fullmatch(r"3/3  epoch 3 of 3  error [\d.]+%  train loss [\d.]+  seed 0  0:\d\d", lines[-1])
    best = trained[1].outcome()
    assert re.search(rf"^    3 .* {best.metrics['error']:.2%} ", out, re.M)
    assert re.search(rf"^0 +{best.metrics['error']:.2%} +{best.test['error']:.2%} ", out, re.M)
    assert out.endswith("Model   mine/model.py  (seed 0; needs torch alone)\n")
    assert sorted(path.name for path in (user / "mine").iterdir()) == FILES
    for name in FILES:
        assert (user / "mine" / name).read_bytes() == (user / "done" / name).read_bytes()


def test_the_record_says_what_was_trained_on_what_and_how(trained: tuple[Path, TrainingRecord]) -> None:
    folder, record = trained
    assert read_training(folder / "done") == record
    assert record.options == {**vars(TRAIN)}
    assert record.data.fingerprint["training images"] == 1079
    assert (record.seeds, record.best, record.pretrained, record.freeze, record.drawn_anew) == ((0,), 0, "", (), ())
    assert [sorted(step) for step in record.outcome().curve] == [["balanced_error", "error", "loss", "lr", "train_loss"]] * 3
    assert record.outcome().metrics.items() <= record.outcome().curve[-1].items()
    assert record.figures()["test_error"] == (record.outcome().test["error"], 0.0)


def test_the_exported_model_gives_the_test_figure_alone(trained: tuple[Path, TrainingRecord]) -> None:
    folder, record = trained
    part = load_data("digits").test
    np.savez(folder / "test.npz", images=part.images, labels=part.labels)
    code = (
        "import numpy, torch, model\n"
        "part = numpy.load('../test.npz')\n"
        "with torch.inference_mode():\n"
        "    scores = model.load()(model.preprocess(torch.tensor(part['images'])))\n"
        "print(float((scores.argmax(1).numpy() != part['labels']).mean()))"
    )
    done = run_python("-c", code, cwd=folder / "done")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(record.outcome().test["error"])


def test_a_trial_of_a_run_is_trained_fully(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_search(user / "run", trials=2)
    code, out, err = said(capsys, "run:1", "--epochs", "1", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["export"], told["files"]) == ("results/trained-run-1-digits-0", FILES)
    assert told["figures"]["error"] == {"mean": told["metrics"]["error"], "std": 0.0}
    assert 0 <= told["test"]["error"] <= 1


def test_a_network_of_the_zoo_is_built_for_the_data(tmp_path: Path) -> None:
    larger = network_for("resnet20_cifar", replace(TRAIN, size=16, channels=3))
    assert [spec.shape for spec in larger.inputs] == [(3, 16, 16)]
    assert [larger.specs[place].shape for place in larger.outputs] == [(10,)]


# Stopped, and gone on with


def stopping(after: int) -> Any:
    def progress(at: Epoch) -> None:
        if at.done == after:
            raise StoppedError("stopped by the test")

    return progress


def assert_same(one: Path, other: Path) -> None:
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert sorted(path.name for path in other.iterdir()) == FILES


@pytest.mark.parametrize("options", [TRAIN, replace(TRAIN, optimizer="momentum", ema=0.0)])
def test_a_training_that_was_stopped_at_each_epoch_goes_on_to_the_bit(options: Train, tmp_path: Path) -> None:
    weights = weights_of(small(), tmp_path / "w.safetensors")
    how: dict[str, Any] = {"seeds": (4, 2), "pretrained": weights, "freeze": ["stem"]}
    whole = train_network(small(), options, tmp_path / "whole", **how)
    for after in (1, 2, 3, 4, 6):
        with pytest.raises(StoppedError, match="stopped by the test"):
            train_network(small(), options, tmp_path / "broken", **how, progress=stopping(after))
        assert read_training(tmp_path / "broken").best is None
    torch.manual_seed(99)
    seen: list[Epoch] = []
    assert train_network(small(), options, tmp_path / "broken", **how, progress=seen.append) == whole
    assert [(at.done, at.seed, at.number) for at in seen] == [(5, 2, 2), (6, 2, 3)], "what was done before is told once"
    assert_same(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("how", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGINT])
def test_a_killed_process_goes_on_by_the_same_command(how: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(small().to_json())
    command = [sys.executable, str(TREE / "cli.py"), "train", "small.json", "--epochs", "12", "--set", "batch=32", "--out"]
    process = subprocess.Popen([*command, "x"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.glob("x/seed-0.checkpoint.safetensors")):
        time.sleep(0.05)
    os.killpg(process.pid, how)
    _, err = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert (process.returncode, err.splitlines()[-1]) == (130, "stopped; the same command goes on")
    assert "Traceback" not in err
    assert read_training(tmp_path / "x").best is None
    for out in ("x", "whole"):
        done = run_python(*command[1:], out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "whole", tmp_path / "x")


def test_what_was_stopped_before_an_epoch_leaves_nothing(tmp_path: Path) -> None:
    command = "import sys; from archsearch.cli import run; import archsearch.evaluators.train as t\n"
    command += "def stop(*_): raise KeyboardInterrupt\n"
    command += "t.Train.learn = stop\n"
    command += "sys.exit(run(['train', 'small.json', '--out', 'new', '--quiet']))"
    (tmp_path / "small.json").write_text(small().to_json())
    done = run_python("-c", command, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "stopped before the first epoch was done; nothing is left\n")
    assert [path.name for path in tmp_path.iterdir()] == ["small.json"]


def test_another_training_in_the_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, weights = tmp_path / "x", weights_of(small(), tmp_path / "w.safetensors")
    other_weights = weights_of(small(), tmp_path / "o.safetensors", seed=8)
    how: dict[str, Any] = {"pretrained": weights, "freeze": ["stem"]}
    with pytest.raises(StoppedError, match="stopped by the test"):
        train_network(small(), TRAIN, out, **how, progress=stopping(2))
    for genotype, options, changed, words in [
        (small(width=6), TRAIN, {"pretrained": None, "freeze": ()}, "was begun with another network; give the same, or choose another"),
        (small(), replace(TRAIN, lr=0.5), {}, r"was begun with lr=0\.02, now given 0\.5; give the same, or choose another --out"),
        (small(), replace(TRAIN, epochs=9), {}, "was begun with epochs=3, now given 9"),
        (small(), replace(TRAIN, data_seed=1), {}, "was begun with data_seed=0, now given 1"),
        (small(), TRAIN, {"seeds": (0, 1)}, "was begun with seeds 0, now given 0,1"),
        (small(), TRAIN, {"freeze": ["stage1"]}, "was begun with --freeze stem, now given stage1"),
        (small(), TRAIN, {"freeze": ()}, "was begun with --freeze stem, now given none"),
        (small(), TRAIN, {"pretrained": other_weights}, "was begun with --from weights of sha256"),
    ]:
        with pytest.raises(TrainingError, match=words):
            train_network(genotype, options, out, **{**how, **changed})
    train_network(small(), replace(TRAIN, at_once=128), out, **how)
    with pytest.raises(TrainingError, match="the training in it is finished; choose another --out"):
        train_network(small(), TRAIN, out, **how)


def test_what_fails_after_the_training_is_done_by_the_next_call(tmp_path: Path) -> None:
    out, seen = tmp_path / "x", list[Epoch]()
    (out / "model.py" / "in the way").mkdir(parents=True)
    (tmp_path / "x").rename(tmp_path / "y")
    with pytest.raises(StoppedError, match="stopped by the test"):
        train_network(small(), TRAIN, out, progress=stopping(2))
    (tmp_path / "y" / "model.py").rename(out / "model.py")
    with pytest.raises(ExportError, match="cannot be written"):
        train_network(small(), TRAIN, out)
    assert len(read_training(out).outcomes) == 1
    (out / "model.py" / "in the way").rmdir()
    (out / "model.py").rmdir()
    assert train_network(small(), TRAIN, out, progress=seen.append).outcome().test
    assert seen == [], "nothing is trained once more"
    assert_same(out, out)


def test_other_data_under_the_same_name_are_refused(tmp_path: Path) -> None:
    def write(count: int) -> None:
        images = np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "d.npz", images=images, labels=np.arange(count) % 10)

    write(100)
    options = replace(TRAIN, data=str(tmp_path / "d.npz"), batch=16)
    with pytest.raises(StoppedError, match="stopped by the test"):
        train_network(small(), options, tmp_path / "x", progress=stopping(1))
    write(120)
    with pytest.raises(TrainingError, match=r"was begun with other data \(training images 80, before 60"):
        train_network(small(), options, tmp_path / "x")


def test_a_folder_that_lost_its_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match="stopped by the test"):
        train_network(small(), TRAIN, tmp_path / "x", seeds=(0, 1), progress=stopping(4))
    (tmp_path / "x" / "seed-0.safetensors").unlink()
    with pytest.raises(TrainingError, match="the weights of seed 0 are gone"):
        train_network(small(), TRAIN, tmp_path / "x", seeds=(0, 1))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("archsearch.training/1", "archsearch.training/2", "its format is"),
        ('"seeds": [\n    0\n  ]', '"seeds": [0, 0]', '"seeds" of the training must be a list of different whole numbers'),
        ('"seeds": [\n    0\n  ]', '"seeds": [1]', '"outcomes" must be those of the first "seeds"'),
        ('"best": 0', '"best": 1', '"best" must be one of the "seeds"'),
        ('"best": 0', '"bets": 0', 'the training has no "best"'),
        ('"lr": ', '"lr": {"nonsense": 1}, "x": ', "an option is an object of an unknown kind"),
        ('"format"', '"for', "not valid JSON"),
    ],
)
def test_a_record_is_read_strictly(before: str, after: str, words: str, trained: tuple[Path, TrainingRecord], tmp_path: Path) -> None:
    text = (trained[0] / "done" / "training.json").read_text()
    assert before in text
    (tmp_path / "training.json").write_text(text.replace(before, after, 1))
    with pytest.raises(TrainingError, match=re.escape(words)) as told:
        read_training(tmp_path)
    assert "\n" not in str(told.value)


# Weights that are there


def test_what_is_frozen_stays_and_the_rest_learns(tmp_path: Path) -> None:
    given = load_file(weights_of(small(), tmp_path / "w.safetensors"))
    for place, freeze in enumerate((["stem"], ["stem/norm", "stage1/conv"])):
        train_network(small(), TRAIN, tmp_path / str(place), pretrained=tmp_path / "w.safetensors", freeze=freeze)
        made = load_file(tmp_path / str(place) / "model.safetensors")
        kept = [name for name in given if any(name.startswith(f"{part.replace('/', '.')}.") for part in freeze)]
        assert len(kept) == 7
        assert all(torch.equal(made[name], given[name]) for name in kept)
        assert not any(torch.equal(made[name], given[name]) for name in given.keys() - kept)
    assert {"stem.norm.running_var", "stem.norm.num_batches_tracked"} <= {*kept}


def test_a_head_of_another_size_is_drawn_anew_and_that_is_said(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = load_file(weights_of(small(classes=7), user / "seven.safetensors"))
    code, out, err = said(
        capsys, "small.json", "--epochs", "1", "--from", "seven.safetensors", "--freeze", "stem,stage1", "--out", "ten", "--set", "lr=1e-5"
    )
    assert code == 0, err
    assert "from       seven.safetensors; drawn anew, as their size is another: head; frozen: stem, stage1" in err
    assert "Drawn anew: head" in out
    assert read_training(user / "ten").drawn_anew == ("head",)
    made, fresh = load_file(user / "ten" / "model.safetensors"), compile_network(small(), 0).state_dict()
    assert all(torch.equal(made[name], given[name]) for name in given if not name.startswith("head."))
    torch.testing.assert_close(made["head.weight"], fresh["head.weight"], atol=1e-3, rtol=0)


def test_training_goes_on_from_weights_that_were_trained(trained: tuple[Path, TrainingRecord], tmp_path: Path) -> None:
    folder, record = trained
    tuned = train_network(small(), replace(TRAIN, lr=0.002), tmp_path / "x", pretrained=folder / "done" / "model.safetensors")
    assert tuned.outcome().curve[0]["error"] < record.outcome().curve[0]["error"] - 0.1


def test_names_of_the_reference_definition_are_taken(tmp_path: Path) -> None:
    genotype = zoo.build("resnet18", classes=3, input=(3, 32, 32))
    state = compile_network(zoo.build("resnet18"), seed=5).state_dict()
    reference = {name: value.contiguous() for name, value in state.items() if "num_batches" not in name}  # as older files are
    save_file(reference, tmp_path / "w.safetensors")
    network = compile_network(genotype)
    assert put_pretrained(network, genotype, tmp_path / "w.safetensors") == ("fc",)
    assert all(
        torch.equal(value, reference[name]) for name, value in network.state_dict().items() if name in reference and "fc" not in name
    )


def test_heads_are_what_has_the_last_weights_before_an_output() -> None:
    assert heads(small()) == {"head"}
    assert heads(zoo.build("googlenet")) >= {"fc"}
    assert heads(zoo.build("vgg11")) == {"classifier/6"}


# Several seeds


def test_several_seeds_give_mean_and_deviation_and_the_best_is_exported(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "small.json", *SHORT, "--seeds", "3", "--seed", "5", "--out", "three")
    assert code == 0, err
    record = read_training(user / "three")
    assert record.seeds == (5, 6, 7) == tuple(one.seed for one in record.outcomes)
    for name, rows in {
        "error": [one.metrics["error"] for one in record.outcomes],
        "test_loss": [one.test["loss"] for one in record.outcomes],
    }.items():
        assert len(set(rows)) == 3
        assert record.figures()[name] == (fmean(rows), stdev(rows))
    assert record.outcome() == min(record.outcomes, key=lambda one: (one.metrics["error"], one.metrics["loss"]))
    mean, deviation = record.figures()["error"]
    assert re.search(rf"^mean +{mean:.2%} ", out, re.M)
    assert re.search(rf"^std +{deviation:.2%} ", out, re.M)
    assert sorted(path.name for path in (user / "three").iterdir()) == FILES
    alone = train_network(small(), TRAIN, user / "alone", seeds=(record.outcome().seed,))
    assert alone.outcomes == (record.outcome(),)
    one, other = (load_file(user / name / "model.safetensors") for name in ("alone", "three"))
    assert all(torch.equal(one[name], other[name]) for name in one)


# What is wrong gets one line


WRONG: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown target": (("resnt18",), 2, "no file, run or network of the zoo is called 'resnt18'; did you mean resnet18"),
    "no such file": (("nowhere.json",), 2, "nowhere.json: No such file"),
    "no such run": (("nowhere:3",), 1, "nowhere is no run"),
    "no such trial": (("run:77",), 2, "77"),
    "unknown data": (("small.json", "--data", "digit"), 2, "unknown data 'digit'"),
    "other shape": (("small.json", "--size", "16"), 2, "small.json: the network maps (1, 8, 8) to (10,), data 'digits' need (1, 16, 16)"),
    "too small for the stride": (("resnet18",), 2, "smaller than the total stride of 32x32; give at least (1, 32, 32); --size PIXELS"),
    "no classifier": (("srcnn_9_1_5",), 2, "srcnn_9_1_5: the network maps"),
    "unknown option": (("small.json", "--set", "lrr=1"), 2, "has no setting 'lrr'; did you mean lr?"),
    "no pair": (("small.json", "--set", "lr"), 2, "'lr' must be NAME=VALUE"),
    "option out of range": (("small.json", "--set", "lr=-1"), 2, "lr=-1.0 must be a number over 0"),
    "final": (("small.json", "--set", "final=true"), 2, "final=true would look at the test part after every epoch"),
    "frozen without weights": (("small.json", "--freeze", "stem"), 2, "--freeze keeps weights as they come; give --from FILE"),
    "unknown scope": (
        ("small.json", "--from", "w", "--freeze", "stem,stag1"), 2,
        "--freeze 'stag1' is no scope or node of this network; did you mean stage1",
    ),
    "all frozen": (
        ("small.json", "--from", "w", "--freeze", "stem,stage1,head"), 2,
        "--freeze stem,stage1,head leaves no weights to train",
    ),
    "frozen and drawn anew": (
        ("small.json", "--from", "seven", "--freeze", "head"), 2,
        "--freeze head: the weights given have it in another size",
    ),
    "no weights": (("small.json", "--from", "none"), 2, "none: cannot be read: No such file or directory"),
    "damaged weights": (("small.json", "--from", "small.json"), 2, "small.json: cannot be read"),
    "weights of another network": (
        ("small.json", "--from", "wide"), 2,
        "wide: the weights do not fit this network; 7 of another shape: stem.conv.weight (12, 1, 3, 3) instead of (8, 1, 3, 3)",
    ),
    "weights of fewer nodes": (
        ("small.json", "--from", "few"), 2,
        "few: the weights do not fit this network; 1 missing: stem.conv.weight",
    ),
    "weights of more nodes": (("small.json", "--from", "more"), 2, "more: the weights do not fit this network; 1 left over: extra"),
    "taken folder": (("small.json", "--out", "full"), 2, "full: it exists, and holds no training that could go on"),
    "a file for a folder": (("small.json", "--out", "small.json"), 2, "small.json: it exists, and holds no training"),
    "below a file": (("small.json", "--out", "small.json/x"), 1, "small.json/x: Not a directory; free space or rights"),
    "damaged record": (("small.json", "--out", "cut"), 2, "cut/training.json: not valid JSON"),
    "diverged": (
        ("small.json", "--set", "lr=999", "--epochs", "3", "--out", "new"), 1,
        "the training by seed 0 failed (diverged): loss is",
    ),
    "stalled": (
        ("small.json", "--set", "optimizer=sgd", "--set", "lr=1e-9", "--epochs", "4", "--seed", "1", "--out", "new"), 1,
        "the training by seed 1 failed (stalled): after 3 of 4 epochs the loss is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_gets_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.json").write_text(small().to_json())
    for folder in ("full", "cut"):
        Path(folder).mkdir()
    Path("full", "mine").touch()
    Path("cut", "training.json").write_text("{")
    state = load_file(weights_of(small(), Path("w")))
    weights_of(small(classes=7), Path("seven"))
    weights_of(small(width=12), Path("wide"))
    save_file({key: value for key, value in state.items() if key != "stem.conv.weight"}, "few")
    save_file({**state, "extra": torch.zeros(2)}, "more")
    if "run" in name or "trial" in name:
        small_search(tmp_path / "run", trials=1)
    arguments, expected, words = WRONG[name]
    before = sorted(Path().iterdir())
    code, out, err = said(capsys, *arguments, "--quiet")
    assert (code, out) == (expected, ""), err
    assert err.count("\n") == 1, err
    assert words in err
    assert len(err) < 400
    if name not in ("stalled",):
        assert sorted(Path().iterdir()) == before, "nothing is left"


def test_memory_that_runs_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("archsearch.training.loop.Training.back", hungry)
    with pytest.raises(EvaluationError, match=r"the training by seed 0 failed \(out_of_memory\): out of memory"):
        train_network(small(), TRAIN, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_python_asks_for_wrongly_is_refused(tmp_path: Path) -> None:
    for seeds in ((), (1, 1), (-1,)):
        with pytest.raises(TrainingError, match="must be different whole numbers of at least 0"):
            train_network(small(), TRAIN, tmp_path / "x", seeds=seeds)
    with pytest.raises(EvaluationError, match="the network maps"):
        train_network(small(channels=3), TRAIN, tmp_path / "x")
    with pytest.raises(TrainingError, match="is not finished"):
        replace(read_like(), best=None).outcome()


def read_like() -> TrainingRecord:
    return TrainingRecord("a", "0", {}, (0,), TRAIN.describe())
