"""How far a long work is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Steps `done` (trials, epochs, measurements), of all `trials`; who has more to say adds fields."""

    done: int
    trials: int
