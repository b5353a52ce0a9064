"""What commands take: runs, trials, files, names of the zoo, another input; and what they do where files are there already."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from archsearch import Genotype, __version__, analyse, load_space, zoo
from archsearch.analysis import Device
from archsearch.cli import run
from archsearch.evaluators import EVALUATORS
from archsearch.runs.search import METHODS
from archsearch.runs.store import open_run
from tests.runs import small_search


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_search(tmp_path_factory.mktemp("searched") / "x", trials=8).folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, searched: Path) -> Path:
    """A folder with the run `x` and the file `n.json` in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(searched, "x")
    Path("n.json").write_text(load_space("chain").sample(np.random.default_rng(0)).genotype.to_json())
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run([*arguments]) == code
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run([*arguments]) in (1, 2)
    line = capsys.readouterr().err
    assert line.count("\n") == 1, line
    return line


COMMANDS = (["lint"], ["convert"], ["edit"], ["draw", "--out", "n.svg"], ["diff", "x:0"], ["around"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_run_stands_for_its_best_network(command: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = f"x:{open_run('x').front()[0].number}"
    name, *rest = command
    assert run([name, "x", *rest]) in (0, 1)  # 1: lint found something
    of_run = capsys.readouterr().out
    run([name, best, *rest])
    of_trial = capsys.readouterr().out
    assert of_run.strip()
    assert of_run.replace(best, "x").splitlines() == of_trial.replace(best, "x").splitlines()


def test_every_network_can_be_exported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "export", "lenet5", "--out", "lenet").strip().endswith("lenet")
    exported = Genotype.from_json(Path("lenet/genotype.json").read_text())
    assert exported.fingerprint == zoo.build("lenet5").fingerprint
    assert "give --out FOLDER" in refused(capsys, "export", "lenet5")


def test_a_folder_that_is_called_as_a_network_does_not_hide_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("lenet5").mkdir()
    assert "61,706" in told(capsys, "show", "lenet5")


def test_another_input_for_a_file_or_a_trial(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("n.json", "x:0"):
        small = json.loads(told(capsys, "show", target, "--json"))
        large = json.loads(told(capsys, "show", target, "--input", "1,32,32", "--json"))
        assert large["inputs"] == [[1, 32, 32]]
        assert large["macs"] > 3 * small["macs"]
    assert "does not take an input of 8: node" in refused(capsys, "show", "n.json", "--input", "8")


def test_a_trial_says_how_it_went(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = open_run("x").trials[3]
    text = told(capsys, "show", "x:3")
    assert text.startswith("x, trial 3 of 8, ")
    assert f"Error {100 * trial.metrics['error']:.2f}%" in text
    assert "choices: " + ", ".join(f"{name}={value}" for name, value in trial.choices.items()) in text
    data = json.loads(told(capsys, "show", "x:3", "--json"))
    assert (data["trial"], data["choices"], data["metrics"]["error"]) == (3, trial.choices, trial.metrics["error"])
    assert data["seconds"] == open_run("x").seconds[3]
    assert data["params"] == analyse(open_run("x").genotype(3)).params
    assert "no trial 99" in refused(capsys, "show", "x:99")


def test_a_device_adds_the_latency_of_every_network_of_the_front(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("d.json").write_text(Device(1e9, 1e9, 1e-5, name="phone").to_json())
    rows = json.loads(told(capsys, "show", "x", "--device", "d.json", "--json"))["front"]
    assert all(row["estimated_latency_ms"] > 0 for row in rows)
    text = told(capsys, "show", "x", "--device", "d.json")
    assert "Estimated latency" in text.splitlines()[3]
    assert "on phone" in text
    assert "estimated_latency_ms" not in json.loads(told(capsys, "show", "x", "--json"))["front"][0]


@pytest.mark.parametrize("option", [["--depth", "1"], ["--sort", "macs"], ["--input", "1,9,9"], ["--batch", "2"]], ids=" ".join)
def test_options_for_one_network_are_refused_for_a_run(option: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{option[0]} is for one network; give RUN:TRIAL" in refused(capsys, "show", "x", *option)


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["export", "lenet5", "--out", "out"], "out/model.py"),
        (["sample", "chain", "--count", "2", "--out", "out"], "out/chain-000.json"),
        (["around", "lenet5", "--out", "out.py"], "out.py"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_there_is_replaced_with_force_alone(
    arguments: list[str], made: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, *arguments)
    written = Path(made).read_text()
    Path(made).write_text("mine")
    assert "--force" in refused(capsys, *arguments)
    assert Path(made).read_text() == "mine"
    told(capsys, *arguments, "--force")
    assert Path(made).read_text() == written


@pytest.mark.parametrize(
    ("objectives", "line"),
    [
        (["accuracy"], "objective 'accuracy' is not measured; give error, which is minimised (error = 1 - accuracy)"),
        (["error", "flops"], "objective 'flops' is not measured; give macs, which is minimised (flops = 2 x macs)"),
        (["error", "macs", "error"], "objective 'error' is given twice; give each metric once"),
        (["memory", "memory_bytes"], "objective 'memory_bytes' is given twice"),
    ],
    ids=" ".join,
)
def test_objectives_that_cannot_be_are_met_with_what_to_do(
    objectives: list[str], line: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for objective in objectives for word in ("--objective", objective)]
    assert line in refused(capsys, "search", "chain", "--strategy", "random", *words, "--out", "new")
    assert not Path("new").exists()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "--version") == f"archsearch {__version__}\n"


@pytest.mark.parametrize(("command", "names"), [("strategies", METHODS), ("evaluators", EVALUATORS)])
def test_every_strategy_and_evaluator_is_listed_with_its_options(
    command: str, names: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    listed = json.loads(told(capsys, command, "--json"))
    assert [part["name"] for part in listed] == sorted(names)
    assert all(part["about"] for part in listed)
    for part in listed:
        assert part["meanings"].keys() == part["options"].keys(), part["name"]
    text = told(capsys, command)
    assert all(f"{option}=" in text for part in listed for option in part["options"])
    assert "did you mean" in refused(capsys, command, sorted(names)[0] + "x")


def test_one_strategy_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "strategies", "evolution")
    assert "arXiv:1802.01548" in text
    assert "Of these, how many a parent is the best of" in " ".join(text.split())
