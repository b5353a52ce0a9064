"""Trials of several rungs, as models learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from archsearch.trial import Trial

Values = tuple[float, ...]


@dataclass
class Heard:
    """What a strategy was told, in order; of a trial that climbed several times.

    Models get every trial once, on its highest rung, with its values brought to the top one: by the median ratio (of values that are all
    over 0, else by the median difference) between the trials that were on a rung and on the next.
    """

    tells: list[Trial] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """How many tells there were with each first one of a trial, itself included."""
    _firsts: set[int] = field(default_factory=set)

    def tell(self, trial: Trial) -> bool:
        """Take a trial in; whether it is the first that is heard of it."""
        self.tells.append(trial)
        first = trial.number not in self._firsts
        if first:
            self._firsts.add(trial.number)
            self.ends.append(len(self.tells))
        return first

    def known(self, count: int | None = None) -> list[Trial]:
        """The trials by the first `count` tells, in the order in which they were first told."""
        tells = self.tells if count is None else self.tells[:count]
        if not any(trial.rung for trial in tells):
            return list(tells)
        latest = {trial.number: trial for trial in tells}
        return [replace(trial, values=values) for trial, values in zip(latest.values(), lifted(tells, list(latest.values())), strict=True)]


def lifted(tells: Sequence[Trial], latest: Sequence[Trial]) -> list[Values | None]:
    """Values of trials brought to the top rung."""
    on = [{trial.number: trial.values for trial in tells if trial.rung == rung} for rung in range(max(t.rung for t in tells) + 1)]
    found: list[Values | None] = []
    steps = [step(low, high) for low, high in pairwise(on)]
    for trial in latest:
        values = trial.values
        for ratios, differences in steps[trial.rung :]:
            if values is not None:
                values = tuple(value * a + b for value, a, b in zip(values, ratios, differences, strict=True))
        found.append(values)
    return found


def step(low: dict[int, Values | None], high: dict[int, Values | None]) -> tuple[Values, Values]:
    """Factor and summand of each objective that bring values from a rung to the next."""
    pairs = [(a, b) for number, b in high.items() if (a := low.get(number)) is not None and b is not None]
    size = next((len(values) for values in (*low.values(), *high.values()) if values is not None), 0)
    each = [([a[place] for a, _ in pairs], [b[place] for _, b in pairs]) for place in range(size)]
    return tuple(zip(*map(bridge, each), strict=True)) or ((), ())  # type: ignore[return-value]


def bridge(both: tuple[list[float], list[float]]) -> tuple[float, float]:
    """Factor and summand that bring the first values to the second."""
    before, behind = both
    if not before:
        return 1.0, 0.0
    if min(*before, *behind) > 0:
        return median(b / a for a, b in zip(before, behind, strict=True)), 0.0
    return 1.0, median(b - a for a, b in zip(before, behind, strict=True))
