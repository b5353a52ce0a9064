"""`README.md` and `config.json` of an export: what a hub reads of them, what people do, and that the snippet runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from archsearch import Genotype
from archsearch.data.description import Description
from archsearch.evaluators.train import Train
from archsearch.exporters import Card, export_network, export_trial, gather
from archsearch.exporters.config import config_of
from archsearch.exporters.model_card import write_card
from archsearch.fidelity import Fidelity
from archsearch.runs.search import search
from archsearch.runs.store import Run
from archsearch.solo.training import train_network
from archsearch.strategies import Random
from archsearch.support.reading import one_line
from tests.runs import small_space
from tests.test_export import cell

NAMES = tuple(f"digit {i}" for i in range(10))
CARD = Card(
    name="a cell",
    data="digits",
    description=Description(
        "classification", (1, 8, 8), NAMES, (0.25,), (0.5,), {"training images": 1079, "content": "ab"}, {"data": "/home/me/digits"},
        ("images of 9x9 were brought to 8x8",),
    ),
    history=("Trained by seed 3.",),
    options={"epochs": 5, "lr": 0.02, "data": "/home/me/digits", "device": "cpu", "own": Path("/home/me/own.py")},
    metrics={"validation": {"error": 0.0625, "loss": 0.5}, "test": {"error": 0.125, "loss": 0.75}},
    spread={"validation": {"error": 0.01}, "test": {"error": 0.02}},
    versions={"torch": "2.13.0"},
)  # fmt: skip


def card_text(card: Card = CARD, genotype: Genotype | None = None, classes: tuple[str, ...] = NAMES) -> str:
    genotype = genotype or cell()
    given = {"mean": (0.25,), "std": (0.5,), "classes": classes}
    return write_card(gather(genotype, gather(genotype).state, given, title="A cell that was found.", card=card)).decode()


def validated(text: str) -> ModelCard:
    card = ModelCard(text)
    assert card.data.library_name == "pytorch"
    assert "archsearch" in card.data.tags
    return card


def test_a_hub_reads_the_metadata():
    card = validated(card_text())
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.license is None
    found = {(one.dataset_split, one.metric_type): one.metric_value for one in card.data.eval_results}
    assert found == {("validation", "accuracy"): 0.9375, ("test", "accuracy"): 0.875}
    assert {one.dataset_name for one in card.data.eval_results} == {"digits"}
    again = ModelCard(str(card))
    assert again.data.to_dict() == card.data.to_dict()


def test_people_read_data_training_figures_and_limits():
    text = card_text()
    for words in (
        "# A cell that was found.", "digits: 1,079 training images.", "- images of 9x9 were brought to 8x8", "Trained by seed 3.",
        "epochs=5, lr=0.02, own=own.py", "| error | 6.25% (over all seeds: standard deviation 1.00%) | 12.50% (over all",
        "8,294 parameters", "torch 2.13.0", "## Limits", "## Licence", "mean 0.25, standard deviation 0.5",
    ):  # fmt: skip
        assert words in text
    assert "/home/me" not in text
    assert "/home/me" not in json.dumps(config_of(gather(cell(), card=CARD)))


@pytest.mark.parametrize("name", ['a" b: {c}\n---\nlicense: mit', "\u2028\x00é", "#| `x` <b>", "---", "yes", "x" * 5000])
def test_names_of_any_kind_stay_names(name: str):
    classes = (name, *NAMES[1:])
    description = replace(CARD.description, notes=(name,))
    card = validated(card_text(replace(CARD, name=name, data=name, history=(), description=description), classes=classes))
    assert card.data.license is None
    assert {one.dataset_name for one in card.data.eval_results} == {one_line(name)}
    assert "<b>" not in card.text
    assert len(card.data.eval_results) == 2


def test_without_a_history_little_is_said():
    text = write_card(gather(cell())).decode()
    card = validated(text)
    assert card.data.eval_results is None
    assert "NOT trained: random" in text
    assert "has to be trained before it is of any use" in text
    assert "## Data" not in text
    assert config_of(gather(cell()))["trained"] is False


def test_segmentation_counts_overlap():
    metrics = {"test": {"error": 0.4, "miou": 0.6, "pixel_accuracy": 0.9}}
    card = validated(card_text(replace(CARD, description=replace(CARD.description, task="segmentation"), metrics=metrics)))
    assert card.data.pipeline_tag == "image-segmentation"
    assert {one.metric_type: one.metric_value for one in card.data.eval_results} == {"mean_iou": 0.6, "pixel_accuracy": 0.9}


def snippet_in(folder: Path) -> str:
    return re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S).group(1)


def test_the_snippet_loads_the_network_in_five_lines(tmp_path: Path):
    given = {"mean": (0.25,), "std": (0.5,), "classes": NAMES}
    folder = export_network(cell(), tmp_path / "out", gather(cell()).state, given, card=CARD, check=False)
    code = snippet_in(folder)
    assert code.count("\n") == 5
    before = "import torch\nimages = torch.rand(2, 1, 8, 8)\n"
    after = "\nassert outputs.shape == (2, 10)\nassert torch.equal(outputs, __import__('model').load()(preprocess(images)))"
    done = subprocess.run([sys.executable, "-c", before + code + after], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {
        "README.md", "config.json", "genotype.json", "model.py", "model.safetensors"
    }  # fmt: skip


def test_config_says_what_goes_in_and_comes_out():
    config: dict[str, Any] = config_of(gather(cell(), preprocessing={"mean": (0.25,), "std": (0.5,), "classes": NAMES}, card=CARD))
    assert (config["inputs"], config["outputs"], config["params"]) == ([[1, 8, 8]], [[10]], 8294)
    assert (config["mean"], config["std"], config["id2label"]["3"], config["num_labels"]) == ([0.25], [0.5], "digit 3", 10)
    assert config["metrics"]["test"]["error"] == 0.125
    assert config["training"] == {"epochs": 5, "lr": 0.02, "own": "own.py"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    fidelity = Fidelity("epochs", (1, 2), "halving", 2)
    return search(
        small_space(), Random(), Train(epochs=2, batch=256), objectives=("error", "params"), trials=4, seed=5,
        out=tmp_path_factory.mktemp("runs") / "x", workers=0, fidelity=fidelity, inherit=True,
    )  # fmt: skip


def test_a_trial_says_how_it_was_found_and_trained(run: Run, tmp_path: Path):
    number = run.best()
    assert number is not None
    folder = export_trial(run, number, tmp_path / "out")
    text = (folder / "README.md").read_text()
    card = validated(text)
    test = {one.metric_type: one.metric_value for one in card.data.eval_results if one.dataset_split == "test"}
    assert test["accuracy"] == pytest.approx(1 - run.tests[number]["error"], abs=1e-6)
    for words in (
        f"Trial {number} of 4 of a search by `random` in the space `cell`", "seed 5", "best in error, params", "judged by `train`",
        "rungs of `epochs` (1 -> 2, schedule halving)", "in the end it was trained from scratch, and those are the weights here",
        "epochs=2", "1,079 training images",
    ):  # fmt: skip
        assert words in text, words
    assert "inherited\\_error" not in text
    config = json.loads((folder / "config.json").read_text())
    assert config["metrics"]["test"]["error"] == run.tests[number]["error"]
    assert config["fingerprint"] == run.genotype(number).fingerprint
    assert load_file(folder / "model.safetensors").keys() == load_file(run.weights(number)).keys()


def test_a_training_says_what_its_seeds_came_to(tmp_path: Path):
    record = train_network(cell(), Train(epochs=1, batch=256), tmp_path / "x", seeds=(0, 1), title="my cell")
    text = (tmp_path / "x" / "README.md").read_text()
    best = record.outcome()
    validated(text)
    assert f"Trained by 2 seeds; this is the one that was best on the validation part: seed {best.seed}." in text
    deviation = record.figures()["test_error"][1]
    assert f"{best.test['error']:.2%} (over all seeds: standard deviation {deviation:.2%})" in text
    assert "looked at once" in text
    with torch.inference_mode():
        assert json.loads((tmp_path / "x" / "config.json").read_text())["metrics"]["test"]["error"] == best.test["error"]
