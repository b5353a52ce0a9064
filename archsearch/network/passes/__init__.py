"""Genotype -> Genotype: what stays the same network with less or other writing."""

from archsearch.network.passes.canonical import canonicalise, drop_dead, fold, order

__all__ = ["canonicalise", "drop_dead", "fold", "order"]
