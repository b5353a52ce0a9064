"""What models know of a network: its choices one-hot and in order, and the paths through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from archsearch.catalogue import Entry
from archsearch.encoding import Encoding, Places
from archsearch.strategies.predictor.ensemble import Sample, Vector

SHARED = 2
"""A path is looked at when so many networks at least have it, and so many do not."""


class Network(NamedTuple):
    """A network as models read it: places of its choices, and how often each path occurs."""

    entry: Entry
    places: Places
    paths: Mapping[bytes, int]


@dataclass
class Features:
    """The features of networks by what those at hand have in common; of paths that occur alike only the first counts."""

    encoding: Encoding
    _columns: dict[bytes, int] = field(default_factory=dict, repr=False)

    def fit(self, networks: Sequence[Network]) -> Sample:
        """Choose the paths to look at, and give the features of these networks."""
        having = Counter(path for network in networks for path in network.paths)
        shared = [path for path, count in having.items() if count >= SHARED]
        self._columns = {path: column for column, path in enumerate(shared)}
        first = {column.tobytes(): path for path, column in reversed(list(zip(shared, self._counts(networks).T, strict=True)))}
        self._columns = {path: column for column, path in enumerate(first.values())}
        return self.of(networks)

    def of(self, networks: Sequence[Network]) -> Sample:
        """Features of networks; paths that were not chosen are left out."""
        table = np.stack([network.places for network in networks])
        counts = np.log1p(self._counts(networks))  # the difference between none and one weighs most
        return Sample(table, np.hstack([self.encoding.one_hot(table), table.astype(np.float64), counts]))

    def _counts(self, networks: Sequence[Network]) -> Vector:
        found = np.zeros((len(networks), len(self._columns)))
        for row, network in zip(found, networks, strict=True):
            for path, count in network.paths.items():
                column = self._columns.get(path)
                if column is not None:
                    row[column] = count
        return found
