"""Files of a `.tar.gz`, read one after the other and never unpacked to disk; the archive is not trusted."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from archsearch.support.reading import reason

BLOCK = 512
MOST_FILE = 2**28
"""Bytes of one file; the largest of CIFAR has 155 million."""
MOST_READ, MOST_FILES = 2**30, 1000
"""Bytes of an archive once unpacked, and files in it."""
FILE = (b"0", b"\0")
"""Type of a plain file, of today and of old."""
CHUNK = 2**20
BROKEN = (OSError, EOFError, ValueError, zlib.error)


class Head(NamedTuple):
    """What stands before a file: its name without folders, its size in bytes, and whether it is a plain file."""

    name: str
    size: int
    plain: bool


def members(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Name, without folders, and content of each wanted file, in the order of the archive; what is none of them is passed over.

    Raises:
        ValueError: it is damaged, over 2**30 bytes once unpacked, or holds a wanted file of over 2**28 bytes.
    """
    try:
        with gzip.open(path, "rb") as stream:
            left = MOST_READ
            for _ in range(MOST_FILES):
                head = read_head(stream.read(BLOCK))
                if head is None:
                    check_rest(stream, left)
                    return
                left -= head.size + BLOCK
                if left < 0:
                    raise ValueError(f"it has over {MOST_READ:,} bytes once unpacked, or says so; fetch it again")
                filling = -head.size % BLOCK
                if head.plain and head.name in wanted:
                    yield head.name, whole(stream, head)
                    skip(stream, filling)
                else:
                    skip(stream, head.size + filling)
            raise ValueError(f"it holds over {MOST_FILES} files; fetch it again")
    except BROKEN as error:
        raise ValueError(reason(error)) from error


def read_head(block: bytes) -> Head | None:
    """The head that a block holds, None at the end (POSIX.1-1988 ustar). Raises ValueError."""
    if not block.strip(b"\0"):
        return None
    if len(block) < BLOCK:
        raise ValueError("it is cut off; fetch it again")
    told, name = block[148:156].strip(b" \0"), block[:100].partition(b"\0")[0]
    summed = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
    size = block[124:136].strip(b" \0") or b"0"
    if not told or not is_octal(told) or int(told, 8) != summed or not is_octal(size):
        raise ValueError(f"where the head of a file should be, there is {block[:8].hex()}…; fetch it again")
    return Head(PurePosixPath(name.decode("latin-1")).name, int(size, 8), block[156:157] in FILE)


def is_octal(text: bytes) -> bool:
    """Whether these are octal digits."""
    return not text.strip(b"01234567")


def whole(stream: gzip.GzipFile, head: Head) -> bytes:
    """The content of a file. Raises ValueError when it is too large or cut off."""
    if head.size > MOST_FILE:
        raise ValueError(f"{head.name[:60]!r} has {head.size:,} bytes, the limit is {MOST_FILE:,}; fetch it again")
    parts, left = [], head.size
    while left:  # piece by piece: room is made for what is there, not for what the head says
        part = stream.read(min(CHUNK, left))
        if not part:
            raise ValueError(f"{head.name[:60]!r} is cut off; fetch it again")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def check_rest(stream: gzip.GzipFile, left: int) -> None:
    """Read what fills up an archive, at most so many bytes: at its end gzip compares its checksum. Raises one of BROKEN."""
    while part := stream.read(CHUNK):
        left -= len(part)
        if left < 0:
            raise ValueError(f"it has over {MOST_READ:,} bytes once unpacked; fetch it again")


def skip(stream: gzip.GzipFile, count: int) -> None:
    """Pass over so many bytes. Raises ValueError when there are fewer."""
    while count:
        part = stream.read(min(CHUNK, count))
        if not part:
            raise ValueError("it is cut off; fetch it again")
        count -= len(part)
