"""A narrower network in the place of another, as a cheap way to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archsearch.network.genotype import Genotype
from archsearch.spaces.around.variation import variation
from archsearch.spaces.space import Pick


def narrowed(genotype: Genotype, width: float) -> Genotype:
    """The network with so much of its channels wherever they may differ; outputs stay, and 1 is the network itself."""
    if width == 1:
        return genotype
    pick = Narrowest({}, np.random.default_rng(0))
    return variation(genotype, pick, widths=(width, 1.0), kernels=(), depths=False, shortcuts=False, links=False)


class Narrowest(Pick):
    """The smallest of the options, whatever is asked."""

    def __call__(self, name: str, options: Sequence[Any]) -> Any:
        return min(options)
