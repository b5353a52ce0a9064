"""The README does what it says: its commands and its Python run, only with fewer and shorter trainings."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from archsearch import analyse, compile_network
from archsearch.analysis import read_device
from archsearch.exporters import FORMATS
from archsearch.network.text_form import from_text
from archsearch.proxies import PROXIES
from archsearch.runs.placement import Placement
from archsearch.runs.store import open_run
from archsearch.solo.record import read_training
from archsearch.strategies import STRATEGIES
from archsearch.zoo import build
from tests.warm import run_python

TREE = Path(__file__).parents[1]
README = (TREE / "README.md").read_text(encoding="utf-8")
BLOCKS = {language: re.findall(rf"```{language}\n(.*?)```", README, flags=re.S) for language in ("console", "python")}


def block(language: str, holds: str) -> str:
    found = [text for text in BLOCKS[language] if holds in text]
    assert len(found) == 1, f"{len(found)} blocks hold {holds!r}"
    return found[0]


def call(folder: Path, *command: str) -> str:
    done = run_python(*command, cwd=folder)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def test_the_commands_run_in_their_order(tmp_path: Path) -> None:
    commands = block("console", "archsearch resume results/x").replace("\\\n", " ").splitlines()
    shorter = {"--trials 40": "--trials 4 --evaluator-set epochs=1", "--workers 2": "--workers 0", "--trials 80": "--trials 5"}
    for line in commands:
        for long, short in shorter.items():
            line = line.replace(long, short)
        if (tmp_path / "results" / "x").is_dir():
            line = line.replace("x:12", f"x:{open_run(tmp_path / 'results' / 'x').front()[0].number}")
        words = shlex.split(line, comments=True)
        assert words[:2] == ["$", "archsearch"]
        call(tmp_path, str(TREE / "cli.py"), *words[2:])
    assert (tmp_path / "results" / "x" / "report.html").is_file()
    assert (tmp_path / "my-model" / "model.py").is_file()
    code = "import torch\nimages = torch.rand(3, 1, 8, 8)\n" + block("python", "from model import") + "assert scores.shape == (3, 10)"
    call(tmp_path / "my-model", "-c", code)


def test_the_commands_without_a_search_run(tmp_path: Path) -> None:
    for line in block("console", "archsearch zoo").splitlines():
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line, comments=True)[2:])
    assert (tmp_path / "mine.json").is_file()
    assert len(list((tmp_path / "networks").glob("cell-*.json"))) == 10  # each network, and its choices


NET = """
from torch import nn


def make():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, 10))
"""


def test_latency_is_predicted(tmp_path: Path) -> None:
    for line in block("console", "--latency-device").splitlines():
        line = line.replace("--trials 40", "--trials 4 --evaluator-set epochs=1 --workers 0").replace(
            "--max-latency 5", "--max-latency 500"
        )
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    run = open_run(tmp_path / "results" / "fast")
    assert run.record.latency_device == read_device(tmp_path / "device.json")
    assert all({"predicted_latency_ms", "latency_ms"} <= trial.metrics.keys() for trial in run.trials)


@pytest.mark.slow
def test_a_run_is_exported_for_engines(tmp_path: Path) -> None:
    for line in block("console", "--engine onnxruntime").splitlines():
        line = line.replace("--trials 40", "--trials 3 --set cells=1 --evaluator-set epochs=1 --workers 0")
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert {"model.py", "model.onnx", "model.xml", "model.pt2", "model.svg", "model.int8.onnx", "quantized.json", "checks.json"} <= {
        path.name for path in (tmp_path / "served").iterdir()
    }
    run = open_run(tmp_path / "results" / "served")
    assert len(list((tmp_path / "fronts").iterdir())) == len([trial for trial in run.front() if run.weights(trial.number)])


def test_the_table_of_formats_is_complete() -> None:
    assert all(f"`{name}`" in README for name in FORMATS)


def test_a_module_comes_in_and_a_space_is_made_around_a_network(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    lines = [*block("console", "archsearch import").splitlines(), *block("console", "archsearch around").splitlines()]
    for line in lines:
        line = line.replace("--trials 20", "--trials 1 --evaluator-set epochs=1 --workers 0 --out x")
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert (tmp_path / "net" / "model.safetensors").is_file()
    assert len(open_run(tmp_path / "x").trials) == 1


def test_strategies_are_compared(tmp_path: Path) -> None:
    shorter = {
        "--runs 20": "--runs 2",
        "--trials 60": "--trials 12",
        "--sample 50": "--sample 3",
        "--epochs 3": "--epochs 1",
        "--trials 30": "--trials 2",
    }
    for line in block("console", "archsearch compare").splitlines():
        for long, short in shorter.items():
            line = line.replace(long, short)
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert (tmp_path / "comparison-mine.html").is_file()


def test_the_table_of_strategies_is_complete() -> None:
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*) \|", README, flags=re.M)))) >= {*STRATEGIES} - {"proposer"}


def test_a_supernet_is_searched(tmp_path: Path) -> None:
    line = block("console", "--strategy budgeted").strip().replace("layers=5", "layers=3")
    line += " --evaluator-set epochs=1 --strategy-set again=1 --strategy-set tune=1"
    call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert open_run(tmp_path / "results" / "f").trials


def test_data_of_your_own_are_searched(tmp_path: Path) -> None:
    (tmp_path / "my_data.py").write_text(block("python", "my_data.py"), encoding="utf-8")
    options = ["--trials", "1", "--workers", "0", "--evaluator-set", "epochs=1", "--out", "x"]
    call(tmp_path, str(TREE / "cli.py"), "search", "chain", "--data", "my_data.py:load", *options)
    assert open_run(tmp_path / "x").record.description.classes == ("top", "middle", "bottom")


def test_weights_are_shared(tmp_path: Path) -> None:
    for line in block("console", "archsearch supernet").splitlines():
        line = line.replace("--epochs 100", "--epochs 2 --check 0").replace(
            "--trials 200", "--trials 4 --evaluator-set epochs=1 --workers 0"
        )
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert len(open_run(tmp_path / "results" / "shared").trials) == 4


def test_networks_are_judged_without_training(tmp_path: Path) -> None:
    line = block("console", "--evaluator proxy").strip().replace("--trials 20", "--trials 3 --workers 0 --evaluator-set images=8")
    call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert open_run(tmp_path / "results" / "proxy").front()


def test_every_proxy_is_named() -> None:
    assert all(f"`{name}`" in README for name in PROXIES)


def test_the_text_form_is_a_network() -> None:
    written = re.findall(r"```\n(input .*?)```", README, flags=re.S)
    assert len(written) == 1
    assert [spec.shape for spec in analyse(from_text(written[0])).outputs] == [(10,)]


def test_the_zoo_is_built_and_takes_weights(tmp_path: Path) -> None:
    code = block("python", "zoo.load_state")
    state = "from archsearch import compile_network, zoo\nstate_dict = compile_network(zoo.build('resnet18'), seed=3).state_dict()\n"
    (tmp_path / "mine.py").write_text(state + code, encoding="utf-8")
    assert int(call(tmp_path, "mine.py")) > 100_000_000


def test_the_space_and_the_op_can_be_searched(tmp_path: Path) -> None:
    op = block("python", "@register").replace("-> Op:", "")
    space = block("python", "def space").replace("ReLU(), b(", "ScaledTanh(), b(")
    (tmp_path / "my_space.py").write_text(op + "\n" + space, encoding="utf-8")
    listed = call(tmp_path, str(TREE / "cli.py"), "spaces", "my_space.py")
    assert "width2" in listed
    call(
        tmp_path,
        str(TREE / "cli.py"),
        "search",
        "my_space.py",
        "--trials",
        "2",
        "--evaluator-set",
        "epochs=1",
        "--workers",
        "0",
        "--out",
        "x",
    )
    shown = call(tmp_path, str(TREE / "cli.py"), "show", "x:0", "--ops", "my_space.py")
    assert "scaled_tanh" in shown
    call(tmp_path, str(TREE / "cli.py"), "export", "x", "--out", "mine", "--ops", "my_space.py")
    assert (
        "ScaledTanh" not in (tmp_path / "x" / "export" / f"trial-{open_run(tmp_path / 'x').front()[0].number:04d}" / "model.py").read_text()
    )


def test_an_evaluator_of_ones_own_is_searched_with(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(block("python", "class Mine"), encoding="utf-8")
    command = re.findall(r"`archsearch (search chain --evaluator mine.py[^`]*)`", README)
    assert len(command) == 1
    call(tmp_path, str(TREE / "cli.py"), *command[0].split(), "--trials", "3", "--workers", "0", "--out", "x")
    done = open_run(tmp_path / "x")
    assert [trial.metrics["error"] for trial in done.trials] == [1 / (1 + 2 * trial.metrics["params"] / 5000) for trial in done.trials]


def test_a_training_loop_of_ones_own_is_searched_with(tmp_path: Path) -> None:
    (tmp_path / "my_loop.py").write_text(block("python", "class MyLoop"), encoding="utf-8")
    command = re.findall(r"`archsearch (search chain --evaluator my_loop.py[^`]*)`", README)
    assert len(command) == 1
    options = ["--evaluator-set", "epochs=3", "--trials", "2", "--workers", "0", "--seed", "1", "--out", "x"]
    call(tmp_path, str(TREE / "cli.py"), *command[0].split(), *options)
    done = open_run(tmp_path / "x")
    assert [len(trial.curve) for trial in done.trials] == [3, 3]
    assert min(trial.metrics["error"] for trial in done.trials) < 0.5
    call(tmp_path, str(TREE / "cli.py"), "export", "x", "--out", "mine")


def test_one_network_is_trained_to_its_end(tmp_path: Path) -> None:
    for number in range(60):
        folder = tmp_path / "photos" / ("ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    state = compile_network(build("resnet18")).state_dict()
    save_file(state, tmp_path / "resnet18.safetensors")
    for line in block("console", "archsearch train").splitlines():
        line = line.replace("--epochs 200 --seeds 5", "--epochs 1 --seeds 2").replace("--set", "--epochs 1 --set")
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert read_training(tmp_path / "trained").seeds == (0, 1)
    tuned = load_file(tmp_path / "tuned" / "model.safetensors")
    assert torch.equal(tuned["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"])
    assert tuned["fc.weight"].shape == (2, 512)


@pytest.mark.slow
def test_many_machines(tmp_path: Path) -> None:
    here, _ = block("console", "--executor ray").splitlines()
    call(tmp_path, str(TREE / "cli.py"), *shlex.split(here.replace("--trials 40", "--trials 3 --evaluator-set epochs=1"))[2:])
    assert open_run(tmp_path / "results" / "z").record.placement == Placement("ray")


@pytest.mark.slow
def test_a_tuner_takes_a_strategy(tmp_path: Path) -> None:
    code = block("python", "StrategySearcher(").replace("num_samples=40", "num_samples=3").replace("epochs=9", "epochs=2")
    code = code.replace("tune_config=", f"run_config=tune.RunConfig(storage_path={str(tmp_path)!r}, verbose=0),\n    tune_config=")
    (tmp_path / "mine.py").write_text(START + code, encoding="utf-8")
    assert 0 < float(call(tmp_path, "mine.py").split()[-1]) < 1


START = """
import ray

from archsearch.runs.cluster import alone

with alone():
    ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=2)
"""


@pytest.mark.slow
def test_studies_go_both_ways(tmp_path: Path) -> None:
    options = ["--set", "stages=2", "--trials", "3", "--evaluator-set", "epochs=1", "--workers", "0"]
    call(tmp_path, str(TREE / "cli.py"), "search", "chain", *options, "--out", "results/x")
    for line in block("console", "archsearch study").splitlines():
        line = line.replace("--trials 40", "--trials 2 --evaluator-set epochs=1 --workers 0")
        call(tmp_path, str(TREE / "cli.py"), *shlex.split(line)[2:])
    assert len(open_run(tmp_path / "results" / "warm").record.warm) == 3
    (tmp_path / "mine.py").write_text(block("python", "suggest_network(trial").replace("n_trials=50", "n_trials=5"), encoding="utf-8")
    assert "lr" in call(tmp_path, "mine.py")


def test_the_python_runs(tmp_path: Path) -> None:
    code = block("python", "archsearch.search(")
    for long, short in {"trials=40": "trials=3", "epochs=20": "epochs=1", "workers=2": "workers=1"}.items():
        code = code.replace(long, short)
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    front = call(tmp_path, "mine.py").strip().splitlines()
    assert len(front) == len(open_run(tmp_path / "results" / "y").front())
    assert (tmp_path / "my-model" / "model.safetensors").is_file()


@pytest.mark.parametrize("target", ["search", "test", "bench"])
def test_the_make_targets_exist(target: str) -> None:
    assert f"make {target}" in README
    done = subprocess.run(["make", "--dry-run", target], cwd=TREE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
