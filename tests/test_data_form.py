"""Images of several sizes and colours brought to one, and damaged ones left out: what is done is exact, said and recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archsearch.cli import run
from archsearch.data import Data, Form, load_data, remarks

RNG = np.random.default_rng(0)


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def whole(data: Data) -> tuple[np.ndarray, np.ndarray]:
    parts = (data.train, data.validation, data.test)
    return np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])


def assert_one_line(path: object, words: str, form: Form) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        load_data(str(path), 0, "", form)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) <= 300


def quarters(height: int, width: int, colours: list[int]) -> np.ndarray:
    """An image whose middle square is four even quarters, with a border that is to be cut off."""
    side = min(height, width)
    square = np.kron(np.array(colours, np.uint8).reshape(2, 2), np.ones((side // 2, side // 2), np.uint8))
    image = np.full((height, width), 200, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    image[top : top + side, left : left + side] = square
    return image


SIZES = [(8, 8), (8, 12), (20, 8), (16, 24), (4, 4), (64, 40)]


def test_the_middle_square_of_each_image_is_brought_to_the_size(tmp_path):
    for number in range(12):
        save(quarters(*SIZES[number % 6], [0, 50, 100, number]), tmp_path / "ab"[number % 2] / f"{number}.png")
    assert_one_line(tmp_path, "is 4x4, 0.png is 8x8; give all one size, or say to which they are brought, as by --size 64", Form())
    data = load_data(str(tmp_path), 0, "", Form(4))
    images, labels = whole(data)
    assert data.shape == (1, 4, 4)
    seen = {int(image[0, 3, 3]): (image[0], label) for image, label in zip(images, labels, strict=True)}
    assert seen.keys() == set(range(12))
    for number, (image, label) in seen.items():
        assert (image[0, 0], image[0, 3], image[3, 0], label) == (0, 50, 100, number % 2)  # corners show no border
    assert data.notes == (
        "images of 6 sizes, 4x4 to 40x64, were brought to 4x4: the largest square in the middle, bilinear; masks by the nearest pixel",
    )
    assert data.notes[0] in remarks(data)


def test_smaller_images_are_means_of_the_pixels_that_become_one(tmp_path):
    board = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)
    for number in range(6):
        save(board, tmp_path / "ab"[number % 2] / f"{number}.png")
    images, _ = whole(load_data(str(tmp_path), 0, "", Form(4)))
    assert np.abs(images.astype(int) - 127).max() <= 2  # without that it would be black or white


def test_masks_are_brought_to_the_size_with_their_images_and_stay_numbers(tmp_path):
    for number in range(6):
        height, width = SIZES[number]
        numbers = quarters(height, width, [0, 1, 2, 255])
        save(numbers % 200, tmp_path / "images" / f"{number}.png")
        save(np.where(numbers == 200, 0, numbers), tmp_path / "masks" / f"{number}.png")
    data = load_data(str(tmp_path), 0, "", Form(4))
    images, masks = whole(data)
    assert np.array_equal(np.unique(masks), [0, 1, 2, 255])
    assert (masks == np.kron(np.array([[0, 1], [2, 255]]), np.ones((2, 2)))).all()
    assert (images[:, 0, ::3, ::3] == masks[:, ::3, ::3] % 200).all()
    save(np.zeros((9, 9), np.uint8), tmp_path / "masks" / "2.png")
    assert_one_line(tmp_path, "masks/2.png: is 9x9, its image is 8x20; give each image a mask of its size", Form(4))


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_coloured_images_are_brought_to_the_channels(tmp_path, channels):
    for number in range(8):
        gray = np.full((5, 5), 10 * number, np.uint8)
        save(gray if number < 4 else np.stack([gray, gray * 0, gray * 0], -1), tmp_path / "ab"[number % 2] / f"{number}.png")
    data = load_data(str(tmp_path), 0, "", Form(0, channels))
    images, _ = whole(data)
    assert data.shape == (channels, 5, 5)
    shown = {tuple(image[:, 0, 0].tolist()) for image in images}
    if channels == 1:
        assert shown == {(0,), (10,), (20,), (30,), (12,), (15,), (18,), (21,)}  # 0.299 of red
    else:
        assert shown == {*((10 * n,) * 3 for n in range(4)), *((10 * n, 0, 0) for n in range(4, 8))}
    assert len(data.notes) == 1


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_arrays_are_brought_to_the_form_too(tmp_path, kind):
    images = np.stack([quarters(8, 12, [0, 50, 100, number]) for number in range(20)])
    given = images if kind is np.uint8 else images / 255
    np.savez(tmp_path / "a.npz", images=given, masks=np.stack([quarters(8, 12, [0, 1, 2, 2])] * 20) % 200)
    data = load_data(str(tmp_path / "a.npz"), 0, "", Form(4, 3))
    pixels, masks = whole(data)
    pixels = np.rint(pixels * (1 if kind is np.uint8 else 255)).astype(int)
    assert (data.shape, data.train.images.dtype) == ((3, 4, 4), kind)
    assert (pixels[:, 0] == pixels[:, 2]).all()
    assert (pixels[:, 0, [0, 0, 3], [0, 3, 0]] == [0, 50, 100]).all()
    assert {int(image[1, 3, 3]) for image in pixels} == set(range(20))
    assert (masks[0] == np.kron(np.array([[0, 1], [2, 2]]), np.ones((2, 2)))).all()
    assert [note[:30] for note in data.notes] == ["gray images were given three e", "images of 12x8 were brought to"]
    assert data.mean == pytest.approx((data.mean[0],) * 3)


def test_what_has_the_form_is_left_alone_and_nothing_is_said():
    plain, formed = load_data("digits"), load_data("digits", 0, "", Form(8, 1))
    np.testing.assert_array_equal(plain.train.images, formed.train.images)
    assert formed.notes == ()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (Form(-1), "size=-1 must be a whole number from 1 to 4096 pixels"),
        (Form(5000), "size=5000 must be"),
        (Form(8, 2), r"channels=2 must be 1 \(gray\) or 3 \(RGB\)"),
        (Form(4096), r"data 'digits': images of shape \(1797, 1, 4096, 4096\) would have over 2\*\*30 values; give a smaller --size"),
    ],
)
def test_forms_that_cannot_be(form, words):
    assert_one_line("digits", words, form)


def test_four_channels_stay_four(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((20, 4, 4, 4), np.uint8), labels=np.arange(20) % 2)
    assert_one_line(tmp_path / "a.npz", "data 'a.npz': images have 4 channels; only 1 and 3 are made of each other", Form(0, 1))


def photos(folder: Path, count: int) -> Path:
    for number in range(count):
        save(np.full((8, 8), number, np.uint8), folder / "ab"[number % 2] / f"{number}.png")
    return folder


DAMAGES = {
    "text": lambda data: b"no image",
    "nothing": lambda data: b"",
    "cut": lambda data: data[:-30],
    "changed": lambda data: data[:41] + bytes(255 - byte for byte in data[41:50]) + data[50:],
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_few_damaged_images_are_left_out_named_and_counted(tmp_path, damage):
    folder = photos(tmp_path, 60)
    for number in (7, 20, 31):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    data = load_data(str(folder))
    images, labels = whole(data)
    left = set(range(60)) - {7, 20, 31}
    assert {(int(image[0, 0, 0]), int(label)) for image, label in zip(images, labels, strict=True)} == {(n, n % 2) for n in left}
    assert data.notes == ("3 of 60 images are damaged and left out: a/20.png, b/31.png, b/7.png",)
    assert data.notes[0] in remarks(data)
    path = folder / "a" / "0.png"
    path.write_bytes(b"")
    assert_one_line(
        folder, "a/0.png: is no readable PNG, JPEG or TIFF; 4 of 60 images are damaged: take them out, or save them anew", Form()
    )


def test_a_damaged_mask_takes_its_image_with_it(tmp_path):
    for number in range(20):
        save(np.full((4, 4), number, np.uint8), tmp_path / "images" / f"{number:02}.png")
        save(np.arange(16, dtype=np.uint8).reshape(4, 4) % 2, tmp_path / "masks" / f"{number:02}.png")
    (tmp_path / "masks" / "05.png").write_bytes(b"")
    data = load_data(str(tmp_path))
    images, masks = whole(data)
    assert sorted(images[:, 0, 0, 0].tolist()) == [number for number in range(20) if number != 5]
    assert len(masks) == 19
    assert data.notes == ("1 of 20 images is damaged and left out: images/05.png",)


def test_a_damaged_image_of_a_csv_is_left_out_with_its_part(tmp_path):
    photos(tmp_path, 60)
    (tmp_path / "a" / "2.png").write_bytes(b"")
    part = ("train", "val", "test")
    rows = [f"{'ab'[n % 2]}/{n}.png,{'ab'[n % 2]},{part[n // 2 % 3]}" for n in range(60)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label,part", *rows]))
    data = load_data(str(tmp_path / "list.csv"))
    for place, (name, of) in enumerate((("train", data.train), ("validation", data.validation), ("test", data.test))):
        expected = {(n, n % 2) for n in range(60) if n // 2 % 3 == place and n != 2}
        assert {(int(i[0, 0, 0]), int(k)) for i, k in zip(of.images, of.labels, strict=True)} == expected, name


def test_a_search_takes_size_and_channels_says_what_it_does_and_records_it(tmp_path, monkeypatch, capsys):
    photos(tmp_path / "d", 40)
    save(np.zeros((9, 20, 3), np.uint8), tmp_path / "d" / "a" / "more.png")
    (tmp_path / "d" / "b" / "3.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    quick = ["--trials", "1", "--workers", "0", "--evaluator-set", "epochs=1", "--out", "r"]
    assert run(["search", "chain", "--data", "d", "--size", "12", "--channels", "1", *quick]) == 0
    said = " ".join(capsys.readouterr().err.split())
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert record["description"]["input"] == [1, 12, 12]
    assert (record["evaluator_options"]["size"], record["evaluator_options"]["channels"]) == (12, 1)
    notes = record["description"]["notes"]
    assert notes == [
        "1 of 41 images is damaged and left out: b/3.png",
        "images of 2 sizes, 8x8 to 20x9, were brought to 12x12: the largest square in the middle, bilinear; masks by the nearest pixel",
        "images in colour were made gray (ITU-R BT.601)",
    ]
    assert all(note[:60] in said for note in notes)
    assert run(["resume", "r", "--trials", "2", "-q"]) == 0
