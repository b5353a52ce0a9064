"""Genotype + weights -> Genotype + weights that compute the same function: wider, deeper, with larger kernels, skips or branches.

Function-preserving transformations (Chen et al. 2016, Net2Net, arXiv:1511.05641; Wei et al. 2016, arXiv:1603.01670; Elsken et al.
2018, arXiv:1804.09081), so that a changed network goes on from what its parent learned. Weights are state dicts of
`compile_network(genotype)`; nothing is changed in place.
"""

from archsearch.network.morphisms.branches import Join, add_branch
from archsearch.network.morphisms.change import Morphed, MorphismError, Weights
from archsearch.network.morphisms.insertion import add_skip, deepen
from archsearch.network.morphisms.kernels import grow_kernel
from archsearch.network.morphisms.norms import fold_norms
from archsearch.network.morphisms.widening import widen

__all__ = ["Join", "Morphed", "MorphismError", "Weights", "add_branch", "add_skip", "deepen", "fold_norms", "grow_kernel", "widen"]
