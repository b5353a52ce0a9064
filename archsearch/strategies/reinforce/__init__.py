"""Search by a controller that writes networks and learns from their rewards."""

from archsearch.strategies.reinforce.strategy import Reinforce

__all__ = ["Reinforce"]
