"""Search strategies by name; one algorithm a file, all behind ask and tell."""

from archsearch.strategies.base import Informed, Problem, Strategy
from archsearch.strategies.evolution import Evolution
from archsearch.strategies.random import Random

STRATEGIES: dict[str, type[Strategy]] = {"evolution": Evolution, "random": Random}

__all__ = ["STRATEGIES", "Evolution", "Informed", "Problem", "Random", "Strategy"]
