"""Images as people have them: turned by a note, transparent, masks of few bits, in parts, written over in place; and what is said."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archsearch.data import load_data, remarks
from archsearch.data.base import Data

RNG = np.random.default_rng(0)


def whole(data: Data) -> tuple[np.ndarray, np.ndarray]:
    parts = (data.train, data.validation, data.test)
    return np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])


def save(image: Image.Image | np.ndarray, path: Path, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)


def png(numbers: np.ndarray, bits: int, path: Path) -> None:
    rows = b"".join(b"\0" + np.packbits(np.unpackbits(row[:, None].astype(np.uint8), axis=1)[:, 8 - bits :]).tobytes() for row in numbers)
    head = struct.pack(">IIBBBBB", *numbers.shape[::-1], bits, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_their_note_says_and_masks_stand(tmp_path, orientation):
    seen = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition of Pillow that each undoes: of 6 and 8 each other's
    note = Image.Exif()
    note[0x0112] = orientation
    for number in range(4):
        image = Image.fromarray(seen)
        stored = image if orientation == 1 else image.transpose(Image.Transpose(back[orientation]))
        save(stored, tmp_path / "images" / f"{number}.png", exif=note)
        save((seen > 99).astype(np.uint8), tmp_path / "masks" / f"{number}.png")
    images, masks = whole(load_data(str(tmp_path)))
    assert images.shape == (4, 1, 6, 9)
    assert (images == seen).all()
    assert ((images[:, 0] > 99) == masks).all()


@pytest.mark.parametrize(("drawn", "ground"), [(0, "white"), (255, "black, since on white they show nothing")])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_shows_a_ground_and_that_is_said(tmp_path, mode, drawn, ground):
    alpha = np.zeros((6, 6), np.uint8)
    alpha[2:4] = 255
    bands = [np.full_like(alpha, drawn)] * (len(mode) - 1) + [alpha]
    for number in range(6):
        save(Image.merge(mode, list(map(Image.fromarray, bands))), tmp_path / "ab"[number % 2] / f"{number}.png")
    data = load_data(str(tmp_path))
    images, _ = whole(data)
    assert ((images == drawn) == (alpha > 0)).all()
    assert data.notes == (f"6 of 6 images are transparent in places: they were laid on {ground}",)
    assert data.notes[0] in remarks(data)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_masks_of_few_bits_hold_numbers(tmp_path, bits):
    numbers = np.arange(64).reshape(8, 8) % min(2**bits, 3)
    for number in range(4):
        save(RNG.integers(0, 256, (8, 8), dtype=np.uint8), tmp_path / "images" / f"{number}.png")
        png(numbers, bits, tmp_path / "masks" / f"{number}.png")
    _, masks = whole(load_data(str(tmp_path)))
    assert (masks == numbers).all()
    png(numbers, 2 if bits == 1 else 1, tmp_path / "masks" / "0.png")
    with pytest.raises(ValueError, match=r"gray masks have 1 and \d bits; save all with 8"):
        load_data(str(tmp_path))


def test_white_of_two_bits_is_white(tmp_path):
    numbers = np.arange(64).reshape(8, 8) % 2 * 3
    for number in range(4):
        save(RNG.integers(0, 256, (8, 8), dtype=np.uint8), tmp_path / "images" / f"{number}.png")
        png(numbers, 2, tmp_path / "masks" / f"{number}.png")
    data = load_data(str(tmp_path))
    assert data.classes == 2
    assert (whole(data)[1] == numbers // 3).all()


@pytest.mark.parametrize("place", ["a/0.png", "masks/0.png"])
def test_what_is_written_over_in_place_is_read_anew(tmp_path, place):
    first, second = (np.full((4, 4), value, np.uint8) for value in (0, 1))
    pixels = RNG.integers(0, 256, (2, 4, 4), dtype=np.uint8)
    for number in range(4):
        if place.startswith("masks"):
            save(pixels[0], tmp_path / "images" / f"{number}.png")
            save(second if number else first, tmp_path / "masks" / f"{number}.png")
        else:
            save(pixels[0], tmp_path / "ab"[number % 2] / f"{number}.png")
            save(pixels[0], tmp_path / "ab"[number % 2] / f"{number}x.png")
    before = load_data(str(tmp_path))
    assert load_data(str(tmp_path)) is before
    path = tmp_path / place
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    save(np.eye(4, dtype=np.uint8) if place.startswith("masks") else pixels[1], path)
    os.utime(path, ns=times)  # as tools that copy with times do
    after = load_data(str(tmp_path))
    assert after is not before
    assert not all(np.array_equal(a, b) for a, b in zip(whole(after), whole(before), strict=True))


def parted(folder: Path, parts: tuple[str, ...], masks: bool = False) -> None:
    for number, part in enumerate(parts):
        for image in range(5):
            for name in ("images", "masks") if masks else ("cat", "dog"):
                pixels = RNG.integers(0, 2, (4, 4), dtype=np.uint8) if masks else np.full((4, 4), 10 * number + image, np.uint8)
                save(pixels, folder / part / name / f"{image}.png")


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("parts", [("train", "test"), ("train", "val", "test"), ("training", "valid", "testing")])
def test_parts_that_the_user_made_are_kept(tmp_path, parts, masks):
    parted(tmp_path, parts, masks)
    data = load_data(str(tmp_path))
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    each = 5 if masks else 10
    assert sizes == ([each, each, each] if len(parts) == 3 else [4, 1, 5] if masks else [8, 2, 10])
    assert data.classes == 2
    if not masks:
        last = 10 * (len(parts) - 1)
        assert sorted(np.unique(data.test.images)) == list(range(last, last + 5))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("train", "val"), "there is train but no test; add it"),
        (("train", "test", "more"), "beside train there is 'more'; expected train, test and val alone"),
        (("val", "test"), "there is test and val; expected folders images and masks"),
    ],
)
def test_parts_that_are_not_whole_get_one_line(tmp_path, parts, words):
    parted(tmp_path, parts)
    with pytest.raises(ValueError, match=words) as raised:
        load_data(str(tmp_path))
    assert len(str(raised.value)) <= 300


def test_a_class_for_test_alone_is_refused(tmp_path):
    parted(tmp_path, ("train", "test"))
    (tmp_path / "test" / "dog").rename(tmp_path / "test" / "dogs")
    with pytest.raises(ValueError, match="class 'dogs' is in test but not in train; did you mean dog"):
        load_data(str(tmp_path))


def test_uneven_classes_and_few_images_are_said(tmp_path):
    labels = (np.arange(200) < 20).astype(int)
    np.savez(tmp_path / "a.npz", images=RNG.random((200, 4, 4)), labels=labels)
    (line,) = remarks(load_data(str(tmp_path / "a.npz")))
    assert line == (
        "classes are uneven: of 120 images to train on '0' has 108, '1' has 12; to answer '0' always is wrong for 10.0% of them; "
        "balanced=true weighs the loss"
    )
    np.savez(tmp_path / "b.npz", images=RNG.random((200, 4, 4)), labels=np.arange(200) % 2)
    assert remarks(load_data(str(tmp_path / "b.npz"))) == ()
    np.savez(tmp_path / "c.npz", images=RNG.random((3, 4, 4)), masks=np.arange(48).reshape(3, 4, 4) % 2)
    assert remarks(load_data(str(tmp_path / "c.npz"))) == ("there is 1 image to train on",)
