"""Boosted trees on one-hot choices."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor

from archsearch.encoding import Encoding, Places
from archsearch.strategies.predictor.ensemble import Vector


class Trees:
    """Gradient boosting (Friedman 2001, doi:10.1214/aos/1013203451) on the options taken, one-hot, and their places in order."""

    def __init__(self, encoding: Encoding, seed: int, trees: int = 100, depth: int = 3) -> None:
        self._encoding = encoding
        self._trees = GradientBoostingRegressor(n_estimators=trees, max_depth=depth, subsample=0.7, max_features=0.5, random_state=seed)

    def fit(self, table: Places, values: Vector) -> None:
        self._trees.fit(self._features(table), values)

    def predict(self, table: Places) -> Vector:
        return np.asarray(self._trees.predict(self._features(table)))

    def _features(self, table: Places) -> Vector:
        return np.hstack([self._encoding.one_hot(table), table.astype(np.float64)])
