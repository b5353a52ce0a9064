"""Ranks, and how far two of them agree; scipy has the same, but takes long to import."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def middle_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """(n,): ranks of values from 1, the lowest; equal ones share the mean of theirs."""
    _, where, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[where], np.float64)


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's rank correlation, 0 where one side is all equal; None for less than three pairs."""
    if len(pairs) < 3:
        return None
    first, second = (middle_ranks(side) for side in np.array(pairs, np.float64).T)
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
