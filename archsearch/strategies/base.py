"""Ask and tell: what every search strategy is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from archsearch.space import Choices
from archsearch.trial import Trial


@runtime_checkable
class Strategy(Protocol):
    """A search algorithm: a dataclass whose fields are its options. It never evaluates, saves or prints.

    `tell` gets every outcome, failures too, in the order of trial numbers; all memory must come from it, because a resumed run
    replays `tell` alone. `ask` may be partial: the space draws the rest.
    """

    def ask(self, rng: np.random.Generator) -> Choices:
        """Choices for the next candidate, all or some of them."""

    def tell(self, trial: Trial) -> None:
        """Learn of an outcome."""
