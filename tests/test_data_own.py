"""Data of a user's own: a CSV of paths and classes, and a function in a Python file; a run records and checks both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archsearch.cli import run
from archsearch.data import Data, Form, load_data, place_of
from archsearch.evaluators.train import Train
from archsearch.runs.executor import ExecutorError
from archsearch.runs.search import search
from archsearch.spaces.space import load_space
from archsearch.strategies import Random

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 6, 5), dtype=np.uint8)


def images(folder: Path, count: int = 24) -> Path:
    (folder / "photos").mkdir(parents=True)
    for number in range(count):
        Image.fromarray(PIXELS[number]).save(folder / "photos" / f"{number}.png")
    return folder


def listed(folder: Path, text: str) -> str:
    (folder / "list.csv").write_text(text)
    return str(folder / "list.csv")


def pairs(data: Data, *parts: str) -> set[tuple[bytes, str]]:
    chosen = [getattr(data, part) for part in parts or ("train", "validation", "test")]
    return {(image.tobytes(), data.class_names[label]) for part in chosen for image, label in zip(part.images, part.labels, strict=True)}


def known(numbers: range, name) -> set[tuple[bytes, str]]:
    return {(PIXELS[number].tobytes(), name(number)) for number in numbers}


def animal(number: int) -> str:
    return ("owl", "cat", "dog")[number % 3]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("head", ["path,label", "Filename,Class", "id,label,image", ""])
def test_a_csv_lists_images_and_their_classes(tmp_path, head, separator):
    rows = [f'photos/{n}.png,"{animal(n)}"' if head != "id,label,image" else f"{n},{animal(n)},photos/{n}.png" for n in range(24)]
    lines = [head, *rows] if head else rows
    data = load_data(listed(images(tmp_path), "\ufeff" + "\r\n".join(lines).replace(",", separator) + "\n\n"), 0)
    assert (data.name, data.shape, data.class_names, data.flip) == ("list.csv", (1, 6, 5), ("cat", "dog", "owl"), False)
    assert pairs(data) == known(range(24), animal)


def test_parts_that_a_csv_names_are_kept(tmp_path):
    part = {0: "train", 1: "val", 2: "Test"}
    rows = [f"photos/{n}.png,{n % 2 * 10 + 2},{part[n // 8]}" for n in range(24)]
    data = load_data(listed(images(tmp_path), "\n".join(["path,label,part", *rows])), 0)
    assert data.class_names == ("2", "12")  # by value, not by letters
    for place, name in enumerate(("train", "validation", "test")):
        assert pairs(data, name) == known(range(8 * place, 8 * place + 8), lambda n: str(n % 2 * 10 + 2))


def test_an_image_of_a_csv_that_changes_is_read_anew(tmp_path):
    text = "path,label\n" + "\n".join(f"photos/{n}.png,{animal(n)}" for n in range(24))
    before = load_data(listed(images(tmp_path), text), 0)
    assert load_data(str(tmp_path / "list.csv"), 0) is before
    Image.fromarray(255 - PIXELS[5]).save(tmp_path / "photos" / "5.png")
    assert ((255 - PIXELS[5]).tobytes(), "dog") in pairs(load_data(str(tmp_path / "list.csv"), 0))


WRONG_CSV = {
    "empty": ("", "it is empty; expected a first line path,label"),
    "only a head": ("path,label\n", "it lists no image"),
    "no head": ("a.png,cat\n", "it begins with 'a.png,cat'; expected a first line path,label"),
    "no such file": ("path,label\nphotos/0.png,cat\nphotos/x.png,dog\n", "line 3: there is no PNG, JPEG or TIFF 'photos/x.png'"),
    "a folder": ("path,label\nphotos,cat\n", "line 2: there is no PNG, JPEG or TIFF 'photos'"),
    "a device": ("path,label\n/dev/zero,cat\n", "line 2: there is no PNG, JPEG or TIFF '/dev/zero'"),
    "no class": ("path,label\nphotos/0.png,\n", "line 2 has no class for 'photos/0.png'"),
    "too few columns": ("path,label,part\nphotos/0.png,cat\n", "line 2 has 2 columns"),
    "twice": ("path,label\nphotos/0.png,cat\nphotos/0.png,dog\n", "'0.png' stands twice; list each image once"),
    "unknown part": ("path,label,part\nphotos/0.png,cat,trian\n", "line 2 has part 'trian'; did you mean train"),
    "no test": ("path,label,part\nphotos/0.png,cat,train\n", "there are images for train alone; give train and test"),
    "a quote that stays open": ('path,label\n"photos/0.png,cat\n', "unexpected end of data"),
    "one class": ("path,label\n" + "".join(f"photos/{n}.png,cat\n" for n in range(6)), "there is one class only"),
    "no text": ("path,label\n\udcff", "not a text in UTF-8"),
}


@pytest.mark.parametrize("case", sorted(WRONG_CSV))
def test_a_wrong_csv_gets_one_clear_line(tmp_path, case):
    text, words = WRONG_CSV[case]
    (images(tmp_path, 6) / "list.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=words) as raised:
        load_data(str(tmp_path / "list.csv"), 0)
    assert len(str(raised.value).splitlines()) == 1
    assert "list.csv" in str(raised.value)
    assert len(str(raised.value)) <= 300


DATASET = """
import numpy as np
import torch
RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4

class Items(torch.utils.data.Dataset):
    classes = ["a", "b", "c", "d"]
    def __init__(self, numbers, kind): self.numbers, self.kind = numbers, kind
    def __len__(self): return len(self.numbers)
    def __getitem__(self, place):
        number = self.numbers[place]
        image, label = PIXELS[number], int(LABELS[number])
        if self.kind == "tensor": image, label = torch.tensor(image).permute(2, 0, 1), torch.tensor(label)
        if self.kind == "floats": image = torch.tensor(image).permute(2, 0, 1).float() / 255
        if self.kind == "pil":
            from PIL import Image
            image = Image.fromarray(image)
        return image, label

def arrays(): return PIXELS, LABELS
def tensors(): return torch.tensor(PIXELS).permute(0, 3, 1, 2), torch.tensor(LABELS)
def named(): return {"images": PIXELS, "labels": LABELS, "flip": np.array(True), "class_names": np.array(["a", "b", "c", "d"])}
def dataset(): return Items(range(40), "array")
def tensor_dataset(): return Items(range(40), "tensor")
def float_dataset(): return Items(range(40), "floats")
def pil_dataset(): return Items(range(40), "pil")
def three(): return Items(range(20), "array"), Items(range(20, 28), "tensor"), Items(range(28, 40), "pil")
def two(): return Items(range(30), "array"), Items(range(30, 40), "array")
def masks(): return {"images": PIXELS, "masks": PIXELS[..., 0] % 3}
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(DATASET)
    return str(tmp_path / "mine.py")


def whole(data: Data) -> set[tuple[bytes, int]]:
    parts = (data.train, data.validation, data.test)
    scale = 1 if data.train.images.dtype == np.uint8 else 255
    pixels = [np.rint(part.images * scale).astype(np.uint8) for part in parts]
    return {(i.tobytes(), int(k)) for part, shown in zip(parts, pixels, strict=True) for i, k in zip(shown, part.labels, strict=True)}


OWN = np.random.default_rng(3).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(
    "name", ["arrays", "tensors", "named", "dataset", "tensor_dataset", "float_dataset", "pil_dataset", "three", "two"]
)
def test_a_function_gives_data_in_any_of_the_usual_forms(own, name):
    data = load_data(f"{own}:{name}", 0)
    assert (data.name, data.shape, data.classes, data.flip) == (f"mine.py:{name}", (3, 6, 5), 4, name == "named")
    assert whole(data) == {(np.ascontiguousarray(image).tobytes(), number % 4) for number, image in enumerate(OWN)}
    assert data.class_names == (("0", "1", "2", "3") if name in ("arrays", "tensors") else ("a", "b", "c", "d"))
    if name == "three":
        assert [len(part) for part in (data.train, data.validation, data.test)] == [20, 8, 12]
    if name == "two":
        assert {image.tobytes() for image in data.test.images} == {np.ascontiguousarray(image).tobytes() for image in OWN[30:]}


def test_a_function_may_give_masks(own):
    data = load_data(f"{own}:masks", 0)
    assert (data.task, data.classes) == ("segmentation", 3)


WRONG_FUNCTION = {
    "nothing": ("def f(): pass", "it gives NoneType; it must give images and labels"),
    "raises": ("def f(): return {}['x']", "KeyError: 'x'"),
    "leaves": ("def f(): raise SystemExit(3)", "SystemExit: 3"),
    "many lines": ("def f(): raise RuntimeError('one\\ntwo' * 400)", "RuntimeError: one two"),
    "no function": ("g = 1", "there is no function 'f' in it"),
    "breaks when run": ("1 / 0", "fails when it is run: ZeroDivisionError"),
    "no pairs": ("class D:\n  def __len__(self): return 3\n  def __getitem__(self, i): return i\ndef f(): return D()", "item 0 is no pair"),
    "sizes": (
        "import numpy as np\nclass D(list): pass\ndef f(): return {'images': np.zeros((4, 5)), 'labels': np.zeros(4, int)}",
        r"images have shape \(4, 5\)",
    ),
}


@pytest.mark.parametrize("case", sorted(WRONG_FUNCTION))
def test_a_function_that_gives_no_data_gets_one_line(tmp_path, case):
    code, words = WRONG_FUNCTION[case]
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(ValueError, match=words) as raised:
        load_data(f"{tmp_path}/mine.py:f", 0)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) <= 300


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"no file .*mine.py:f; give data of your own as file.py:function"):
        load_data(f"{tmp_path}/mine.py:f", 0)
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(ValueError, match=r"mine.py names no function in the file; give data of your own as file.py:function"):
        load_data(f"{tmp_path}/mine.py", 0)
    with pytest.raises(ValueError, match=r"no file .*a.csv; give the path of a .csv file with columns path and label"):
        load_data(f"{tmp_path}/a.csv", 0)


def told(words: list[object], capsys: pytest.CaptureFixture[str], code: int) -> str:
    assert run([str(word) for word in words]) == code, capsys.readouterr()
    return capsys.readouterr().err


def test_a_run_on_data_of_your_own_goes_on_only_with_the_same_file(tmp_path, monkeypatch, capsys):
    code = (
        "import numpy as np\nRNG = np.random.default_rng(0)\n"
        "def load(): return RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 3\n"
    )
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    quick = ["--trials", "1", "--workers", "0", "--evaluator-set", "epochs=1", "--out", "r", "-q"]
    told(["search", "chain", "--data", "mine.py:load", *quick], capsys, 0)
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert record["evaluator_options"]["data"] == f"{tmp_path}/mine.py:load"
    assert record["description"]["fingerprint"]["file of the data"]
    assert record["description"]["places"] == place_of(f"{tmp_path}/mine.py:load")
    (tmp_path / "mine.py").write_text(code + "open('run', 'w').close()\n")
    assert "mine.py has changed since the run began; put it back" in told(["resume", "r", "--trials", "2", "-q"], capsys, 1)
    assert not (tmp_path / "run").exists()  # what has changed is not run
    (tmp_path / "mine.py").unlink()
    assert "mine.py; say by --data where it is now" in told(["resume", "r", "--trials", "2", "-q"], capsys, 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "moved.py").write_text(code)
    told(["resume", "r", "--trials", "2", "--data", "elsewhere/moved.py:load", "-q"], capsys, 0)
    assert json.loads((tmp_path / "r" / "run.json").read_text())["evaluator_options"]["data"].endswith("elsewhere/moved.py:load")


def test_items_of_a_dataset_are_brought_to_one_size(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nclass D:\n  classes = ['a', 'b']\n  def __len__(self): return 20\n"
        "  def __getitem__(self, i): return np.full((4 + i, 6, 3), i, np.uint8), i % 2\ndef f(): return D()\n"
    )
    with pytest.raises(ValueError, match=r"item 1 is \(5, 6, 3\), the first is \(4, 6, 3\); give all one size, or --size 64"):
        load_data(f"{tmp_path}/mine.py:f", 0)
    data = load_data(f"{tmp_path}/mine.py:f", 0, "", Form(8, 1))
    assert data.shape == (1, 8, 8)
    assert {int(image.max()) for part in (data.train, data.validation, data.test) for image in part.images} == set(range(20))
    assert data.notes == (
        "images of 20 sizes, 6x4 to 6x23, were brought to 8x8: the largest square in the middle, bilinear; masks by the nearest pixel",
        "images in colour were made gray (ITU-R BT.601)",
    )


def test_data_that_differ_from_process_to_process_are_refused_before_anything_is_trained(tmp_path):
    """A function without a seed: the worker would train on other images than those that the run recorded."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\n\ndef load():\n    rng = np.random.default_rng()\n"
        "    return rng.integers(0, 255, (90, 8, 8), dtype=np.uint8), np.arange(90) % 3\n"
    )
    train, space = Train(data=f"{tmp_path / 'mine.py'}:load", epochs=1), load_space("cell", input=(1, 8, 8), classes=3, cells=1, channels=4)
    with pytest.raises(ExecutorError, match=r"the data here are not those of the run \(other .*\); they must be the same in every process"):
        search(space, Random(), train, trials=1, workers=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
