"""What zero-cost proxies made of some networks, as a feature of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from archsearch.spaces.encoding import Encoding
from archsearch.strategies.predictor.ensemble import Ensemble, Sample, Trees, Vector
from archsearch.strategies.predictor.features import Features, Network

MEMBERS = 5


class Prior:
    """Trees that predict what proxies would say of networks, from what they said of some; the smallest score the best."""

    def __init__(self, encoding: Encoding, networks: Sequence[Network], worths: Sequence[float]) -> None:
        self.networks, self._features = list(networks), Features(encoding)
        self._ensemble = Ensemble([Trees] * MEMBERS)
        self._ensemble.fit(self._features.fit(networks), ndtri(rankdata(-np.array(worths)) / (len(worths) + 1)))

    def believe(self, networks: Sequence[Network]) -> tuple[Vector, Vector]:
        """(networks,): mean and standard deviation of their scores."""
        return self._ensemble.believe(self._features.of(networks))

    def beside(self, sample: Sample, networks: Sequence[Network]) -> Sample:
        """The networks of a sample with their scores as one feature more."""
        return sample._replace(features=np.column_stack([sample.features, self.believe(networks)[0]]))
