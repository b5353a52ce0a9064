"""Genotypes as a run keeps them: compressed, and by what they share with the run's first one, which is kept twice."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from archsearch.support.reading import MAX_TEXT

SHARED_FLAG, HEAD = 0x20, 6
"""RFC 1950: this bit of the second byte says that the checksum of a dictionary follows, up to byte HEAD."""


def packed(text: str, shared: str = "") -> bytes:
    """A text as a zlib stream, on its own or by what it shares with another one."""
    deflate = zlib.compressobj(9, zdict=shared.encode()) if shared else zlib.compressobj(9)
    return deflate.compress(text.encode()) + deflate.flush()


def checksum(text: str) -> int:
    """By what number a stream calls the text that it shares with others."""
    return zlib.adler32(text.encode())


def shared_by(data: bytes) -> int | None:
    """The checksum of the text that a stream needs; None of one that stands on its own."""
    return int.from_bytes(data[2:HEAD], "big") if len(data) >= HEAD and data[1] & SHARED_FLAG else None


def unpacked(data: bytes, shared: str = "") -> str:
    """The text of a stream, by the text that it needs. Raises ValueError for a stream that is damaged, or over MAX_TEXT."""
    inflate = zlib.decompressobj(zdict=shared.encode()) if shared else zlib.decompressobj()
    try:
        text = inflate.decompress(data, MAX_TEXT)
    except zlib.error as error:
        raise ValueError(f"it cannot be unpacked ({str(error).rpartition(': ')[2]})") from None
    if not inflate.eof or inflate.unused_data:
        raise ValueError(f"it is cut off, or has over {MAX_TEXT:,} bytes")
    return text.decode()  # bytes that are no text raise a ValueError, too


def texts_of(rows: Iterable[tuple[Any, Any]]) -> dict[int, str]:
    """Texts that others share, by their checksums, of rows of checksum and stream; what is damaged is left out."""
    found = {}
    for number, data in rows:
        with suppress(ValueError):
            text = unpacked(data) if isinstance(data, bytes) else ""
            if text and checksum(text) == number:
                found[checksum(text)] = text
    return found
