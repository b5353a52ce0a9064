"""MATLAB files of level 5, as that of SVHN are: exact arrays, and one line for anything else."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from archsearch.data import load_data
from archsearch.data.mat import read_mat
from tests.test_data_published import assert_one_line, content, expected

RNG = np.random.default_rng(0)
HEAD = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124)
KINDS = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}
CLASSES = {"f8": 6, "f4": 7, "i1": 8, "u1": 9, "i2": 10, "u2": 11, "i4": 12, "u4": 13, "i8": 14, "u8": 15}


def element(kind: int, content: bytes, order: str = "<") -> bytes:
    """An element as MATLAB writes it: one of at most four bytes within its head."""
    if len(content) <= 4:
        return struct.pack(f"{order}I", len(content) << 16 | kind) + content.ljust(4, b"\0")
    return struct.pack(f"{order}2I", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name: str, array: np.ndarray, stored: str = "", order: str = "<", flags: int = 0, of: int | None = None) -> bytes:
    kind = array.dtype.newbyteorder("=").str[1:]
    stored = stored or kind
    return element(
        14,
        element(6, struct.pack(f"{order}2I", flags | (CLASSES[kind] if of is None else of), 0), order)
        + element(5, struct.pack(f"{order}{array.ndim}i", *array.shape), order)
        + element(1, name.encode(), order)
        + element(KINDS[stored], array.astype(f"{order}{stored}").tobytes(order="F"), order),
        order,
    )


def packed(data: bytes, order: str = "<") -> bytes:
    data = zlib.compress(data)
    return struct.pack(f"{order}2I", 15, len(data)) + data


def mat(*elements: bytes, order: str = "<") -> bytes:
    return HEAD + (b"\x00\x01IM" if order == "<" else b"\x01\x00MI") + b"".join(elements)


def house_numbers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """X, (H, W, 3, N), and y, (N, 1), as SVHN has them: every digit, of which 0 is stored as 10."""
    return RNG.integers(0, 256, (4, 5, 3, count), dtype=np.uint8), RNG.permutation(np.arange(count) % 10 + 1).astype(np.uint8)[:, None]


@pytest.mark.parametrize("pack", [packed, bytes])
def test_images_and_digits_of_svhn(tmp_path, pack):
    written = {"train": house_numbers(40), "test": house_numbers(20)}
    for part, (images, digits) in written.items():
        whole = mat(pack(matrix("X", images)), pack(matrix("y", digits.astype(np.float64), stored="u1")))
        (tmp_path / f"{part}_32x32.mat").write_bytes(whole)
    data = load_data("svhn", 0, str(tmp_path))
    assert (data.shape, data.flip, data.class_names) == ((3, 4, 5), False, tuple("0123456789"))
    for part, (images, digits) in written.items():
        upright = np.stack([images[..., number].transpose(2, 0, 1) for number in range(len(digits))])
        assert content(data, part) == expected(upright, ["0" if digit == 10 else str(digit) for digit in digits[:, 0]])


@pytest.mark.parametrize("inside", ["", "svhn", "svhn-extra"])
def test_extra_images_of_svhn_are_trained_on(tmp_path, inside):
    (tmp_path / inside).mkdir(exist_ok=True)
    written = {"train": house_numbers(40), "extra": house_numbers(30), "test": house_numbers(20)}
    for part, (images, digits) in written.items():
        (tmp_path / inside / f"{part}_32x32.mat").write_bytes(mat(matrix("X", images), matrix("y", digits)))
    data = load_data("svhn-extra", 0, str(tmp_path))
    assert (len(data.train) + len(data.validation), len(data.test)) == (70, 20)
    upright = {part: images.transpose(3, 2, 0, 1) for part, (images, _) in written.items()}
    digits = {part: [str(digit % 10) for digit in numbers[:, 0]] for part, (_, numbers) in written.items()}
    assert content(data, "test") == expected(upright["test"], digits["test"])
    assert content(data, "train") == expected(np.concatenate([upright["train"], upright["extra"]]), digits["train"] + digits["extra"])
    (tmp_path / inside / "extra_32x32.mat").unlink()
    assert_one_line("svhn-extra", "there is no extra_32x32.mat", tmp_path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_arrays_of_every_type_are_read(tmp_path, kind, order):
    arrays = {"one": np.array([[7]], kind), "some": RNG.integers(0, 100, (3, 4, 2)).astype(kind), "empty": np.zeros((0, 3), kind)}
    elements = [matrix(name, array, order=order) for name, array in arrays.items()]
    (tmp_path / "a.mat").write_bytes(mat(*elements[:1], *(packed(one, order) for one in elements[1:]), order=order))
    found = read_mat(tmp_path / "a.mat")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype.newbyteorder("=") == array.dtype


def test_scipy_agrees(tmp_path):
    io = pytest.importorskip("scipy.io")
    images, digits = house_numbers(10)
    io.savemat(tmp_path / "a.mat", {"X": images, "y": digits}, do_compression=True)
    found = read_mat(tmp_path / "a.mat")
    np.testing.assert_array_equal(found["X"], images)
    np.testing.assert_array_equal(found["y"], digits)


IMAGES, DIGITS = house_numbers(20)
X, Y = matrix("X", IMAGES), matrix("y", DIGITS)


def with_shape(*shape: int) -> bytes:
    """The images, which say that they have another shape."""
    return X.replace(struct.pack("<4i", *IMAGES.shape), struct.pack("<4i", *shape))


BOMB = zlib.compress(struct.pack("<2I", 14, 2**33 - 1 & 0xFFFFFFFF) + bytes(5000))
WRONG = {
    "HDF5": (
        b"MATLAB 7.3 MAT-file, Platform".ljust(512) + b"\x89HDF",
        r"it is of MATLAB 7.3 \(HDF5\), which is not read; save it with -v7",
    ),
    "empty": (b"", "no MATLAB file of level 5"),
    "text": (b"not a file " * 50, "it begins with b'not a file n': no MATLAB file of level 5"),
    "version": (HEAD + b"\x00\x02IM" + X, "no MATLAB file of level 5"),
    "cut": (mat(packed(X), packed(Y))[:-20], "for which the file is too short"),
    "cut within": (mat(struct.pack("<2I", 15, 40) + zlib.compress(X)[:40]), "cut off|Error|too short"),
    "no labels": (mat(X), "there is no array X or y"),
    "huge": (mat(with_shape(2**14, 2**14, 3, 2**8), Y), r"'X' has shape .*; expected at most 2,147,483,648 numbers"),
    "negative": (mat(with_shape(4, -5, 3, -20), Y), r"'X' has shape \(4, -5, 3, -20\)"),
    "larger": (mat(packed(with_shape(4, 5, 3, 21)), Y), r"'X' of shape \(4, 5, 3, 21\) holds 1,200 bytes"),
    "a bomb": (
        mat(struct.pack("<2I", 15, len(BOMB)) + BOMB),
        "says that it has 4,294,967,295 bytes; expected an array that is in the file",
    ),
    "complex": (mat(matrix("X", IMAGES, flags=0x800), Y), "'X' is no array of real numbers"),
    "cells": (mat(matrix("X", IMAGES, of=1), Y), "'X' is no array of real numbers"),
    "another element": (mat(element(2, b"12345")), "it holds an element of type 2"),
    "N first": (
        mat(matrix("X", IMAGES.transpose(3, 0, 1, 2)), Y),
        r"X has shape \(20, 4, 5, 3\) and type uint8; expected bytes \(H, W, 3, N\)",
    ),
    "floats": (mat(matrix("X", IMAGES.astype(np.float64)), Y), "X has shape .* and type float64"),
    "zeros": (mat(X, matrix("y", DIGITS % 10)), r"y has shape \(20, 1\); expected \(20, 1\) numbers from 1 to 10"),
    "fewer": (mat(X, matrix("y", DIGITS[1:])), r"y has shape \(19, 1\); expected \(20, 1\)"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_wrong_file_gets_one_clear_line(tmp_path: Path, case):
    data, words = WRONG[case]
    (tmp_path / "train_32x32.mat").write_bytes(data)
    (tmp_path / "test_32x32.mat").write_bytes(mat(X, Y))
    assert_one_line("svhn", f"train_32x32.mat: .*({words})", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path):
    (tmp_path / "train_32x32.mat").write_bytes(mat(X, Y))
    assert_one_line("svhn", "there is no test_32x32.mat", tmp_path)
