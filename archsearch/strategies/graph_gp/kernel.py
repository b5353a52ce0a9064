"""Similarity of networks as a kernel: choices in common and subtrees in common, for a pool that grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from archsearch.network.similarity import Counts
from archsearch.spaces.space import Choices

Matrix = NDArray[np.float64]
Row = tuple[NDArray[np.int64], Matrix]
HEIGHTS = 2
PARTS = HEIGHTS + 2
"""Similarities kept apart: subtrees of height 0 to HEIGHTS, and choices."""


@dataclass(frozen=True)
class Shape:
    """One form of the kernel: exp(-(1 - s) / `length`), s the mean of the similarities by `weights`; `noise` relative to its scale."""

    weights: tuple[float, ...]
    length: float
    noise: float

    def of(self, similarities: Matrix) -> Matrix:
        """Kernel values from similarities (PARTS, ...)."""
        weights = np.asarray(self.weights) / sum(self.weights)
        return np.exp((np.tensordot(weights, similarities, 1) - 1) / self.length)


def shapes() -> Iterator[Shape]:
    """The forms that are weighed against each other: how high subtrees reach, how much choices count, how far likeness reaches."""
    for heights, choices, length, noise in product((2, 3), (0.5, 2.0), (0.1, 0.3, 1.0), (1e-3, 1e-2)):
        subtrees = [1.0] * heights + [0.0] * (HEIGHTS + 1 - heights)
        yield Shape((*subtrees, choices), length, noise)


class Features:
    """Networks as sparse unit vectors, one for every part: row i of the parts is network i."""

    def __init__(self) -> None:
        self._columns: list[dict[Any, int]] = [{} for _ in range(PARTS)]
        self._fresh: list[list[Row]] = [[] for _ in range(PARTS)]
        self._built = [csr_matrix((0, 0)) for _ in range(PARTS)]

    def add(self, counts: Counts, choices: Choices) -> None:
        """Put a network in."""
        parts: list[dict[Any, int]] = [*map(dict, counts), {(name, repr(value)): 1 for name, value in choices.items()}]
        for columns, fresh, found in zip(self._columns, self._fresh, parts, strict=True):
            places = np.array([columns.setdefault(key, len(columns)) for key in found], dtype=np.int64)
            values = np.array(list(found.values()), dtype=np.float64)
            fresh.append((places, values / max(float(np.linalg.norm(values)), 1e-12)))

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all networks but these, which are numbered anew in this order, and what none of them has."""
        for part in range(PARTS):
            kept = self._whole(part)[rows]
            used = np.unique(kept.indices)
            self._built[part] = kept[:, used]
            places = dict(zip(used.tolist(), range(len(used)), strict=True))
            self._columns[part] = {key: places[at] for key, at in self._columns[part].items() if at in places}

    def similarities(self, rows: slice | Sequence[int], others: slice | Sequence[int]) -> Matrix:
        """(PARTS, rows, others): the cosine of every pair, part by part."""
        return np.stack([(whole[rows] @ whole[others].T).toarray() for whole in map(self._whole, range(PARTS))])

    def _whole(self, part: int) -> csr_matrix:
        """All networks as one matrix; new rows join what is built already."""
        fresh = self._fresh[part]
        if fresh:
            ends = np.cumsum([0, *(len(places) for places, _ in fresh)])
            places, values = (np.concatenate(found) for found in zip(*fresh, strict=True))
            rows, width = csr_matrix((values, places, ends)), len(self._columns[part])
            for matrix in (rows, self._built[part]):
                matrix.resize(matrix.shape[0], width)
            self._built[part] = vstack([self._built[part], rows], format="csr")
            fresh.clear()
        return self._built[part]
