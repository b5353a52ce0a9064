"""What held of a run until it was extended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.analysis import Budget
from archsearch.support.reading import OBJECT, TEXT, at_least, each, fields
from archsearch.trial import Objective

FIELDS = {"trial": at_least(1), "trials": at_least(1), "objectives": each(TEXT, least=1), "budget": OBJECT}


@dataclass(frozen=True)
class Extension:
    """A run went on from trial `trial` with more trials, other limits or more objectives; these are those that held before it."""

    trial: int
    trials: int
    objectives: tuple[Objective, ...]
    budget: Budget

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        objectives = [str(objective) for objective in self.objectives]
        return {"trial": self.trial, "trials": self.trials, "objectives": objectives, "budget": self.budget.limits()}

    @classmethod
    def from_dict(cls, data: Any) -> Extension:
        """Read what `to_dict` wrote. Raises ValueError."""
        read = fields(data, FIELDS, "an extension")
        return cls(read["trial"], read["trials"], tuple(map(Objective.parse, read["objectives"])), Budget.of(read["budget"]))


def extensions(data: Sequence[Any]) -> tuple[Extension, ...]:
    """Extensions by rising trial. Raises ValueError."""
    found = tuple(map(Extension.from_dict, data))
    numbers = [each.trial for each in found]
    if numbers != sorted(set(numbers)):
        raise ValueError('"extended" must rise from trial to trial')
    return found
