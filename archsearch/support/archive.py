"""Arrays of an `.npz` file: heads are read strictly and by hand, and nothing is made before its size is known to be in the file."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_HEAD = 10_000
MAX_ARRAYS = 1000
MAX_AXES = 8
MAX_ELEMENTS = 2**30
"""Of one array."""
MAX_LETTERS = 10_000
"""Of one text in an array."""
MAX_CODE, HALVES = 0x10FFFF, (0xD800, 0xDFFF)
"""The last character, and numbers that are half of one."""
MOST_PACKED = 1032
"""Bytes that one byte of deflate can stand for, at most (RFC 1951)."""
MAGIC = b"\x93NUMPY"
HEAD = re.compile(
    rb"\s*\{\s*'descr':\s*'(?P<type>[<>|=]?[A-Za-z?]\d{0,6})',\s*'fortran_order':\s*(?P<fortran>True|False),"
    rb"\s*'shape':\s*\((?P<shape>[\d, ]{0,200})\),?\s*\}\s*"
)
"""What numpy writes for an array of plain values."""
BROKEN = (
    OSError, ValueError, EOFError, KeyError, IndexError, OverflowError, RuntimeError, NotImplementedError, struct.error,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What zipfile raises for damaged files."""


class Head(NamedTuple):
    """What an array is, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    at: int

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return prod(self.shape) * self.dtype.itemsize


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive in a file; whatever is wrong with it becomes a ValueError."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path.stat().st_size)
            yield archive
    except BROKEN as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise ValueError(words or str(error) or type(error).__name__) from error


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Raise ValueError for an archive that numpy does not write, or that could not hold what it says that it does."""
    members = archive.infolist()
    if not 1 <= len(members) <= MAX_ARRAYS or not all(member.filename.endswith(".npy") for member in members):
        raise ValueError(f"it holds {len(members)} files; expected 1 to {MAX_ARRAYS}, each an array NAME.npy, as np.savez writes them")
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
            raise ValueError(f"{member.filename[:60]!r} is packed or locked in another way than np.savez does; save it with np.savez")
        if member.file_size > MOST_PACKED * min(member.compress_size, size):
            raise ValueError(f"{member.filename[:60]!r} says that it has {member.file_size:,} bytes, for which the file is too short")


def names_in(archive: zipfile.ZipFile) -> list[str]:
    """Names of all arrays."""
    return [name.removesuffix(".npy") for name in archive.namelist()]


def read_head(archive: zipfile.ZipFile, name: str, kinds: Collection[str]) -> Head:
    """Shape and type of an array; `kinds` are letters of numpy's kinds that it may be of. Raises one of BROKEN."""
    with archive.open(f"{name}.npy") as stream:
        version = stream.read(8)[len(MAGIC) :]
        if version not in (b"\x01\x00", b"\x02\x00"):
            raise ValueError(f"array {name[:60]!r} has format {version.hex() or 'none'}; save it with np.savez")
        form = "<H" if version == b"\x01\x00" else "<I"
        (length,) = struct.unpack(form, stream.read(struct.calcsize(form)))
        if length > MAX_HEAD:
            raise ValueError(f"array {name[:60]!r} has a head of {length:,} bytes, the limit is {MAX_HEAD:,}; save it with np.savez")
        text = stream.read(length)
    found = HEAD.fullmatch(text)
    if found is None:
        raise ValueError(f"array {name[:60]!r} is of no plain type, or damaged; give plain numbers, saved with np.savez")
    begin = len(MAGIC) + 2 + struct.calcsize(form) + length
    head = Head(shape_of(found["shape"], name), type_of(found["type"].decode(), name, kinds), found["fortran"] == b"True", begin)
    if prod(head.shape) > MAX_ELEMENTS:
        raise ValueError(f"array {name[:60]!r} of shape {head.shape} has over 2**30 elements; give fewer or smaller ones")
    held = archive.getinfo(f"{name}.npy").file_size - begin
    if head.size != held:
        raise ValueError(f"array {name[:60]!r} says shape {head.shape}, {head.size:,} bytes, but holds {held:,}; save it anew")
    return head


def shape_of(text: bytes, name: str) -> tuple[int, ...]:
    """The shape that a head tells. Raises ValueError."""
    parts = [part.strip() for part in text.decode().split(",")]
    if parts[-1] == "":
        parts.pop()
    if len(parts) > MAX_AXES or not all(part.isdigit() and len(part) <= 18 for part in parts):
        raise ValueError(f"array {name[:60]!r} has shape ({text.decode()[:60]}); expected at most {MAX_AXES} whole numbers")
    return tuple(map(int, parts))


def type_of(text: str, name: str, kinds: Collection[str]) -> np.dtype[Any]:
    """The type that a head tells. Raises ValueError unless it is of the kinds that are allowed."""
    try:
        dtype = np.dtype(text) if text.lstrip("<>|=")[0] in "?bBhiuflcOSUVmM" else None
    except TypeError:
        dtype = None
    most = 4 * MAX_LETTERS if "U" in text else 8
    if dtype is None or dtype.hasobject or dtype.kind not in kinds or not 1 <= dtype.itemsize <= most:
        wanted = "numbers, booleans or short texts" if "U" in kinds else "plain numbers"
        raise ValueError(f"array {name[:60]!r} is of type {text if dtype is None else dtype}; give {wanted}")
    return dtype


def read_array(archive: zipfile.ZipFile, name: str, kinds: Collection[str] = "biuf") -> NDArray[Any]:
    """One array, read-only. Raises one of BROKEN."""
    head = read_head(archive, name, kinds)
    with archive.open(f"{name}.npy") as stream:
        stream.read(head.at)
        data = stream.read(head.size)
        if len(data) != head.size or stream.read(1):
            raise ValueError(f"array {name[:60]!r} is cut off; save it anew")
    array: NDArray[Any] = np.frombuffer(data, head.dtype).reshape(head.shape, order="F" if head.fortran else "C")
    check_values(array, data, name)
    return array.astype(head.dtype.newbyteorder("="), copy=False)


def check_values(array: NDArray[Any], data: bytes, name: str) -> None:
    """Raise ValueError for booleans that are neither true nor false, and for texts of what are no characters."""
    if array.dtype.kind == "b" and array.size and np.frombuffer(data, np.uint8).max() > 1:
        raise ValueError(f"array {name[:60]!r} holds booleans that are neither true nor false; save it anew")
    if array.dtype.kind == "U" and array.size:
        codes = np.frombuffer(data, f"{array.dtype.str[0]}u4")
        if codes.max() > MAX_CODE or ((codes >= HALVES[0]) & (codes <= HALVES[1])).any():
            raise ValueError(f"array {name[:60]!r} holds texts that are none; save it anew")
