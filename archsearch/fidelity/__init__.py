"""Cheap evaluations first: rungs of rising fidelity, and the schedules that say which network climbs."""

from __future__ import annotations

from archsearch.fidelity.asha import Asha, DelayedAsha
from archsearch.fidelity.base import Rungs, Schedule, Step
from archsearch.fidelity.halving import Halving
from archsearch.fidelity.hyperband import Hyperband
from archsearch.fidelity.plan import SCHEDULES, Fidelity, FidelityError, schedule_of, with_option

__all__ = [
    "SCHEDULES",
    "Asha",
    "DelayedAsha",
    "Fidelity",
    "FidelityError",
    "Halving",
    "Hyperband",
    "Rungs",
    "Schedule",
    "Step",
    "schedule_of",
    "with_option",
]
