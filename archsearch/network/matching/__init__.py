"""Which node of one network is which of another."""

from archsearch.network.matching.matching import matched

__all__ = ["matched"]
