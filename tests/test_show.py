"""`show` of networks: folding keeps the sums, sorting sorts, and targets are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsearch import analyse, zoo
from archsearch.cli import run
from archsearch.cli.folding import fold
from archsearch.network.text_form import to_text


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "msdnet_cifar"])
@pytest.mark.parametrize("depth", [None, 1, 2, 9])
def test_folding_keeps_the_sums(name: str, depth: int | None) -> None:
    analysis = analyse(zoo.build(name))
    folds = fold(analysis.rows, depth, [0.5] * len(analysis.rows))
    assert sum(line.params for line in folds) == analysis.params
    assert sum(line.macs for line in folds) == analysis.macs
    assert sum(line.seconds for line in folds) == 0.5 * len(analysis.rows)
    assert folds[-1].shape == analysis.rows[-1].shape
    if depth == 1:
        assert all("/" not in line.name for line in folds)
    if depth is None:
        assert [line.name for line in folds] == [row.name for row in analysis.rows]


def test_the_dearest_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "alexnet", "--sort", "params"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("classifier/1")
    assert lines[2].startswith("classifier/4")


def test_a_zoo_network_takes_another_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "resnet18", "--input", "3x64x64", "--batch", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"] == [[3, 64, 64]]
    assert found["macs"] == analyse(zoo.build("resnet18", input=(3, 64, 64))).macs
    assert found["batch"] == 4


def test_a_file_in_the_text_form_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lenet.txt"
    file.write_text(to_text(zoo.build("lenet5")))
    assert run(["show", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"] == 61_706


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "resnet19"], 2, "no file, run or network of the zoo is called 'resnet19'; did you mean resnet18"),
        (["show", "resnet18", "--sort", "macz"], 2, "--sort 'macz' is unknown; did you mean macs?"),
        (["show", "resnet18", "--input", "3,big"], 2, "shape '3,big' must be whole numbers parted by commas"),
        (["show", "resnet18", "--input", "3,16,16"], 1, "is smaller than the total stride of 32x32"),
        (["show", "lenet.txt"], 2, "lenet.txt: No such file or directory; give a network of the zoo"),
        (["zoo", "nonesuch"], 2, "no network's name has 'nonesuch' in it"),
        (["edit", "lenet5", "--set", "c1.kernel=99"], 1, "c1"),
        (["edit", "lenet5", "--remove", "nothing"], 1, "nothing"),
        (["convert", "lenet5", "--out", "no/such/folder.txt"], 2, "no/such/folder.txt: No such file or directory; choose another --out"),
    ],
)
def test_wrong_use_gets_one_line(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
