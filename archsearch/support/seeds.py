"""Seeds that follow from others."""

from __future__ import annotations

import numpy as np


def seed_of(*numbers: int) -> int:
    """A seed of 32 bits that belongs to these numbers alone, such as a run's seed and a trial's number."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
