"""Many things split into classes: by a value of theirs, by several splits at once, by what classes have in common."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
FEW = 1 << 16


class Part(NamedTuple):
    """A split: the class of every thing, from 0, and how many classes there are; with one class nothing is written down."""

    codes: Ints
    classes: int


ONE = Part(np.zeros(0, np.int64), 1)


def factorised(values: Sequence[Any] | NDArray[Any]) -> tuple[Part, list[Hashable]]:
    """The split of things by value, and the value of every class."""
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype != object:
        low = int(values.min()) if values.dtype.kind in "iu" else 0
        if values.dtype.kind in "iu" and int(values.max()) - low < FEW:
            distinct, codes = compressed(values.astype(np.int64) - low, int(values.max()) - low + 1)
            found: list[Hashable] = (distinct + low).tolist()
        else:
            distinct, codes = np.unique(values, return_inverse=True)
            found = distinct.tolist()
    else:
        place: dict[Hashable, int] = {}
        plain = [tuple(value) if isinstance(value, list | np.ndarray) else value for value in values]
        codes = np.array([place.setdefault(value, len(place)) for value in plain], np.int64)
        found = list(place)
    return (Part(codes.astype(np.int64, copy=False), len(found)) if len(found) > 1 else ONE), found


class Partitions:
    """Splits of `size` things, and those made from them, each made once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._joined: dict[tuple[int, ...], tuple[Part, list[Ints]]] = {}
        self._merged: dict[tuple[int, tuple[int, ...]], Part] = {}
        self._kept: list[Part] = []  # what is found by its id has to stay

    def join(self, parts: Sequence[Part]) -> tuple[Part, list[Ints]]:
        """The coarsest split that tells apart what any of `parts` does, and for each of them the class that every class lies in."""
        key = tuple(map(id, parts))
        if key not in self._joined:
            self._kept.extend(parts)
            self._joined[key] = self._join(parts)
        return self._joined[key]

    def _join(self, parts: Sequence[Part]) -> tuple[Part, list[Ints]]:
        joint, inside = ONE, dict[int, Ints]()
        for part in parts:
            if part.classes == 1 or id(part) in inside:
                continue
            if joint.classes == 1:
                joint, inside = part, {id(part): np.arange(part.classes)}
                continue
            distinct, codes = compressed(joint.codes * part.classes + part.codes, joint.classes * part.classes)
            inside = {known: classes[distinct // part.classes] for known, classes in inside.items()} | {id(part): distinct % part.classes}
            joint = Part(codes, len(distinct))
        return joint, [inside.get(id(part), np.zeros(joint.classes, np.int64)) for part in parts]

    def merge(self, part: Part, into: Sequence[int], count: int) -> Part:
        """The split in which class `i` of `part` lies in class `into[i]` of `count`."""
        if count == 1:
            return ONE
        if count == part.classes:
            return part
        key = (id(part), tuple(into))
        if key not in self._merged:
            self._kept.append(part)
            self._merged[key] = Part(np.array(into, np.int64)[part.codes], count)
        return self._merged[key]


def compressed(codes: Ints, limit: int) -> tuple[Ints, Ints]:
    """The distinct codes in order, and the place of every code among them; codes lie below `limit`."""
    if limit > max(FEW, 2 * len(codes)):
        distinct, places = np.unique(codes, return_inverse=True)
        return distinct, places
    present = np.zeros(limit, np.bool_)
    present[codes] = True
    distinct = np.flatnonzero(present)
    place = np.zeros(limit, np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes]
