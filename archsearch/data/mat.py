"""Arrays of numbers in MATLAB files of level 5, packed or not, as MathWorks documents them; nothing in them is trusted."""

from __future__ import annotations

import struct
import zlib
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import MAX_ELEMENTS
from archsearch.support.reading import at, one_line, reason

HEAD, TAG = 128, 8
"""Bytes of the head of a file, and of that of an element."""
MATRIX, COMPRESSED = 14, 15
KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types in which numbers are stored, by MATLAB's number."""
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""Types of arrays, likewise: a double whose values are small is stored in bytes."""
COMPLEX = 0x08
MOST_PACKED, MOST_ARRAYS, MOST_AXES, MOST_NAME = 1032, 100, 8, 200
MOST_BESIDE = 4096
"""Bytes of an array beside its numbers."""
BROKEN = (OSError, ValueError, struct.error, zlib.error)


class Element(NamedTuple):
    """A piece of a file: MATLAB's number of its type, its bytes, and where the next one begins."""

    kind: int
    content: memoryview
    after: int


def read_mat(path: Path, most: int = MAX_ELEMENTS) -> dict[str, NDArray[Any]]:
    """All arrays of numbers by name, read-only, axes in the order of the file; each of at most `most` numbers.

    Raises:
        ValueError: it is of another version, damaged, or holds an array of more numbers or of anything else; one line with its name.
    """
    try:
        if path.stat().st_size > 8 * most:
            raise ValueError(f"it has over {8 * most:,} bytes; fetch it again")
        data = memoryview(path.read_bytes())
        order = byte_order(bytes(data[:HEAD]))
        found: dict[str, NDArray[Any]] = {}
        place = HEAD
        while place < len(data):
            if len(found) >= MOST_ARRAYS:
                raise ValueError(f"it holds over {MOST_ARRAYS} arrays")
            element = element_at(data, place, order)
            name, array = matrix(unpacked(element, order, most), order, most)
            found[name] = array
            place = element.after
    except BROKEN as error:
        raise ValueError(at(path, reason(error), "data")) from error
    return found


def byte_order(head: bytes) -> str:
    """`<` or `>`. Raises ValueError for a file of another version."""
    if head.startswith(b"MATLAB 7.3") or head.startswith(b"\x89HDF"):
        raise ValueError("it is of MATLAB 7.3 (HDF5), which is not read; save it with -v7")
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128], "")
    version = head[124:126] if order == ">" else head[125:123:-1]
    if len(head) < HEAD or not order or version != b"\x01\x00":
        raise ValueError(f"it begins with {one_line(repr(head[:12]), 60)}: no MATLAB file of level 5; fetch it again")
    return order


def element_at(data: memoryview, place: int, order: str) -> Element:
    """The element at a place; one of at most four bytes lies within its head. Raises ValueError when it is cut off."""
    if len(data) < place + TAG:
        raise ValueError("it is cut off; fetch it again")
    kind, size = struct.unpack_from(f"{order}2I", data, place)
    begin, after = place + TAG, place + TAG
    if kind >> 16:
        kind, size, begin = kind & 0xFFFF, kind >> 16, place + TAG // 2
        after = place + TAG if size <= TAG // 2 else len(data) + 1
    else:
        after = begin + size + (0 if kind == COMPRESSED else -size % TAG)
    if begin + size > len(data) or after > len(data) + TAG:
        raise ValueError(f"an element says that it has {size:,} bytes, for which the file is too short; fetch it again")
    return Element(kind, data[begin : begin + size], after)


def unpacked(element: Element, order: str, most: int) -> memoryview:
    """The content of a matrix, of which the head is looked at before room is made for it. Raises ValueError."""
    if element.kind == MATRIX:
        return element.content
    if element.kind != COMPRESSED:
        raise ValueError(f"it holds an element of type {element.kind}, expected an array of numbers")
    stream = zlib.decompressobj()
    tag = stream.decompress(element.content, TAG)
    kind, size = struct.unpack(f"{order}2I", tag)
    if kind != MATRIX or size > min(8 * most + MOST_BESIDE, MOST_PACKED * len(element.content)):
        raise ValueError(f"an element of type {kind} says that it has {size:,} bytes; expected an array that is in the file")
    beginning = stream.decompress(stream.unconsumed_tail, min(size, MOST_BESIDE))
    check_size(memoryview(beginning), size, order, most)
    content = beginning + stream.decompress(stream.unconsumed_tail, size - len(beginning)) if size > len(beginning) else beginning
    if len(content) < size:
        raise ValueError("an array is cut off; fetch it again")
    return memoryview(content)


def check_size(beginning: memoryview, size: int, order: str, most: int) -> None:
    """Raise ValueError when an array is smaller than its element, or of what is no number, so far as its beginning tells."""
    _, shape, _, _ = described(beginning, order, most)
    if size > 8 * prod(shape) + MOST_BESIDE:
        raise ValueError(f"an array of shape {shape} says that it has {size:,} bytes; fetch it again")


def described(data: memoryview, order: str, most: int) -> tuple[str, tuple[int, ...], str, int]:
    """Name, shape and type of an array, and where its numbers begin. Raises ValueError for one of anything else."""
    flags = element_at(data, 0, order)
    if len(flags.content) != TAG:
        raise ValueError("an array does not begin as one; fetch it again")
    (word,) = struct.unpack_from(f"{order}I", flags.content)
    dimensions = element_at(data, flags.after, order)
    label = element_at(data, dimensions.after, order)
    if not 2 * 4 <= len(dimensions.content) <= MOST_AXES * 4 or len(dimensions.content) % 4 or len(label.content) > MOST_NAME:
        raise ValueError("an array has a strange head; fetch it again")
    shape = struct.unpack(f"{order}{len(dimensions.content) // 4}i", dimensions.content)
    name = one_line(bytes(label.content).decode("latin-1"), MOST_NAME)
    if word & 0xFF not in CLASSES or word >> 8 & COMPLEX:
        raise ValueError(f"{name[:60]!r} is no array of real numbers; save numbers alone")
    if min(shape) < 0 or prod(shape) > most:
        raise ValueError(f"{name[:60]!r} has shape {shape}; expected at most {most:,} numbers")
    return name, shape, CLASSES[word & 0xFF], label.after


def matrix(data: memoryview, order: str, most: int) -> tuple[str, NDArray[Any]]:
    """Name and numbers of an array, which are stored column by column. Raises ValueError."""
    name, shape, dtype, begin = described(data, order, most)
    numbers = element_at(data, begin, order)
    stored = np.dtype(f"{order}{KINDS[numbers.kind]}") if numbers.kind in KINDS else None
    if stored is None or len(numbers.content) != prod(shape) * stored.itemsize:
        raise ValueError(f"{name[:60]!r} of shape {shape} holds {len(numbers.content):,} bytes of type {numbers.kind}; fetch it again")
    array: NDArray[Any] = np.frombuffer(numbers.content, stored).reshape(shape, order="F")
    return name, array.astype(dtype, copy=False)
