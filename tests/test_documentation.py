"""README and docs/ do what they say: all of their blocks run, only with fewer and shorter trainings; nothing that exists is left out."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.main import get_command

from archsearch import compile_network
from archsearch.analysis import read_device
from archsearch.cli.app import app
from archsearch.exporters import FORMATS
from archsearch.proxies import PROXIES
from archsearch.runs.placement import Placement
from archsearch.runs.store import open_run
from archsearch.solo.record import read_training
from archsearch.strategies import STRATEGIES
from archsearch.supernets import SUPERNETS
from archsearch.zoo import build
from tests.pages import CLI, PAGES, TREE, Section, Trial, done, read, with_blocks
from tests.warm import run_python

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
SECTIONS = {section.name: section for section in with_blocks()}


def a_run(folder: Path) -> None:
    """A small search, as readers of every page have done one."""
    options = ["--objective", "error", "--objective", "macs", "--trials", "4", "--workers", "0", "--evaluator-set", "epochs=1"]
    done(run_python(CLI, "search", "chain", "--set", "stages=2", *options, "--quiet", "--out", "results/x", cwd=folder), "search")


def photos(folder: Path) -> None:
    for number in range(60):
        path = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)


def cat(folder: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "cat.png")


def weights(folder: Path) -> None:
    save_file(compile_network(build("resnet18")).state_dict(), folder / "resnet18.safetensors")


GIVEN: dict[str, Callable[[Path], object]] = {
    "results/example": lambda folder: shutil.copytree(TREE / "results" / "example", folder / "results" / "example"),
    "photos": photos,
    "cat.png": cat,
    "resnet18.safetensors": weights,
}
"""What the pages take as there, and how it comes to be."""


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run that readers have."""
    folder = tmp_path_factory.mktemp("ready")
    a_run(folder)
    return folder


def latency_was_predicted(folder: Path) -> None:
    run = open_run(folder / "results" / "fast")
    assert run.record.latency_device == read_device(folder / "device.json")
    assert all({"predicted_latency_ms", "latency_ms"} <= trial.metrics.keys() for trial in run.trials)


def all_formats_were_written(folder: Path) -> None:
    assert {"model.py", "model.onnx", "model.xml", "model.pt2", "model.svg", "model.int8.onnx", "quantized.json", "checks.json"} <= {
        path.name for path in (folder / "served").iterdir()
    }
    run = open_run(folder / "results" / "served")
    assert len(list((folder / "fronts").iterdir())) == len([trial for trial in run.front() if run.weights(trial.number)])


def the_search_was_shown(folder: Path) -> None:
    assert (folder / "results" / "x" / "report.html").is_file()
    assert (folder / "my-model" / "model.py").is_file()


def the_formula_was_used(folder: Path) -> None:
    trials = open_run(folder / "results" / "formula").trials
    assert [trial.metrics["error"] for trial in trials] == [1 / (1 + 2 * trial.metrics["params"] / 5000) for trial in trials]


def the_loop_learnt(folder: Path) -> None:
    trials = open_run(folder / "results" / "loop").trials
    assert [len(trial.curve) for trial in trials] == [3, 3]
    assert min(trial.metrics["error"] for trial in trials) < 0.5


def the_op_is_not_needed(folder: Path) -> None:
    text = (folder / "op-model" / "model.py").read_text(encoding="utf-8")
    assert "Tanh" in text
    assert "ScaledTanh(Op)" not in text


def weights_were_taken_over(folder: Path) -> None:
    assert read_training(folder / "trained").seeds == (0, 1)
    tuned, state = load_file(folder / "tuned" / "model.safetensors"), load_file(folder / "resnet18.safetensors")
    assert torch.equal(tuned["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"])
    assert tuned["fc.weight"].shape == (2, 512)


def ray_began_here(folder: Path) -> None:
    assert open_run(folder / "results" / "z").record.placement == Placement("ray")


ALONE = """
import ray

from archsearch.runs.cluster import alone

with alone():
    ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=2)
"""

WEIGHTS = """
from archsearch import compile_network, zoo

state_dict = compile_network(zoo.build("resnet18"), seed=3).state_dict()
"""

TRIED: dict[str, Trial] = {
    "design.md: In Python": Trial(first=WEIGHTS),
    "first-search.md: Search, look, take home": Trial(after=the_search_was_shown),
    "data.md: A function of your own": Trial(
        after=lambda folder: check(open_run(folder / "results/mine").record.description.classes == ("top", "middle", "bottom"))
    ),
    "op.md: Ten lines": Trial(after=the_op_is_not_needed),
    "evaluator.md: Ten lines": Trial(after=the_formula_was_used),
    "evaluator.md: A training loop": Trial({"--trials 20": "--trials 2 --seed 1 --evaluator-set epochs=3"}, after=the_loop_learnt),
    "choosing.md: Compare them yourself": Trial(
        {"--trials 30": "--trials 2"}, after=lambda folder: check((folder / "comparison-mine.html").is_file())
    ),
    "choosing.md: Searches that train one network": Trial(
        {"layers=5": "layers=3", "--max-macs": "--strategy-set again=1 --strategy-set tune=1 --max-macs"},
        after=lambda folder: check(open_run(folder / "results/f").trials),
    ),
    "cheaper.md: Proxies before, weights from before": Trial(
        {"search cell": "search cell --set cells=1", "--prefilter 10": "--prefilter 3", "--foresight 50": "--foresight 10"}
    ),
    "cheaper.md: Shared weights": Trial(after=lambda folder: check(len(open_run(folder / "results/shared").trials) == 4)),
    "cheaper.md: Zero-cost proxies": Trial(
        {"--trials": "--evaluator-set images=8 --trials"}, after=lambda folder: check(open_run(folder / "results/proxy").front())
    ),
    "costs.md: Latency": Trial({"--max-latency 5": "--max-latency 500"}, after=latency_was_predicted),
    "export.md: Other formats": Trial({"search cell": "search cell --set cells=1"}, after=all_formats_were_written),
    "train.md: ": Trial(after=weights_were_taken_over),
    "cluster.md: A cluster of Ray": Trial(after=ray_began_here),
    "cluster.md: Ray Tune": Trial(
        {"    tune_config=": "    run_config=tune.RunConfig(storage_path=__import__('os').getcwd(), verbose=0),\n    tune_config="},
        first=ALONE,
    ),
    "cluster.md: Optuna": Trial(after=lambda folder: check(len(open_run(folder / "results/warm").record.warm) == 4)),
}


def check(holds: object) -> None:
    assert holds


QUICK = {
    "README.md: Use", "data.md: A function of your own", "design.md: In Python", "design.md: The text form", "evaluator.md: Ten lines",
    "first-search.md: From Python", "op.md: Ten lines", "space.md: Ten lines", "strategy.md: A class",
}  # fmt: skip
"""Sections for every run of the suite; the others are for the slow tests."""


def marked(section: Section) -> object:
    return pytest.param(section, id=section.name, marks=[pytest.mark.slow] * (section.name not in QUICK))


@pytest.mark.parametrize("section", [marked(section) for section in SECTIONS.values()])
def test_a_section_does_what_it_says(section: Section, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for name, give in GIVEN.items():
        if name in section.text:
            give(tmp_path)
    if re.search(r"results/x\b", section.text) and not re.search(r"--out results/x\s", section.text):
        shutil.copytree(request.getfixturevalue("ready"), tmp_path, dirs_exist_ok=True)
    trial = TRIED.get(section.name, Trial())
    assert section.blocks
    read(section, tmp_path, trial)
    trial.after(tmp_path)


def test_what_is_said_of_sections_is_said_of_some_that_are_there() -> None:
    assert {*TRIED, *QUICK} <= set(SECTIONS)


def page(name: str) -> str:
    return (TREE / "docs" / name).read_text(encoding="utf-8")


def test_every_command_has_a_row() -> None:
    rows = re.findall(r"^\| `([\w]+)[^`]*` \|", page("commands.md"), flags=re.M)
    assert rows == list(dict.fromkeys(rows))
    assert set(rows) == set(COMMANDS)


def test_the_tables_are_complete() -> None:
    rows = "".join(re.findall(r"^\| (`[^|]*) \|", page("choosing.md"), flags=re.M))
    assert set(re.findall(r"`(\w+)`", rows)) >= {*STRATEGIES, *SUPERNETS} - {"proposer"}
    assert all(f"`{name}`" in page("export.md") for name in FORMATS)
    assert all(f"`{name}`" in page("cheaper.md") for name in PROXIES)


def test_commands_and_options_in_the_text_exist() -> None:
    known = {name: {option for given in each.params for option in given.opts} for name, each in COMMANDS.items()}
    every = {"--help", "--version"}.union(*known.values())
    for path in PAGES:
        prose = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
        for code in re.findall(r"`([^`]+)`", prose):
            command = re.match(r"archsearch (\w+)", code)
            assert command is None or command[1] in known, f"{path.name}: {code}"
            assert all(find_spec(module) for module in re.findall(r"python -m ([\w.]+)", code)), f"{path.name}: {code}"
            options = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", code)) if command or code.startswith("--") else set()
            assert options <= (known[command[1]] if command else every), f"{path.name}: {code}"


def test_links_of_the_readme_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[0].read_text(encoding="utf-8")):
        assert (TREE / target).is_file(), target


@pytest.mark.parametrize("target", ["search", "test", "bench", "docs"])
def test_the_make_targets_exist(target: str) -> None:
    assert f"make {target}" in PAGES[0].read_text(encoding="utf-8")
    ended = subprocess.run(["make", "--dry-run", target], cwd=TREE, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
