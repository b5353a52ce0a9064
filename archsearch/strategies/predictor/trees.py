"""Boosted trees on one-hot choices and paths."""

from __future__ import annotations

import numpy as np
from sklearn import config_context
from sklearn.ensemble import GradientBoostingRegressor

from archsearch.strategies.predictor.ensemble import Sample, Vector


class Trees:
    """Gradient boosting (Friedman 2001, doi:10.1214/aos/1013203451); every split looks at a part of the features."""

    def __init__(self, seed: int, trees: int = 50, depth: int = 4) -> None:
        self._trees = GradientBoostingRegressor(n_estimators=trees, max_depth=depth, subsample=0.7, max_features=0.1, random_state=seed)

    def fit(self, sample: Sample, values: Vector) -> None:
        with config_context(skip_parameter_validation=True, assume_finite=True):  # checks of every tree take a third of the time
            self._trees.fit(sample.features, values)

    def predict(self, sample: Sample) -> Vector:
        return np.asarray(self._trees.predict(sample.features))
