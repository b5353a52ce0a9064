"""Archives of arrays: what a file says is held against what it can hold before anything of that size is made."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from archsearch.support.archive import MAX_ARRAYS, MAX_HEAD, names_in, opened, read_array, read_head

LITTLE = 2**20
"""Bytes that refusing a file may take."""


def head_of(text: bytes, version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    form = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(form, len(text) if length is None else length) + text


def told(descr: str = "<f4", shape: str = "(2,)", order: str = "False") -> bytes:
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


def packed(path: Path, content: bytes, name: str = "a.npy", way: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", way) as made:
        made.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(4, dtype=">i4"),
        np.array(True),
        np.zeros((0, 3)),
        np.array(["a", "äß😀"]),
    ],
    ids=str,
)
def test_what_numpy_writes_is_read_and_cannot_be_written_to(save: object, array: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "a.npz", a=array)  # type: ignore[operator]
    with opened(tmp_path / "a.npz") as found:
        assert names_in(found) == ["a"]
        read = read_array(found, "a", "biufU")
        assert read_head(found, "a", "biufU").shape == array.shape
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (head_of(told(shape="(1000000000,)")), "says shape .*, but holds 0; save it anew"),
        (head_of(told(shape="(9999999999,)")), ".* has over 2\\*\\*30 elements"),
        (head_of(told(shape="(99999, 99999, 99999)")), ".* has over 2\\*\\*30 elements"),
        (head_of(told(shape="(1, 1, 1, 1, 1, 1, 1, 1, 1)")), ".*expected at most 8 whole numbers"),
        (head_of(told(shape="(1234567890123456789,)")), ".*expected at most 8 whole numbers"),
        (head_of(told()) + bytes(7), "says shape \\(2,\\), 8 bytes, but holds 7; save it anew"),
        (head_of(told()) + bytes(9), "says shape \\(2,\\), 8 bytes, but holds 9; save it anew"),
        (head_of(told("|O")) + bytes(16), "is of type .*; give plain numbers"),
        (head_of(told("<c8")) + bytes(16), "is of type complex64; give plain numbers"),
        (head_of(told("<U99999")) + bytes(16), "is of type .*; give"),
        (head_of(told("<i3")) + bytes(6), "is of type <i3; give plain numbers"),
        (head_of(b"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }"), "is of no plain type, or damaged"),
        (head_of(b"__import__('os')"), "is of no plain type, or damaged"),
        (head_of(told(), length=MAX_HEAD + 1), "has a head of 10,001 bytes, the limit is 10,000"),
        (head_of(told(), b"\x02\x00", length=2**31), "has a head of 2,147,483,648 bytes"),
        (head_of(told(), b"\x03\x00"), "has format 0300; save it with np.savez"),
        (b"", "has format none"),
        (head_of(told("|b1")) + b"\x01\x02", "holds booleans that are neither true nor false"),
    ],
    ids=range(18),
)
def test_what_an_array_says_is_checked_before_it_is_made(content: bytes, words: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"array 'a' {words}") as raised, opened(path) as found:
            read_array(found, "a")
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("code", [0xD800, 0x110000])
def test_texts_of_what_are_no_characters_are_refused(code: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", head_of(told("<U1", "()")) + struct.pack("<I", code))
    with pytest.raises(ValueError, match="array 'a' holds texts that are none"), opened(path) as found:
        read_array(found, "a", "U")


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(way: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", head_of(told()) + bytes(8), way=way)
    with pytest.raises(ValueError, match=r"'a.npy' is packed or locked in another way than np.savez does"), opened(path):
        pass


def test_an_archive_of_other_files_or_of_too_many_is_refused(tmp_path: Path) -> None:
    for name in ("a.txt", "a.npy/"):
        with (
            pytest.raises(ValueError, match=r"it holds 1 files; expected 1 to 1000, each an array NAME.npy"),
            opened(packed(tmp_path / "a.npz", b"", name)),
        ):
            pass
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as made:
        for number in range(MAX_ARRAYS + 1):
            made.writestr(f"{number}.npy", b"")
    with pytest.raises(ValueError, match=r"it holds 1001 files"), opened(tmp_path / "a.npz"):
        pass
    with zipfile.ZipFile(tmp_path / "a.npz", "w"):
        pass
    with pytest.raises(ValueError, match=r"it holds 0 files"), opened(tmp_path / "a.npz"):
        pass


def test_a_size_that_the_file_is_too_short_for_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.zeros(4))
    path = packed(tmp_path / "a.npz", content.getvalue())
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (2**31).to_bytes(4, "little")  # the size that the directory tells
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"'a.npy' says that it has 2,147,483,648 bytes, for which the file is too short"), opened(path):
        pass


def test_whatever_else_is_wrong_becomes_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^No such file or directory$"), opened(tmp_path / "none"):
        pass
    (tmp_path / "a.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"not a zip file"), opened(tmp_path / "a.npz"):
        pass
    path = packed(tmp_path / "b.npz", head_of(told()) + bytes(8))
    with pytest.raises(ValueError, match=r"no item named 'c.npy'"), opened(path) as found:
        read_array(found, "c")
