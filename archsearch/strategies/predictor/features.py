"""What models know of a network: its choices one-hot and in order, and the paths through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.spaces.catalogue import Entry
from archsearch.spaces.encoding import Encoding, Places
from archsearch.strategies.predictor.ensemble import Sample, Vector

SHARED = 2
"""A path is looked at when so many networks at least have it, and so many do not."""
Numbers = NDArray[np.int64]


class Network(NamedTuple):
    """A network as models read it: places of its choices, numbers of the paths through it, by its pool, and how often each occurs."""

    entry: Entry
    places: Places
    paths: Numbers
    counts: Vector


@dataclass
class Features:
    """The features of networks by what those at hand have in common; of paths that occur alike only the first counts."""

    encoding: Encoding
    _paths: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.int64), repr=False)

    def fit(self, networks: Sequence[Network]) -> Sample:
        """Choose the paths to look at, and give the features of these networks."""
        paths, having = np.unique(np.concatenate([network.paths for network in networks]), return_counts=True)
        shared = paths[having >= SHARED]
        first = np.unique(counts_of(networks, shared), axis=1, return_index=True)[1]
        self._paths = shared[np.sort(first)]
        return self.of(networks)

    def of(self, networks: Sequence[Network]) -> Sample:
        """Features of networks; paths that were not chosen are left out."""
        table = np.stack([network.places for network in networks])
        counts = np.log1p(counts_of(networks, self._paths))  # the difference between none and one weighs most
        return Sample(table, np.hstack([self.encoding.one_hot(table), table.astype(np.float64), counts]))


def counts_of(networks: Sequence[Network], paths: Numbers) -> Vector:
    """(networks, paths): how often each path, of rising numbers, occurs in each network."""
    found = np.zeros((len(networks), len(paths)))
    if not len(paths):
        return found
    having = np.concatenate([network.paths for network in networks])
    rows = np.repeat(np.arange(len(networks)), [len(network.paths) for network in networks])
    columns = np.minimum(np.searchsorted(paths, having), len(paths) - 1)
    chosen = paths[columns] == having
    found[rows[chosen], columns[chosen]] = np.concatenate([network.counts for network in networks])[chosen]
    return found
