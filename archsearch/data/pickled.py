"""Pickles of the CIFAR archives, read without running anything in them: stand-ins take the place of numpy's array and type."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from typing import Any

import numpy as np

from archsearch.data.base import Bytes
from archsearch.support.reading import one_line, reason

MOST_CODES, MOST_TUPLES = 2_000_000, 100
"""Codes of a pickle, and tuples in it: tuples within tuples without end would take the process down when they are hashed."""
CODES = {
    "PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG1",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
}  # fmt: skip
"""What an archive needs of the language of pickles (protocols 0 to 4)."""
BROKEN = (
    pickle.UnpicklingError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError, RecursionError,
    struct.error,
)  # fmt: skip
"""What a damaged pickle raises."""
STATE, UNSIGNED_BYTE = 5, ("u1", b"u1")


class StoredType:
    """Stands in for numpy.dtype: its name and nothing else."""

    __slots__ = ("name",)

    def __init__(self, name: object = "", *_: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        """Byte order and fields: of bytes there are none."""


class StoredArray:
    """Stands in for an array of numpy's: shape, type, order and bytes as the pickle has them, of which nothing is made."""

    __slots__ = ("state",)

    def __init__(self, *_: object) -> None:
        self.state: object = ()

    def __setstate__(self, state: object) -> None:
        self.state = state


STAND_INS: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): StoredArray,
    ("numpy._core.multiarray", "_reconstruct"): StoredArray,  # where numpy 2 has it
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): StoredType,
}
"""What a pickle may name, with what it gets: no code of any library."""


class Unpickler(pickle.Unpickler):
    """An unpickler that gives stand-ins for numpy's arrays and refuses, by name, all else that a pickle asks for."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in. Raises ValueError."""
        if (module, name) not in STAND_INS:
            raise ValueError(
                f"it asks for {one_line(f'{module}.{name}', 60)!r}, which no CIFAR archive does, and is not run; fetch it again"
            )
        return STAND_INS[module, name]


def unpickled(data: bytes) -> dict[str, Any]:
    """The dict in a pickle: numbers, texts as bytes, lists, and StoredArray for arrays. Raises ValueError."""
    try:
        check_codes(data)
        found = Unpickler(io.BytesIO(data), encoding="bytes").load()
    except BROKEN as error:
        raise ValueError(reason(error)) from error
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}, expected a dict; fetch it again")  # noqa: TRY004 one kind of error for damage
    return {name.decode("latin-1") if isinstance(name, bytes) else str(name)[:60]: value for name, value in found.items()}


def check_codes(data: bytes) -> None:
    """Raise ValueError for a pickle that does what no archive does, before it is followed."""
    tuples = 0
    for count, (code, argument, _) in enumerate(pickletools.genops(data)):
        if code.name not in CODES:
            raise ValueError(f"it holds the pickle code {code.name}, which no CIFAR archive does; fetch it again")
        tuples += "TUPLE" in code.name
        # room is made for as many remembered values as the largest number says
        if count > MOST_CODES or tuples > MOST_TUPLES or ("PUT" in code.name and isinstance(argument, int) and argument > MOST_CODES):
            raise ValueError("it is larger or deeper than any of a CIFAR archive; fetch it again")


def array_of(value: object, columns: int) -> Bytes:
    """Rows of so many bytes, (N, columns), read-only, from a StoredArray. Raises ValueError for any other array."""
    state = value.state if isinstance(value, StoredArray) else ()
    if not isinstance(state, tuple) or len(state) != STATE:
        raise ValueError("'data' is no array; fetch it again")
    _, shape, dtype, fortran, content = state
    if not isinstance(dtype, StoredType) or dtype.name not in UNSIGNED_BYTE or fortran or not isinstance(content, bytes):
        raise ValueError("'data' is no array of bytes, row by row; fetch it again")
    if shape != (len(content) // columns, columns) or not content or len(content) % columns:
        raise ValueError(f"'data' has shape {one_line(str(shape), 40)} and {len(content):,} bytes, expected (N, {columns}); fetch it again")
    return np.frombuffer(content, np.uint8).reshape(-1, columns)
