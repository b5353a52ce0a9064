"""Trials of several rungs, as models learn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from archsearch.trial import Trial

Values = tuple[float, ...]
Bridge = tuple[float, float]


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
    top = max(trial.rung for trial in tells)
    on = [{trial.number: trial.values for trial in tells if trial.rung == rung and trial.values} for rung in range(top + 1)]
    steps = [step(low, high) for low, high in pairwise(on)]
    found = [trial.values for trial in latest]
    for place, trial in enumerate(latest):
        for bridges in steps[trial.rung :]:
            found[place] = raised(found[place], bridges)
    return found


def raised(values: Values | None, bridges: Sequence[Bridge]) -> Values | None:
    """Values brought one rung up, each objective by its bridge; where nobody has been on both they stay."""
    if values is None or not bridges:
        return values
    return tuple(value * factor + summand for value, (factor, summand) in zip(values, bridges, strict=True))


def step(low: Mapping[int, Values], high: Mapping[int, Values]) -> list[Bridge]:
    """What brings each objective from a rung to the next; nothing where no trial has been on both."""
    both = [(low[number], values) for number, values in high.items() if number in low]
    return [bridge([(a[place], b[place]) for a, b in both]) for place in range(len(both[0][0]))] if both else []


def bridge(pairs: Sequence[tuple[float, float]]) -> Bridge:
    """Factor and summand that bring the first values to the second: the median ratio, or the median difference."""
    if min(map(min, pairs)) > 0:
        return median(behind / before for before, behind in pairs), 0.0
    return 1.0, median(behind - before for before, behind in pairs)
