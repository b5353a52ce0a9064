"""Spaces made from a network: widths, kernels, the number of blocks and shortcuts around those given.

`variation(genotype, pick)` is one network of such a space, for a function `space`; `space_source` writes a file with one.
"""

from archsearch.spaces.around.source import space_source
from archsearch.spaces.around.variation import plan_of, variation
from archsearch.spaces.around.variety import Variety

__all__ = ["Variety", "plan_of", "space_source", "variation"]
