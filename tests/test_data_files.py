"""Data from the user's files: IDX, and images in folders."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from archsearch.data import Data, load_data
from archsearch.data.idx import read_file
from archsearch.data.loose import read_loose
from tests.conftest import SHARED

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (60, 6, 5), dtype=np.uint8)
LABELS = (np.arange(60) % 10).astype(np.uint8)
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def published(folder: Path, packed: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, (PIXELS[:40], LABELS[:40], PIXELS[40:], LABELS[40:]), strict=True):
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return folder


def parts(data: Data) -> list[set[bytes]]:
    return [{image.tobytes() for image in part.images} for part in (data.train, data.validation, data.test)]


def assert_one_line(name: str, words: str, data_dir: str = "", of: str = "") -> None:
    with pytest.raises(ValueError, match=words) as raised:
        load_data(name, 0, data_dir)
    assert "\n" not in str(raised.value)
    assert of in str(raised.value)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", ["", "fashion-mnist"])
def test_published_files_are_found_and_read(tmp_path, packed, inside):
    published(tmp_path / inside, packed)
    data = load_data("fashion-mnist", 0, str(tmp_path))
    assert (data.name, data.task, data.shape, data.classes, data.flip) == ("fashion-mnist", "classification", (1, 6, 5), 10, True)
    assert data.class_names[9] == "Ankle boot"
    train, validation, test = parts(data)
    assert test == {image.tobytes() for image in PIXELS[40:]}
    assert train | validation == {image.tobytes() for image in PIXELS[:40]}
    assert (len(train), len(validation)) == (30, 10)


def test_a_folder_of_idx_files_needs_no_name(tmp_path):
    data = load_data(str(published(tmp_path / "own")), 0)
    assert (data.name, data.class_names, data.flip) == ("own", tuple("0123456789"), False)


def test_files_that_are_not_there(tmp_path):
    assert_one_line("mnist", "the files of data 'mnist' are not here; give --data-dir the folder that holds train-images-idx3-ubyte.gz")
    assert_one_line("mnist", "are not in .*nothing; give --data-dir", str(tmp_path / "nothing"))
    (published(tmp_path) / f"{NAMES[3]}.gz").unlink()
    assert_one_line("mnist", "there is no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz", str(tmp_path))


HEAD = idx(PIXELS)[:16]
DAMAGED = {
    "empty": (b"", "begins with nothing, expected 00000803"),
    "another type": (idx(PIXELS, 9), "begins with 00000903, expected 00000803: IDX, unsigned bytes, axes 3"),
    "labels": (idx(LABELS), "begins with 00000801"),
    "half a head": (HEAD[:9], "begins with 00000803, expected"),
    "no images": (idx(PIXELS[:0]), r"its shape is \(0, 6, 5\); expected no axis of 0"),
    "huge": (HEAD[:4] + struct.pack(">3I", 2**16, 2**10, 2**10), r"at most 2\*\*30 elements"),
    "cut": (idx(PIXELS)[:-1], "the file is too short|it holds less"),
    "large for its size": (HEAD[:4] + struct.pack(">3I", 2**10, 2**10, 2**10), "for which the file is too short; fetch it again"),
    "too long": (idx(PIXELS) + b"x", "it holds more; fetch it again"),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("case", sorted(DAMAGED))
def test_a_damaged_file_gets_one_clear_line(tmp_path, case, packed):
    content, words = DAMAGED[case]
    name = f"{NAMES[0]}.gz" if packed else NAMES[0]
    (published(tmp_path, packed) / name).write_bytes(gzip.compress(content) if packed else content)
    assert_one_line("mnist", words, str(tmp_path), of=name)


def test_a_damaged_archive_gets_one_clear_line(tmp_path):
    path = published(tmp_path) / f"{NAMES[0]}.gz"
    whole = path.read_bytes()
    for content, words in ((b"text", "Not a gzipped file"), (whole[:-9], "end-of-stream|less"), (whole[:-8] + b"1234" + whole[-4:], "CRC")):
        path.write_bytes(content)
        assert_one_line("mnist", words, str(tmp_path), of=path.name)


@given(content=st.one_of(st.binary(max_size=64), st.binary(max_size=40).map(lambda rest: HEAD[:4] + rest)))
def test_any_bytes_are_an_array_or_one_clear_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "any-images-idx3-ubyte"
    path.write_bytes(content)
    try:
        assert idx(read_file(path, 3)) == content
    except ValueError as error:
        assert str(error).startswith(f"data {path}: ")  # noqa: PT017 either is right


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        (NAMES[1], LABELS[:39], "train has 40 images, but 39 labels; take files of one dataset"),
        (NAMES[2], PIXELS[40:, :5], r"training and test images are of sizes \(6, 5\) and \(5, 5\)"),
        (NAMES[1], LABELS[:40] % 4, "labels are 0, 1, .*; expected every number from 0 to 9|there are"),
        (NAMES[3], LABELS[40:] + 5, "labels are .* 14; expected every number from 0 to 9"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path, name, array, words):
    (published(tmp_path) / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    if name == NAMES[1] and len(array) == 40:
        (tmp_path / f"{NAMES[3]}.gz").write_bytes(gzip.compress(idx(LABELS[40:] % 4)))
    assert_one_line("mnist", words, str(tmp_path))


def test_fashion_mnist_is_whole():
    folder = SHARED / "data" / "fashion-mnist"
    if not folder.is_dir():
        pytest.skip(f"needs the Fashion-MNIST files in {folder}, which are not part of the project")
    data = load_data("fashion-mnist", 0, str(folder.parent))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [48_000, 12_000, 10_000]
    assert data.shape == (1, 28, 28)
    for part in (data.train, data.validation, data.test):
        assert np.bincount(part.labels).tolist() == [len(part) // 10] * 10
    assert data.test.labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert data.mean == pytest.approx((0.286,), abs=0.001)
    assert data.std == pytest.approx((0.353,), abs=0.001)


def save(array: np.ndarray, path: Path, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, quality=95)


MASKS = RNG.integers(0, 3, (60, 6, 5), dtype=np.uint8)


def pairs(folder: Path, count: int = 10, suffix: str = ".png") -> Path:
    for number in range(count):
        save(PIXELS[number], folder / "images" / f"{number}{suffix}")
        save(MASKS[number], folder / "masks" / f"{number}.png")
    return folder


def test_images_and_masks_in_folders(tmp_path):
    data = load_data(str(pairs(tmp_path / "cells")), 0)
    assert (data.name, data.task, data.shape, data.classes, data.flip) == ("cells", "segmentation", (1, 6, 5), 3, False)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 2, 2]
    found = {
        (image.tobytes(), mask.tobytes())
        for part in (data.train, data.validation, data.test)
        for image, mask in zip(part.images, part.labels, strict=True)
    }
    assert found == {(image.tobytes(), mask.tobytes()) for image, mask in zip(PIXELS[:10], MASKS[:10], strict=True)}


def test_colour_and_gray_jpeg_and_png_become_colour(tmp_path):
    folder = pairs(tmp_path, 9, suffix=".jpg")
    colours = np.broadcast_to(np.array([250, 20, 120], np.uint8), (6, 5, 3))
    save(colours, folder / "images" / "9.jpeg")
    save(MASKS[9], folder / "masks" / "9.png")
    data = load_data(str(folder), 0)
    assert data.shape == (3, 6, 5)
    whole = np.concatenate([part.images for part in (data.train, data.validation, data.test)])
    gray = [image for image in whole if np.array_equal(image[0], image[1])]
    assert len(gray) == 9
    (coloured,) = (image for image in whole if not np.array_equal(image[0], image[1]))
    assert np.abs(coloured.astype(int) - colours.transpose(2, 0, 1)).max() < 12


@pytest.mark.parametrize("mode", ["1", "P"])
def test_masks_of_two_classes_as_editors_save_them(tmp_path, mode):
    folder = pairs(tmp_path)
    for number in range(10):
        image = Image.fromarray((MASKS[number] > 1).astype(np.uint8) * 255)
        if mode == "P":
            image = Image.fromarray((MASKS[number] > 1).astype(np.uint8))
            image.putpalette([0, 0, 0, 255, 0, 0])
        (image.convert("1") if mode == "1" else image).save(folder / "masks" / f"{number}.png")
    data = load_data(str(folder), 0)
    assert data.classes == 2
    whole = [part.labels for part in (data.train, data.validation, data.test)]
    assert np.concatenate(whole).sum() == (MASKS[:10] > 1).sum()


def test_a_folder_for_each_class(tmp_path):
    for number in range(12):
        save(PIXELS[number], tmp_path / ("cat", "dog")[number % 2] / f"{number}.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cat" / ".DS_Store").write_text("")
    data = load_data(str(tmp_path), 0)
    assert (data.task, data.class_names, data.shape) == ("classification", ("cat", "dog"), (1, 6, 5))
    dogs = {image.tobytes() for part in (data.train, data.validation, data.test) for image in part.images[part.labels == 1]}
    assert dogs == {image.tobytes() for image in PIXELS[1:12:2]}


def test_a_file_that_is_added_is_seen(tmp_path):
    folder = pairs(tmp_path)
    first = load_data(str(folder), 0)
    assert load_data(str(folder), 0) is first
    save(PIXELS[11], folder / "images" / "more.png")
    save(MASKS[11], folder / "masks" / "more.png")
    assert len(load_data(str(folder), 0).train) == 7


def broken(folder: Path, case: str) -> str:
    images, masks = folder / "images", folder / "masks"
    whole = (images / "3.png").read_bytes()
    match case:
        case "text":
            (images / "3.png").write_text("no image")
            return "images/3.png: is no readable PNG, JPEG or TIFF"
        case "cut":
            (images / "3.png").write_bytes(whole[: len(whole) - 30])
            return "images/3.png: "
        case "changed":
            (images / "3.png").write_bytes(whole[:45] + bytes(255 - b for b in whole[45:60]) + whole[60:])
            return "images/3.png: "
        case "gif":
            (images / "3.png").unlink()
            Image.fromarray(PIXELS[3]).save(images / "3.gif")
            return "images/3.gif: is no PNG, JPEG or TIFF; take it out, or convert it"
        case "disguise":
            Image.fromarray(PIXELS[3]).save(images / "3.png", format="GIF")
            return "images/3.png: is no readable PNG, JPEG or TIFF"
        case "16 bits":
            Image.fromarray(MASKS[3].astype(np.uint16)).save(masks / "3.png")
            return "masks/3.png: is of mode I;16; save it with 8 bits, gray"
        case "32 bits":
            (images / "3.png").unlink()
            Image.fromarray(PIXELS[3].astype(np.int32)).save(images / "3.tif")
            return "images/3.tif: is of mode I; save it with 8 bits, gray or RGB"
        case "packed":
            (images / "3.png").unlink()
            Image.fromarray(PIXELS[3]).save(images / "3.tif", compression="tiff_lzw")
            return r"images/3.tif: is packed \(tiff_lzw\); save it unpacked, or as PNG"
        case "a stack":
            (images / "3.png").unlink()
            pages = [Image.fromarray(image) for image in PIXELS[:3]]
            pages[0].save(images / "3.tif", save_all=True, append_images=pages[1:])
            return "images/3.tif: holds several images; save each in a file of its own"
        case "another size":
            save(PIXELS[3, :5], images / "3.png")
            return "images/3.png: is 5x5, 0.png is 5x6; give all one size"
        case "mask of another size":
            for path in masks.iterdir():
                save(MASKS[3, :5], path)
            return r"masks have shape \(10, 5, 5\), the images need \(10, 6, 5\)"
        case "no mask":
            (masks / "3.png").unlink()
            return r"masks: there is no mask 3.png for image 3.png"
        case "mask left over":
            save(MASKS[3], masks / "more.png")
            return "masks: more has not one image and one mask; give one of each"
        case "two images":
            save(PIXELS[3], images / "3.jpg")
            return "masks: 3 has not one image and one mask"
        case "JPEG mask":
            (masks / "3.png").unlink()
            save(MASKS[3], masks / "3.jpg")
            return "masks/3.jpg: masks are PNG files, since JPEG changes the numbers of classes; save it as PNG"
        case "coloured mask":
            save(np.stack([MASKS[3]] * 3, -1), masks / "3.png")
            return "masks/3.png: is of mode RGB; save it with 8 bits, gray"
        case "a gap":
            save(MASKS[3] * 5, masks / "3.png")
            return "no pixel is 3, but masks go up to 10"
        case "nothing":
            for path in images.iterdir():
                path.unlink()
            return "images: there are no images; give PNG, JPEG or TIFF files"
        case _:
            for path in sorted(folder.rglob("*.png")):
                path.unlink()
            masks.rmdir()
            return "expected folders images and masks, or a folder of images for each of two classes or more"


CASES = ("text", "cut", "changed", "gif", "disguise", "16 bits", "32 bits", "packed", "a stack", "another size", "mask of another size",
         "no mask", "mask left over", "two images", "JPEG mask", "coloured mask", "a gap", "nothing", "one folder")  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_folder_gets_one_clear_line(tmp_path, case):
    words = broken(pairs(tmp_path), case)
    assert_one_line(str(tmp_path), words, of=str(tmp_path))


def test_a_size_is_refused_before_it_is_decoded(tmp_path):
    folder = pairs(tmp_path, 3)
    for number in range(40):
        (folder / "images" / f"{number}.png").write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 9000, 9000, 8, 0, 0, 0, 0)) + chunk(b"IDAT", b"")
        )
        save(MASKS[0], folder / "masks" / f"{number}.png")
    assert_one_line(str(folder), r"images of shape \(40, 1, 9000, 9000\) have over 2\*\*30 values; give fewer or smaller ones")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def deep_png(values: np.ndarray, colour: int, clear: int | None = None) -> bytes:
    """A PNG of 16 bits a channel from (H, W, C); `colour` as the format numbers it, `clear` is the gray that is transparent."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">2I5B", values.shape[1], values.shape[0], 16, colour, 0, 0, 0)
    through = b"" if clear is None else chunk(b"tRNS", struct.pack(">H", clear))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + through + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, orientation: int = 1, white_is_zero: bool = False, order: str = "<") -> bytes:
    """A TIFF of one strip from (H, W), by the specification of TIFF 6.0."""
    height, width = values.shape
    entries = [(256, width), (257, height), (258, 16), (259, 1), (262, int(not white_is_zero)), (273, 8), (274, orientation), (277, 1),
               (278, height), (279, values.size * 2)]  # fmt: skip
    pixels = values.astype(f"{order}u2").tobytes()
    fields = b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(pixels))
    return head + pixels + struct.pack(f"{order}H", len(entries)) + fields + struct.pack(f"{order}I", 0)


DEEP = RNG.integers(0, 65536, (6, 5), dtype=np.uint16)
UPPER = (DEEP // 256).astype(np.uint8)
FORMS = {
    "gray.png": (deep_png(DEEP[..., None], 0), UPPER[None]),
    "colour.png": (deep_png(np.stack([DEEP, 65535 - DEEP, DEEP], -1), 2), np.stack([UPPER, 255 - UPPER, UPPER])),
    "alpha.png": (deep_png(np.stack([DEEP, np.full_like(DEEP, 65535)], -1), 4), UPPER[None]),
    "clear.png": (deep_png(DEEP[..., None], 0, int(DEEP[2, 3])), np.where(DEEP[2, 3] == DEEP, 255, UPPER)[None]),
    "little.tif": (tiff(DEEP), UPPER[None]),
    "big.tiff": (tiff(DEEP, order=">"), UPPER[None]),
    "white.tif": (tiff(DEEP, white_is_zero=True), 255 - UPPER[None]),
    "turned.tif": (tiff(np.ascontiguousarray(np.rot90(DEEP)), orientation=6), UPPER[None]),
}
"""Files of 16 bits a channel by name, and the (C, H, W) that they show; orientation 6 is turned clockwise to be upright."""


@pytest.mark.parametrize("name", FORMS)
def test_of_16_bits_the_upper_8_are_taken_and_that_is_said(tmp_path, name):
    content, shown = FORMS[name]
    for number in range(8):
        path = tmp_path / "ab"[number % 2] / f"{number}{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    data = load_data(str(tmp_path), 0)
    assert data.shape == shown.shape
    assert all((image == shown).all() for part in (data.train, data.validation, data.test) for image in part.images)
    assert "of 8 of 8 images, which have 16 bits a channel, the upper 8 were taken: they go from 0 to 255" in data.notes
    own = read_loose(tmp_path, shown.shape, 9)
    assert (own.pixels == shown).all()
    assert "8 of 16 bits a channel, of which the upper 8 were taken" in own.notes


def test_dim_images_of_16_bits_are_noted(tmp_path):
    for number in range(8):
        save(PIXELS[number], tmp_path / "ab"[number % 2] / f"{number}.png")
    (tmp_path / "a" / "0.png").write_bytes(deep_png((DEEP // 16)[..., None], 0))
    notes = load_data(str(tmp_path), 0).notes
    assert notes == ("of 1 of 8 images, which have 16 bits a channel, the upper 8 were taken: they go from 0 to 255, "
                     f"and the brightest is {UPPER.max() // 16}: stretch them first",)  # fmt: skip
