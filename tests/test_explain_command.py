"""`explain`: pages of a run's networks and of exported ones, on their validation part and on images of one's own."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from archsearch.cli import run
from archsearch.data import load_data
from archsearch.data.loose import read_loose
from archsearch.evaluators.train import Train
from archsearch.explaining.explain import Pictures, explain
from archsearch.explaining.explanation import Explanation
from archsearch.exporters import ExportError, Preprocessing, export
from archsearch.exporters.reading import read_preprocessing
from archsearch.network.compiler import compile_network
from archsearch.report.of_explanation import explanation_page
from archsearch.report.pictures import MOST_SIDE, colour_of, for_and_against, heat, image, overlay, tiles
from archsearch.runs.search import search
from archsearch.runs.store import open_run
from archsearch.spaces.space import load_space
from archsearch.strategies import Random
from archsearch.training.weights import save_weights
from tests.test_explain import convolutional, images, subject, two_exits

EVIL = '</style><script>alert(1)</script><img src=x onerror="alert(1)">'


def three_parts(path: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Images of three classes in parts of which no image stands in another one."""
    arrays: dict[str, Any] = {"class_names": ["low", "mid", EVIL]}
    for part, count in (("train", 60), ("val", 30), ("test", 30)):
        labels = np.arange(count) % 3
        pixels = rng.integers(0, 60, (count, 12, 10), dtype=np.uint8)
        for number, label in enumerate(labels):
            pixels[number, label * 4 : label * 4 + 4] += 150
        arrays |= {f"{part}_images": pixels, f"{part}_labels": labels}
    np.savez(path, **arrays)
    return arrays


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    three_parts(folder / "d.npz", np.random.default_rng(0))
    evaluator = Train(data=str(folder / "d.npz"), epochs=2)
    space = load_space("chain", **evaluator.setting())
    search(space, Random(), evaluator, trials=2, workers=0, out=folder / "r")
    export(open_run(folder / "r").front()[0], folder / "model")
    return folder


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def pictures(self) -> list[Image.Image]:
        assert all(source.startswith("data:image/png;base64,") for source in self.sources)
        found = [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) for source in self.sources]
        for picture in found:
            picture.load()
        return found

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["explain", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_trial_is_explained_on_its_validation_part_alone(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = open_run(searched / "r").front()[0].number
    found = explained(capsys, f"{searched / 'r'}:{number}", "--limit", "9")
    assert Path(found["page"]) == searched / "r" / f"explanation-{number:04d}.html"
    assert found["outputs"][0]["error"] == open_run(searched / "r").trial(number).metrics["error"]
    assert np.sum(found["outputs"][0]["counts"]) == 30
    page = Page(Path(found["page"]).read_text(encoding="utf-8"))
    data = load_data(str(searched / "d.npz"))
    small = [picture for picture in page.pictures() if picture.size == (10, 12) and picture.mode == "L"]
    assert len(small) >= 9
    known = {part: {one.tobytes() for one in getattr(data, part).images[:, 0]} for part in ("train", "validation", "test")}
    assert {picture.tobytes() for picture in small} <= known["validation"] - known["test"] - known["train"]
    for words in ("Which is taken for which", "What answers hang on", "What layers make of it", "First layer"):
        assert words in page.text
    assert "30 images of the validation part of d.npz" in page.text
    assert ("Most confident mistakes" in page.text) == (found["outputs"][0]["error"] > 0)
    assert EVIL[:20] in page.text
    assert page.tags.count("script") == 1


def test_an_exported_network_is_explained_on_own_images(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, folder = load_data(str(searched / "d.npz")), tmp_path / "own"
    folder.mkdir()
    for number, pixels in enumerate(data.test.images[:5, 0]):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:60])
    found = explained(capsys, str(searched / "model"), "--images", str(folder), "--out", str(tmp_path / "page.html"))
    assert [sample["image"] for sample in found["samples"]] == [f"{number}.png" for number in range(5)]
    assert any("1 file is damaged and left out: broken.png" in note for note in found["notes"])
    done = open_run(searched / "r")
    [trial] = done.front()[:1]
    again = explained(capsys, f"{searched / 'r'}:{trial.number}", "--images", str(folder), "--out", str(tmp_path / "two.html"))
    assert again["samples"] == found["samples"]  # means and stds are those of the run
    assert all(sample["truth"] is None for sample in found["samples"])
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "Which is taken for which" not in page.text
    assert "labels" not in page.text
    assert run(["explain", str(searched / "model"), "--images", str(folder), "--out", str(tmp_path / "page.html")]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^0\.png +\S+", shown.out, flags=re.M)
    assert "broken.png" in shown.err


def test_a_genotype_is_explained_with_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    genotype = convolutional(3)
    (tmp_path / "g.json").write_text(genotype.to_json())
    save_weights(compile_network(genotype, 4), tmp_path / "w.safetensors")
    Image.fromarray(images(1)[0, 0].numpy()).save(tmp_path / "i.png")
    monkeypatch.chdir(tmp_path)
    command = ["g.json", "--weights", "w.safetensors", "--images", "i.png"]
    plain = explained(capsys, *command)
    assert plain["page"] == "g-explanation.html"
    assert plain["classes"] == ["0", "1", "2"]
    assert any("--mean and --std" in note for note in plain["notes"])
    told = explained(capsys, *command, "--mean", "0.5", "--std", "0.25", "--classes", "a,b,c")
    assert told["notes"] == []
    with torch.inference_mode():
        scores = compile_network(genotype, 4).eval()((images(1).float() / 255 - 0.5) / 0.25).softmax(1)[0]
    shares = {each["class"]: each["share"] for each in told["samples"][0]["answers"][0]}
    assert shares == pytest.approx(dict(zip("abc", scores.tolist(), strict=True)), abs=1e-6)


def test_a_finished_training_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three_parts(tmp_path / "d.npz", np.random.default_rng(1))
    (tmp_path / "g.json").write_text(convolutional(3).to_json())
    options = ["--data", str(tmp_path / "d.npz"), "--epochs", "1", "--out", str(tmp_path / "t"), "--quiet", "--json"]
    assert run(["train", str(tmp_path / "g.json"), *options]) == 0
    trained = json.loads(capsys.readouterr().out)
    found = explained(capsys, str(tmp_path / "t"))
    assert found["outputs"][0]["error"] == trained["metrics"]["error"]
    assert found["page"] == str(tmp_path / "t" / "explanation.html")


def test_data_must_be_there_and_unchanged(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = open_run(searched / "r").front()[0].number
    shutil.copytree(searched / "r", tmp_path / "r")
    shutil.copy(searched / "d.npz", tmp_path / "moved.npz")
    text = (tmp_path / "r" / "run.json").read_text().replace(str(searched / "d.npz"), str(tmp_path / "gone.npz"))
    (tmp_path / "r" / "run.json").write_text(text)
    target = f"{tmp_path / 'r'}:{number}"
    assert run(["explain", target]) == 1
    assert re.search(r"no file .*gone\.npz.*--data", capsys.readouterr().err)
    assert explained(capsys, target, "--data", str(tmp_path / "moved.npz"))["outputs"][0]["error"] is not None
    three_parts(tmp_path / "moved.npz", np.random.default_rng(5))
    assert run(["explain", target, "--data", str(tmp_path / "moved.npz")]) == 1
    told = capsys.readouterr().err
    assert "the data are not those of the training: other pixels" in told
    assert told.count("\n") == 1


def test_python_that_gives_the_data_runs_only_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "import numpy as np\ndef load():\n    return np.zeros((30, 8, 8), np.uint8), np.arange(30) % 3\n"
    (tmp_path / "mine.py").write_text(code)
    evaluator = Train(data=f"{tmp_path / 'mine.py'}:load", epochs=1)
    done = search(load_space("chain", **evaluator.setting()), Random(), evaluator, trials=1, workers=0, out=tmp_path / "r")
    target = f"{done.folder}:{done.front()[0].number}"
    assert run(["explain", target, "--json"]) == 0
    (tmp_path / "mine.py").write_text(code + f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    capsys.readouterr()
    assert run(["explain", target]) == 1
    assert "the data are not those of the training: other file of the data" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["lenet5"], 2, "lenet5 holds no weights; give --weights FILE"),
        (["lenet5", "--weights", "none.safetensors", "--images", "."], 1, "none.safetensors: cannot be read"),
        (["model"], 2, "which images model was trained on is not known here; give some of your own by --images"),
        (["model", "--images", "empty"], 1, "images empty: there are no PNG, JPEG or TIFF files in it"),
        (["model", "--images", "nowhere"], 1, "images nowhere: no folder, and no PNG, JPEG or TIFF file"),
        (["model", "--images", "broken"], 1, "images broken: none of 1 images is whole; a.png"),
        (["r:1000"], 2, "has no trial 1000"),
        (["nowhere:1"], 1, "nowhere is no run"),
        (["model", "--mean", "a", "--images", "."], 2, "--mean and --std: could not convert string to float"),
        (["model", "--classes", "a,b", "--images", "."], 1, "answers with 3 classes, and its data have 2"),
        (["r", "--out", "d.npz/page.html"], 1, "d.npz/page.html cannot be written"),
    ],
)
def test_wrong_use_gets_one_line(
    searched: Path, arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(searched)
    for folder in ("empty", "broken"):
        (searched / folder).mkdir(exist_ok=True)
    (searched / "broken" / "a.png").write_bytes(b"\x89PNG")
    assert run(["explain", *arguments]) == code
    told = capsys.readouterr().err.splitlines()
    assert words in told[-1]
    assert told[-1].startswith("archsearch: ")


def test_weights_that_were_not_kept_are_said_to_be_gone(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(searched / "r", tmp_path / "r")
    shutil.rmtree(tmp_path / "r" / "weights")
    assert run(["explain", f"{tmp_path / 'r'}:0"]) == 2
    assert "weights of trial 0 were not kept" in capsys.readouterr().err


def test_own_images_are_brought_to_the_input(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (20, 60), dtype=np.uint8)
    Image.fromarray(wide).save(tmp_path / "a.png")
    Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(tmp_path / "b.jpg")
    (tmp_path / "sub").mkdir()
    right = rng.integers(0, 256, (12, 10), dtype=np.uint8)
    Image.fromarray(right).save(tmp_path / "sub" / "c.png")
    Image.fromarray(right.astype(np.int32)).save(tmp_path / "sub" / "d.tif")
    (tmp_path / "notes.txt").write_text("no image")
    found = read_loose(tmp_path, (1, 12, 10), 9)
    assert found.names == ("a.png", "b.jpg", "sub/c.png")
    assert found.pixels.shape == (3, 1, 12, 10)
    np.testing.assert_array_equal(found.pixels[2, 0], right)
    middle = Image.fromarray(wide[:, 21:38])  # 17 of 60 columns: 20 rows by 10/12
    np.testing.assert_array_equal(found.pixels[0, 0], np.asarray(middle.resize((10, 12), Image.Resampling.BILINEAR)))
    notes = "\n".join(found.notes)
    assert "1 file is damaged and left out: sub/d.tif" in notes
    assert "1 of another size brought to 10x12" in notes
    assert "1 in colour made gray" in notes
    colour = read_loose(tmp_path, (3, 12, 10), 2)
    assert colour.pixels.shape == (2, 3, 12, 10)
    assert "the first 2 images are shown; --limit shows some of the 2 others, too" in colour.notes
    with pytest.raises(ValueError, match="takes images of 4 channels"):
        read_loose(tmp_path, (4, 12, 10), 9)


def test_what_an_export_says_of_its_images_is_read_strictly(searched: Path, tmp_path: Path) -> None:
    said, data = read_preprocessing(searched / "model" / "config.json"), load_data(str(searched / "d.npz"))
    assert (said.mean, said.std, said.classes) == (data.mean, data.std, data.class_names)
    file, form = tmp_path / "config.json", '"format": "archsearch.model/1"'
    file.write_text(f"{{{form}}}")
    assert read_preprocessing(file) == Preprocessing()
    for text in (
        "{}",
        "[]",
        f'{{{form}, "mean": ["a"], "std": [1]}}',
        f'{{{form}, "mean": [0.5], "std": [0]}}',
        f'{{{form}, "mean": [0.5]}}',
        f'{{{form}, "mean": [1e999], "std": [1]}}',
        f'{{{form}, "id2label": {{"1": "a"}}}}',
        f'{{{form}, "id2label": ["a"]}}',
    ):
        file.write_text(text)
        with pytest.raises(ExportError, match=r"config\.json: .*; give a folder that archsearch exported"):
            read_preprocessing(file)


def whole(count: int, **more: Any) -> Explanation:
    found = subject(convolutional(count))
    pictures = Pictures(images(60), [f"image {n}" for n in range(60)], torch.arange(60) % count)
    return replace(explain(found, pictures, "a network", "some images", 4), **more)


@pytest.mark.parametrize("classes", [2, 24, 40])
def test_hostile_names_are_text_however_many_classes_there_are(classes: int) -> None:
    found = whole(classes, classes=tuple(f"{EVIL}{n}" for n in range(classes)), title=EVIL, source=EVIL, notes=(EVIL,))
    text = explanation_page(found)
    page = Page(text)
    assert "<script>alert" not in text
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 2
    assert "Content-Security-Policy" in text
    assert ('<th scope="col">' in text) == (classes <= 24)
    assert len(page.pictures()) > 12


def test_pages_of_any_time_networks_and_of_masks() -> None:
    pixels, truth = images(20), torch.arange(20) % 5
    pictures = Pictures(pixels, [f"image {n}" for n in range(20)], truth)
    page = Page(explanation_page(explain(subject(two_exits()), pictures, "t", "s", 3)))
    assert "Exits" in page.text
    assert "exit early" in page.text
    masks = torch.randint(0, 3, (20, 12, 10), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    masks[:, 0] = 255
    found = explain(subject(convolutional(3, masks=True)), replace(pictures, truth=masks), "t", "s", 3)
    page = Page(explanation_page(found))
    for words in ("Mean IoU", "Worst answers", "IoU", "Found"):
        assert words in page.text
    assert found.mistakes[0].true_mask is not None
    drawn = overlay(found.mistakes[0].true_mask, found.mistakes[0].picture)
    assert drawn[0].max() <= 64  # what has no class is dark


def test_pictures_are_small_and_keep_their_order() -> None:
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    light = heat(ramp).astype(int)[0] @ [299, 587, 114] // 1000
    assert (np.diff(light) >= 0).all()
    assert heat(np.zeros((3, 4), np.float32)).shape == (3, 4, 3)
    mid = np.full((1, 3, 1), 128, np.uint8)
    warm, none, cold = for_and_against(np.array([[1, 0, -1]], np.float32), mid).astype(int)[0]
    assert warm[0] > none[0] > warm[2]
    assert cold[2] > none[2] > cold[0]
    assert len({none[0], none[1], none[2]}) == 1
    assert len({colour_of(label) for label in range(40)}) == 40
    sheet = tiles([np.full((2, 3), value, np.uint8) for value in range(5)], 2)
    assert sheet.shape == (8, 7, 4)
    assert (sheet[2, :, 3] == 0).all()
    assert sheet[6, 2].tolist() == [4, 4, 4, 255]
    big = Page(image(np.zeros((900, 300), np.uint8), "x")).pictures()
    assert max(big[0].size) == MOST_SIDE
