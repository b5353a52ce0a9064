"""Bayesian search with a Gaussian process over the networks themselves."""

from archsearch.strategies.graph_gp.strategy import GraphGP

__all__ = ["GraphGP"]
