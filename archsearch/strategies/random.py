"""Random search: the baseline that every strategy has to beat (Li & Talwalkar 2019, arXiv:1902.07638)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archsearch.spaces.space import Choices
from archsearch.trial import Trial


@dataclass
class Random:
    """Draw every choice uniformly; the loop refuses repeats."""

    def ask(self, rng: np.random.Generator) -> Choices:
        return {}

    def tell(self, trial: Trial) -> None:
        pass
