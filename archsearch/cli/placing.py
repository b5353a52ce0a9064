"""Where evaluations run, as it is said on the command line."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.cli import WrongUseError
from archsearch.runs.placement import Placement


class Where(NamedTuple):
    """Workers and the options that say where they run; None where nothing is said."""

    workers: int | None = None
    executor: str | None = None
    address: str = ""
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0

    def hands(self) -> int | None:
        """How many workers there are; 0 where all is done in this process."""
        if self.executor != "inline":
            return self.workers
        if self.workers not in (None, 0, 1):
            raise WrongUseError(f"executor inline is this process alone; leave --workers {self.workers} out")
        return 0

    def placement(self) -> Placement | None:
        """Where they run; None where nothing is said of it. Raises WrongUseError."""
        named = "processes" if self.executor in (None, "inline") else str(self.executor)
        try:
            found = Placement(named, self.address, self.cpus_per_trial, self.gpus_per_trial)
        except ValueError as error:
            raise WrongUseError(str(error)) from error
        return None if self.executor is None else found


NOWHERE = Where()
"""Nothing is said."""
