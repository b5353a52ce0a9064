"""Search by a model that predicts what a network comes to from its choices."""

from archsearch.strategies.predictor.strategy import Predictor

__all__ = ["Predictor"]
