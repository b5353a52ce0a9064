"""Data: those that are always there, npz files that are right and wrong, the split, and augmentation."""

import io
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from archsearch.data import DATASETS, Data, load_data
from archsearch.data.augment import augment

RNG = np.random.default_rng(0)
LABELS = np.arange(40) % 4
BYTES = RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8)
FLOATS = RNG.random((40, 6, 5))


def saved(folder: Path, **arrays: object) -> str:
    path = folder / "pictures.npz"
    np.savez(path, **arrays)
    return str(path)


def scaled(pixels: np.ndarray) -> np.ndarray:
    return pixels / 255 if pixels.dtype == np.uint8 else pixels


def assert_same_data(a: Data, b: Data) -> None:
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(a, part).images, getattr(b, part).images)
        np.testing.assert_array_equal(getattr(a, part).labels, getattr(b, part).labels)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_known_dataset_is_whole(name):
    data = load_data(name, 0)
    parts = (data.train, data.validation, data.test)
    for part in parts:
        assert part.images.dtype in (np.float32, np.uint8)
        assert part.labels.dtype == (np.int64 if data.task == "classification" else np.uint8)
        assert part.images.shape == (len(part), *data.shape)
        assert part.labels.shape == (len(part), *(data.shape[1:] if data.task == "segmentation" else ()))
        assert 0 <= scaled(part.images).min() <= scaled(part.images).max() <= 1
        assert set(np.unique(part.labels)) == set(range(data.classes))
        assert not part.images.flags.writeable
    assert data.mean == pytest.approx(scaled(data.train.images).mean((0, 2, 3), dtype=np.float64))
    assert data.std == pytest.approx(scaled(data.train.images).std((0, 2, 3), dtype=np.float64))


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    data, bunch = load_data("digits", 0), load_digits()
    assert (data.shape, data.classes, data.flip) == ((1, 8, 8), 10, False)
    found = {
        (label, image.tobytes())
        for part in (data.train, data.validation, data.test)
        for image, label in zip(part.images * 16, part.labels, strict=True)
    }
    expected = {(label, image.astype(np.float32).tobytes()) for image, label in zip(bunch.images, bunch.target, strict=True)}
    assert found == expected


def test_parts_are_stratified_and_share_no_image():
    data = load_data("digits", 3)
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert sum(sizes) == 1797
    assert [size / 1797 for size in sizes] == pytest.approx([0.6, 0.2, 0.2], abs=0.005)
    for part in (data.validation, data.test):
        share = np.bincount(part.labels) / np.bincount(data.train.labels)
        assert share == pytest.approx(np.full(10, 1 / 3), abs=0.02)
    seen = [{image.tobytes() for image in part.images} for part in (data.train, data.validation, data.test)]
    assert len(seen[0] | seen[1] | seen[2]) == sum(map(len, seen))


def test_the_split_is_decided_by_the_seed_alone():
    first = load_data("digits", 1)
    assert load_data("digits", 1) is first
    load_data("digits", 2), load_data("digits", 4)
    again = load_data("digits", 1)
    assert again is not first
    assert_same_data(again, first)
    assert not np.array_equal(load_data("digits", 2).test.images, first.test.images)


def test_loading_needs_no_torch():
    code = "import sys; from archsearch.data import load_data; load_data('digits', 0); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (BYTES, (1, 6, 5)),
        (FLOATS, (1, 6, 5)),
        (FLOATS.astype(np.float16), (1, 6, 5)),
        (np.stack([BYTES] * 3, -1), (3, 6, 5)),
        (np.asfortranarray(FLOATS), (1, 6, 5)),
    ],
)
def test_a_file_is_read(tmp_path, images, shape):
    data = load_data(saved(tmp_path, images=images, labels=LABELS.astype(np.uint8)), 0)
    assert (data.shape, data.classes, data.class_names, data.flip) == (shape, 4, ("0", "1", "2", "3"), False)
    assert data.task == "classification"
    pixels = scaled(images)
    whole = scaled(np.concatenate([part.images for part in (data.train, data.validation, data.test)]))
    assert sorted(whole[:, 0].sum((1, 2))) == pytest.approx(
        sorted(pixels.reshape(40, 6, 5, -1)[..., 0].sum((1, 2), dtype=np.float64)), rel=1e-5
    )


def test_a_file_may_say_that_its_images_may_be_mirrored(tmp_path):
    assert load_data(saved(tmp_path, images=BYTES, labels=LABELS, flip=True), 0).flip


def test_a_channel_that_never_changes_has_std_one(tmp_path):
    data = load_data(saved(tmp_path, images=np.full((40, 6, 5), 0.5), labels=LABELS), 0)
    assert (data.mean, data.std) == ((0.5,), (1.0,))


def test_a_file_written_anew_is_read_anew(tmp_path):
    first = load_data(saved(tmp_path, images=BYTES, labels=LABELS), 0)
    second = load_data(saved(tmp_path, images=BYTES[:, :4], labels=LABELS), 0)
    assert (first.shape, second.shape) == ((1, 6, 5), (1, 4, 5))


WRONG = {
    "labels are missing": ({"images": BYTES}, "there is no array 'labels'; save it with np.savez"),
    "images are missing": ({"labels": LABELS}, "there is no array 'images'"),
    "pickled objects": ({"images": np.array([{}, {}], object), "labels": LABELS}, "array 'images' is of type object; give plain numbers"),
    "text": ({"images": BYTES, "labels": LABELS.astype(str)}, "array 'labels' is of type <U21; give plain numbers"),
    "too few axes": ({"images": BYTES[0], "labels": LABELS}, r"images have shape \(6, 5\); expected \(N, H, W\)"),
    "nothing": ({"images": BYTES[:0], "labels": LABELS[:0]}, r"images have shape \(0, 6, 5\)"),
    "channels first": (
        {"images": np.zeros((40, 3, 6, 5)), "labels": LABELS},
        r"\(40, 3, 6, 5\); expected \(N, H, W, C\) with 1 to 4 channels last",
    ),
    "images are integers": ({"images": BYTES.astype(int), "labels": LABELS}, "images are of type int64; give uint8, or floats from 0 to 1"),
    "floats over 1": ({"images": FLOATS * 255, "labels": LABELS}, "images hold values from .* to 25.*; give uint8, or floats from 0 to 1"),
    "NaN": ({"images": np.where(FLOATS > 0.5, np.nan, 0), "labels": LABELS}, "images hold values from nan to nan"),
    "labels are floats": ({"images": BYTES, "labels": LABELS / 2}, "labels have shape .* and type float64; expected .* integers"),
    "labels are one-hot": ({"images": BYTES, "labels": np.eye(4, dtype=int)[LABELS]}, r"labels have shape \(40, 4\)"),
    "fewer labels": ({"images": BYTES, "labels": LABELS[:39]}, "there are 40 images, but 39 labels"),
    "negative labels": ({"images": BYTES, "labels": LABELS - 1}, "labels go from -1 to 2; number the classes from 0"),
    "huge labels": ({"images": BYTES, "labels": LABELS + 2**62}, "labels go from .*; number the classes from 0"),
    "a gap": ({"images": BYTES, "labels": LABELS * 2}, "no label is 1, but labels go up to 6"),
    "one class": ({"images": BYTES, "labels": LABELS * 0}, "there is one class only"),
    "a rare class": ({"images": BYTES, "labels": (np.arange(40) > 37).astype(int)}, "class 1 has 2 images; give at least 3"),
    "flip is a number": ({"images": BYTES, "labels": LABELS, "flip": 1}, "flip has shape .* and type int64; expected one boolean"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_wrong_file_gets_one_clear_line(tmp_path, case):
    arrays, words = WRONG[case]
    with pytest.raises(ValueError, match=words) as raised:
        load_data(saved(tmp_path, **arrays), 0)
    assert "\n" not in str(raised.value)
    assert "pictures.npz" in str(raised.value)


def test_a_file_that_is_no_archive(tmp_path):
    path = tmp_path / "text.npz"
    path.write_text("not a zip")
    with pytest.raises(ValueError, match=r"text.npz: File is not a zip file"):
        load_data(str(path), 0)


def test_a_file_cut_or_changed(tmp_path):
    path = Path(saved(tmp_path, images=BYTES, labels=LABELS))
    whole = bytearray(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"pictures.npz: File is not a zip file"):
        load_data(str(path), 0)
    whole[400] ^= 255
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"pictures.npz: Bad CRC-32"):
        load_data(str(path), 0)


def test_a_size_is_refused_before_it_is_allocated(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**20, 2**10, 2**10)})
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    with pytest.raises(ValueError, match=r"bomb.npz: array 'images' of shape .* has over 2\*\*30 elements"):
        load_data(str(path), 0)


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"unknown data 'digit'; did you mean digits, emnist-digits\?; or give a file.npz, a"):
        load_data("digit", 0)
    with pytest.raises(ValueError, match=r"no file nowhere.npz"):
        load_data("nowhere.npz", 0)


EVERY = torch.arange(50)


def test_a_crop_is_a_window_of_the_padded_image_and_of_its_mask():
    padded = torch.arange(50 * 2 * 6 * 9, dtype=torch.float32).reshape(50, 2, 6, 9)
    crops, masks = augment(padded, padded[:, 0] * 10, EVERY, (4, 5), flip=False, generator=torch.Generator().manual_seed(0))
    places = set()
    for image, crop in zip(padded, crops, strict=True):
        windows = {(top, left): image[:, top : top + 4, left : left + 5] for top in range(3) for left in range(5)}
        places |= {place for place, window in windows.items() if torch.equal(window, crop)}
    assert crops.shape == (50, 2, 4, 5)
    assert len(places) > 10  # of 15
    assert torch.equal(masks, crops[:, 0] * 10)


def test_about_half_are_mirrored_and_only_on_request_and_masks_with_them():
    images, chosen = torch.rand(400, 3, 4, 5, generator=torch.Generator().manual_seed(0)), torch.arange(400)
    assert torch.equal(augment(images, images[:, 0], chosen, (4, 5), flip=False, generator=torch.Generator())[0], images)
    result, masks = augment(images, images[:, 1], chosen, (4, 5), flip=True, generator=torch.Generator().manual_seed(1))
    mirrored = [torch.equal(a.flip(2), b) for a, b in zip(images, result, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(images, result, strict=True)]
    assert [a != b for a, b in zip(mirrored, kept, strict=True)] == [True] * 400
    assert 150 < sum(mirrored) < 250
    assert torch.equal(masks, result[:, 1])


@pytest.mark.parametrize("size", [(6, 6), (8, 8)])
def test_images_are_chosen_in_any_order_and_as_often_as_wished(size):
    images = torch.arange(5.0)[:, None, None, None].expand(5, 1, 8, 8)
    chosen = torch.tensor([4, 0, 4, 2, 1, 1, 1])
    crops, labels = augment(images, torch.arange(5) * 10, chosen, size, flip=False, generator=torch.Generator())
    assert crops.shape == (7, 1, *size)
    assert torch.equal(crops[:, 0, 0, 0], chosen.float())
    assert torch.equal(labels, chosen * 10)


def test_augmentation_is_drawn_from_its_generator_alone():
    images, labels, chosen = torch.rand(20, 1, 8, 8), torch.zeros(20), torch.arange(20)
    state = torch.get_rng_state()
    first, second = (augment(images, labels, chosen, (6, 6), flip=True, generator=torch.Generator().manual_seed(5))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


MASKS = RNG.integers(0, 3, (40, 6, 5), dtype=np.uint8)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint16])
def test_a_file_with_masks_is_read(tmp_path, kind):
    masks = MASKS.copy()
    masks[:, 0] = 255
    data = load_data(saved(tmp_path, images=BYTES, masks=masks.astype(kind)), 0)
    assert (data.task, data.shape, data.classes, data.class_names) == ("segmentation", (1, 6, 5), 3, ("0", "1", "2"))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [24, 8, 8]
    found = {
        (image.tobytes(), mask.tobytes())
        for part in (data.train, data.validation, data.test)
        for image, mask in zip(part.images, part.labels, strict=True)
    }
    assert found == {(image.tobytes(), mask.tobytes()) for image, mask in zip(BYTES, masks, strict=True)}


@pytest.mark.parametrize("masks", [MASKS > 1, np.where(MASKS > 1, 255, 0)])
def test_a_mask_of_two_values_has_two_classes(tmp_path, masks):
    data = load_data(saved(tmp_path, images=BYTES, masks=masks), 0)
    assert data.classes == 2
    assert np.unique(data.train.labels).tolist() == [0, 1]
    whole = np.concatenate([part.labels for part in (data.train, data.validation, data.test)])
    assert whole.sum() == (MASKS > 1).sum()


def test_a_test_part_that_is_given_is_kept(tmp_path):
    test = np.arange(40) % 5 == 0
    for seed in (0, 1):
        data = load_data(saved(tmp_path, images=BYTES, labels=LABELS, test=test), seed)
        assert {image.tobytes() for image in data.test.images} == {image.tobytes() for image in BYTES[test]}
        assert [len(part) for part in (data.train, data.validation, data.test)] == [24, 8, 8]
        assert np.bincount(data.validation.labels).tolist() == [2, 2, 2, 2]


WRONG_MASKS = {
    "labels too": ({"labels": LABELS, "masks": MASKS}, "there are labels and masks; give one of the two"),
    "smaller": ({"masks": MASKS[:, 1:]}, r"masks have shape \(40, 5, 5\), the images need \(40, 6, 5\)"),
    "fewer": ({"masks": MASKS[1:]}, r"masks have shape \(39, 6, 5\)"),
    "one-hot": ({"masks": np.eye(3, dtype=int)[MASKS]}, r"masks have shape \(40, 6, 5, 3\)"),
    "floats": ({"masks": MASKS / 2}, "masks are of type float64; give the number of the class"),
    "negative": ({"masks": MASKS.astype(int) - 1}, "masks go from -1 to 1; number the classes from 0 to 254, 255 for none"),
    "large": ({"masks": MASKS.astype(int) + 300}, "masks go from 300 to 302"),
    "a gap": ({"masks": MASKS * 3}, "no pixel is 1, but masks go up to 6; number the classes from 0 without gaps"),
    "one class": ({"masks": MASKS * 0}, "there is one class only"),
    "none": ({"masks": np.full_like(MASKS, 255)}, "there is one class only"),
    "test is numbers": ({"labels": LABELS, "test": LABELS}, r"test has shape \(40,\) and type int64; expected \(40,\) booleans"),
    "all is test": ({"labels": LABELS, "test": LABELS >= 0}, "test has .* some true and some false"),
    "a class for test alone": ({"labels": LABELS, "test": LABELS == 3}, "class 3 has 0 images outside the test part; give at least 2"),
}


@pytest.mark.parametrize("case", sorted(WRONG_MASKS))
def test_wrong_masks_get_one_clear_line(tmp_path, case):
    arrays, words = WRONG_MASKS[case]
    with pytest.raises(ValueError, match=words) as raised:
        load_data(saved(tmp_path, images=BYTES, **arrays), 0)
    assert "\n" not in str(raised.value)
    assert "pictures.npz" in str(raised.value)


def test_too_few_images_with_masks(tmp_path):
    with pytest.raises(ValueError, match="there are 2 images; give at least 3, one for each part"):
        load_data(saved(tmp_path, images=BYTES[:2], masks=MASKS[:2]), 0)


def test_shapes_are_the_same_in_every_process_and_are_told_by_their_outline():
    data = load_data("shapes", 0)
    code = (
        "import zlib; from archsearch.data import load_data; part = load_data('shapes', 0).train\n"
        "print(zlib.crc32(part.images.tobytes() + part.labels.tobytes()))"
    )
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(other) == zlib.crc32(data.train.images.tobytes() + data.train.labels.tobytes())
    assert (data.task, data.shape, data.class_names) == ("segmentation", (3, 24, 24), ("background", "disc", "box", "triangle"))
    images, masks = data.train.images.transpose(0, 2, 3, 1), data.train.labels
    shades = [images[masks == label].mean() for label in range(4)]
    assert max(shades[1:]) - min(shades[1:]) < 10  # no shape has a colour of its own
    assert min(shades[1:]) - shades[0] > 50
