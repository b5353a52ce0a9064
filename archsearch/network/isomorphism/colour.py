"""Colours: 16 bytes that stand for what an op is, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from archsearch.ops.base import Op


def hashed(*parts: bytes) -> bytes:
    """16 bytes that stand for the parts, the same on every machine."""
    return blake2b(b"".join(parts), digest_size=16).digest()


class OpColour:
    """Colour of an op by its kind and the fields of its dataclass, nothing else that it carries: 1, 1.0 and true differ.

    Colours are kept by what the fields look like when they are written out, as equal fields may be of other types.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}
        self._most = 1 << 14

    def __call__(self, op: Op) -> bytes:
        written = repr(reader_of(type(op))(op))
        colour = self._kept.get((op.kind, written))
        if colour is None:
            if len(self._kept) >= self._most:
                self.cache_clear()
            colour = self._kept[op.kind, written] = hashed(repr((op.kind, sorted(values_of(op)))).encode())
        return colour

    def cache_clear(self) -> None:
        """Forget all colours; they come out the same again."""
        self._kept.clear()


op_colour = OpColour()


def values_of(op: Op) -> list[tuple[str, Any]]:
    """Name and value of every field."""
    return [(field.name, getattr(op, field.name)) for field in fields(op)]  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def reader_of(cls: type[Op]) -> Callable[[Op], Any]:
    """What reads all fields of an op of this class at once."""
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    return attrgetter(*names) if names else nothing


def nothing(op: Op) -> tuple[()]:
    """The fields of an op that has none."""
    return ()
