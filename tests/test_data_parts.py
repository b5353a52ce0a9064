"""Data that the user divided, which stay so: npz files as those of MedMNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archsearch.data import load_data, remarks

RNG = np.random.default_rng(0)
COUNTS = {"train": 24, "val": 9, "test": 12}


def parts(classes: int = 3, shape: tuple[int, ...] = (5, 6), counts: dict[str, int] = COUNTS) -> dict[str, np.ndarray]:
    """Arrays as MedMNIST has them."""
    arrays = {}
    for part, count in counts.items():
        arrays[f"{part}_images"] = RNG.integers(0, 256, (count, *shape), dtype=np.uint8)
        arrays[f"{part}_labels"] = RNG.permutation(np.arange(count) % classes).astype(np.uint8)[:, None]
    return arrays


def saved(folder: Path, **arrays: object) -> str:
    np.savez_compressed(folder / "bloodmnist.npz", **arrays)
    return str(folder / "bloodmnist.npz")


def pairs(images: np.ndarray, labels: np.ndarray) -> set[tuple[bytes, int]]:
    return {(np.ascontiguousarray(image).tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}


def channels_first(images: np.ndarray) -> np.ndarray:
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_three_parts_of_medmnist_stay(tmp_path, shape, seed):
    arrays = parts(shape=shape)
    data = load_data(saved(tmp_path, **arrays), seed)
    assert (data.shape, data.class_names, data.flip) == ((3 if len(shape) == 3 else 1, 5, 6), ("0", "1", "2"), False)
    for name, part in (("train", data.train), ("val", data.validation), ("test", data.test)):
        expected = pairs(channels_first(arrays[f"{name}_images"]), arrays[f"{name}_labels"][:, 0])
        assert pairs(part.images, part.labels) == expected


def test_without_a_validation_part_it_is_drawn_from_the_training_part(tmp_path):
    arrays = parts(counts={"train": 30, "test": 6})
    first, second = (load_data(saved(tmp_path, **arrays), seed) for seed in (0, 1))
    for data in (first, second):
        assert [len(part) for part in (data.train, data.validation, data.test)] == [24, 6, 6]
        assert np.bincount(data.validation.labels).tolist() == [2, 2, 2]
        assert pairs(data.test.images, data.test.labels) == pairs(arrays["test_images"][:, None], arrays["test_labels"][:, 0])
    assert not np.array_equal(first.validation.images, second.validation.images)


def test_masks_in_parts(tmp_path):
    arrays = {name: array for name, array in parts().items() if name.endswith("images")}
    masks = {name.replace("images", "masks"): RNG.integers(0, 3, array.shape, dtype=np.uint8) for name, array in arrays.items()}
    data = load_data(saved(tmp_path, **arrays, **masks), 0)
    assert (data.task, data.classes) == ("segmentation", 3)
    assert {mask.tobytes() for mask in data.validation.labels} == {mask.tobytes() for mask in masks["val_masks"]}


def test_names_of_classes_may_stand_in_the_file(tmp_path):
    assert load_data(saved(tmp_path, **parts(), class_names=["cat", "dog", "owl"])).class_names == ("cat", "dog", "owl")


LABELS = np.arange(24)[:, None] % 3
WRONG = {
    "several classes an image": ({"train_labels": np.zeros((24, 14), int)}, r"train_labels have shape \(24, 14\) .* one class for"),
    "three dimensions": ({"train_images": np.zeros((24, 28, 28, 28), np.uint8)}, r"train_images have shape .*1 to 4 channels last"),
    "another size": ({"val_images": np.zeros((9, 6, 6), np.uint8)}, r"are \(1, 5, 6\) and \(1, 6, 6\) and \(1, 5, 6\); give all one size"),
    "another type": ({"val_images": np.zeros((9, 5, 6))}, "give all one size and type"),
    "fewer labels": ({"val_labels": LABELS[:8]}, "there are 9 val_images, but 8 val_labels"),
    "no labels": ({"test_labels": None}, "there is no array 'test_labels'"),
    "no test part": ({"test_images": None, "test_labels": None}, "there are images of train and val alone; give train_images and"),
    "whole, too": ({"images": np.zeros((4, 5, 6), np.uint8)}, "there are images and train_images; give one or the other"),
    "masks, too": ({"val_masks": np.zeros((9, 5, 6), np.uint8)}, "there are labels and masks"),
    "a class for test alone": ({"test_labels": np.full((12, 1), 3)}, "class 3 has no image to train on"),
    "too few names": ({"class_names": ["a", "b"]}, "class_names are 2 texts; expected 3"),
    "a name twice": ({"class_names": ["a", "b", "a"]}, "class_names are 3 texts; expected 3, one for each class, each another"),
    "names are numbers": ({"class_names": [1, 2, 3]}, "array 'class_names' is of type int64"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(WRONG))
def test_wrong_parts_get_one_clear_line(tmp_path, case):
    changes, words = WRONG[case]
    arrays = {name: array for name, array in (parts() | changes).items() if array is not None}
    with pytest.raises(ValueError, match=words) as raised:
        load_data(saved(tmp_path, **arrays), 0)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) <= 300


def test_a_part_without_one_class_is_noted(tmp_path):
    labels = {"train": np.arange(12) % 3, "val": np.arange(6) % 2, "test": np.arange(6) % 3}
    arrays = {f"{part}_images": np.zeros((len(kinds), 4, 4), np.uint8) for part, kinds in labels.items()}
    np.savez(tmp_path / "a.npz", class_names=["a", "b", "c"], **arrays, **{f"{part}_labels": kinds for part, kinds in labels.items()})
    words = "of 'c' there is no image in the validation part, so nothing judges how they are told"
    assert words in remarks(load_data(str(tmp_path / "a.npz")))
