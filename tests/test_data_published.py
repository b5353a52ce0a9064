"""Published datasets in the layout in which they were published: exact pixels and labels, whatever is odd about their files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from archsearch.data import PUBLISHED, Data, load_data

RNG = np.random.default_rng(0)


def content(data: Data, part: str) -> set[tuple[bytes, str]]:
    """Pixels and name of the class of all images of a part."""
    of = data.test if part == "test" else None
    parts = [of] if of else [data.train, data.validation]
    return {(image.tobytes(), data.class_names[label]) for one in parts for image, label in zip(one.images, one.labels, strict=True)}


def expected(images: np.ndarray, names: list[str]) -> set[tuple[bytes, str]]:
    """Likewise of images (N, C, H, W) and their classes."""
    return {(image.tobytes(), name) for image, name in zip(np.ascontiguousarray(images), names, strict=True)}


def assert_one_line(name: str, words: str, data_dir: Path) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        load_data(name, 0, str(data_dir))
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) <= 300


def test_every_published_dataset_says_what_is_expected_where(tmp_path):
    for name, known in PUBLISHED.items():
        assert_one_line(name, f"the files of data '{name}' are not in .*; give --data-dir the folder that holds .*", tmp_path)
        with pytest.raises(ValueError, match="not here") as raised:
            load_data(name, 0)
        assert known.files in str(raised.value)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, parts: tuple[str, str], labels: str, classes: int, first: int = 0, per_class: int = 4):
    """Four files; returns images (N, H, W) of training and test, and the numbers of their classes, counted from 0."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for part in parts:
        images = RNG.integers(0, 256, (per_class * classes, 4, 3), dtype=np.uint8)
        numbers = RNG.permutation(np.arange(len(images)) % classes)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        if labels == "labels-idx2-int":
            columns = np.stack([numbers + first, *(RNG.integers(100, 5000, len(numbers)) for _ in range(7))], 1)
            content = idx(columns.astype(">i4"), 12)
        else:
            content = idx((numbers + first).astype(np.uint8))
        (folder / f"{part}-{labels}.gz").write_bytes(gzip.compress(content))
        found.append((images, numbers))
    return found


@pytest.mark.parametrize("name", ["mnist", "kmnist", "fashion-mnist"])
def test_what_is_called_as_mnist_is_told_apart_by_its_folder(tmp_path, name):
    for other in ("mnist", "kmnist", "fashion-mnist"):
        written = write_idx(tmp_path / other, ("train", "t10k"), "labels-idx1-ubyte", 10)
        if other == name:
            (images, numbers), (shown, kinds) = written
    data = load_data(name, 0, str(tmp_path))
    assert (data.name, data.flip) == (name, name == "fashion-mnist")
    names = data.class_names
    assert content(data, "train") == expected(images[:, None], [names[k] for k in numbers])
    assert content(data, "test") == expected(shown[:, None], [names[k] for k in kinds])


def test_the_class_in_qmnist_is_the_first_of_eight_columns(tmp_path):
    train, test = write_idx(tmp_path, ("qmnist-train", "qmnist-test"), "labels-idx2-int", 10)
    data = load_data("qmnist", 0, str(tmp_path))
    assert (data.shape, data.class_names) == ((1, 4, 3), tuple("0123456789"))
    for part, (images, numbers) in (("train", train), ("test", test)):
        assert content(data, part) == expected(images[:, None], [str(number) for number in numbers])


def test_labels_of_qmnist_are_32_bit_integers(tmp_path):
    write_idx(tmp_path, ("qmnist-train", "qmnist-test"), "labels-idx2-int", 10)
    (tmp_path / "qmnist-test-labels-idx2-int.gz").write_bytes(gzip.compress(idx(np.zeros((40, 8), np.uint8))))
    assert_one_line("qmnist", "begins with 00000802, expected 00000c02: IDX, 32-bit integers, axes 2", tmp_path)


CHARACTERS = {"digits": "0123456789", "mnist": "0123456789", "letters": "abcdefghijklmnopqrstuvwxyz",
              "balanced": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt", "bymerge": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
              "byclass": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"}  # fmt: skip


@pytest.mark.parametrize("inside", ["", "gzip", "emnist-SPLIT"])
@pytest.mark.parametrize("split", sorted(CHARACTERS))
def test_images_of_emnist_are_turned_upright_and_its_letters_count_from_one(tmp_path, split, inside):
    folder, parts = tmp_path / inside.replace("SPLIT", split), (f"emnist-{split}-train", f"emnist-{split}-test")
    written = write_idx(folder, parts, "labels-idx1-ubyte", len(CHARACTERS[split]), first=int(split == "letters"))
    data = load_data(f"emnist-{split}", 0, str(tmp_path))
    assert (data.shape, data.flip, "".join(data.class_names)) == ((1, 3, 4), False, CHARACTERS[split])
    for part, (images, numbers) in zip(("train", "test"), written, strict=True):
        assert content(data, part) == expected(images.transpose(0, 2, 1)[:, None], [CHARACTERS[split][number] for number in numbers])


def test_letters_that_count_from_zero_are_none_of_emnist(tmp_path):
    write_idx(tmp_path, ("emnist-letters-train", "emnist-letters-test"), "labels-idx1-ubyte", 26)
    assert_one_line("emnist-letters", "labels are 0, 1, 2, .*; expected every number from 1 to 26", tmp_path)


MEDICAL = {"pathmnist": (9, 3), "dermamnist": (7, 3), "octmnist": (4, 1), "pneumoniamnist": (2, 1), "retinamnist": (5, 3),
           "breastmnist": (2, 1), "bloodmnist": (8, 3), "tissuemnist": (8, 1),
           "organamnist": (11, 1), "organcmnist": (11, 1), "organsmnist": (11, 1)}  # fmt: skip
"""Classes and channels, as medmnist.com tells them."""


def write_medical(folder: Path, name: str, classes: int, channels: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A file as MedMNIST's are: gray images have no axis of channels, and labels are (N, 1)."""
    written = {}
    for part, count in (("train", 3 * classes), ("val", classes), ("test", 2 * classes)):
        images = RNG.integers(0, 256, (count, 5, 4, 3)[: 4 if channels == 3 else 3], dtype=np.uint8)
        written[part] = images, RNG.permutation(np.arange(count) % classes).astype(np.uint8)
    arrays = {f"{part}_images": images for part, (images, _) in written.items()}
    np.savez_compressed(folder / f"{name}.npz", **arrays, **{f"{part}_labels": kinds[:, None] for part, (_, kinds) in written.items()})
    return written


@pytest.mark.parametrize("size", ["", "_64"])
@pytest.mark.parametrize("name", sorted(MEDICAL))
def test_sets_of_medmnist_keep_their_three_parts(tmp_path, name, size):
    classes, channels = MEDICAL[name]
    written = write_medical(tmp_path, f"{name}{size}", classes, channels)
    data = load_data(f"{name}{size}", 0, str(tmp_path))
    assert (data.name, data.shape, data.classes) == (f"{name}{size}", (channels, 5, 4), classes)
    assert data.flip == (not name.startswith("organ"))  # of kidneys one is on the left
    for part, (images, kinds) in zip((data.train, data.validation, data.test), written.values(), strict=True):
        assert (part.images == images.reshape(*images.shape[:3], channels).transpose(0, 3, 1, 2)).all()
        assert (part.labels == kinds).all()


def test_a_file_of_medmnist_with_other_classes_is_none(tmp_path):
    write_medical(tmp_path, "octmnist", 9, 1)
    assert_one_line("octmnist", "octmnist.npz: has 9 classes; expected 4, and arrays of train, val and test; fetch it again", tmp_path)
