"""Several proxies as one: by ranks, because their values have no scale in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.support.ranks import middle_ranks


def rank_product(scores: Mapping[str, Sequence[float]]) -> list[float]:
    """For every candidate of a population the geometric mean of its ranks by all proxies, as a share of the population: in (0, 1].

    `scores` are those of each proxy, (candidates,), the higher the better; so is the result: 1 is best by every proxy. Equal values have
    the mean of their ranks, and what is no number comes last, as -inf does. The logarithm is the sum that AZ-NAS ranks by (Lee & Ham
    2024, arXiv:2403.19232, equation 11); to be far down by one proxy costs more than to be far up by another gains.

    Raises:
        ValueError: no proxy, or proxies with different numbers of candidates.
    """
    counts = {name: len(values) for name, values in scores.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"every proxy needs one value for each candidate, got {counts or 'no proxy'}")
    logs = [np.log(shares(values)) for values in scores.values()]
    return [float(value) for value in np.exp(np.mean(logs, axis=0))]


def shares(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from the lowest value on, over their number: (0, 1], the mean among equal ones."""
    known = np.asarray(values, np.float64)
    known = np.where(np.isnan(known), -np.inf, known)
    return middle_ranks(known) / len(known)
