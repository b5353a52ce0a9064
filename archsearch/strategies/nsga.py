"""NSGA-II and NSGA-III: a population whose choices cross over and mutate; dominated and crowded networks go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from archsearch.pareto import Points, preference, ranks
from archsearch.spaces.space import Choices
from archsearch.strategies.base import Problem
from archsearch.trial import Trial

TRIES = 5
"""Children made in one ask until one is new and within the budget; the loop sees the last, and asks again."""


class Member(NamedTuple):
    """A network of the population; `excess` is by how much it is over its limits, each as a share of the limit."""

    values: tuple[float, ...]
    excess: float
    choices: Choices


@dataclass
class Genetic(ABC):
    """A population from best to worst: parents by tournaments of two, and after every child the worst goes.

    One child at a time (Durillo et al. 2009, doi:10.1007/978-3-642-01020-0_18). It takes each choice from either parent, from one
    alone in `1 - crossover` of the cases, and changes `mutations` of them on average. A network that is over a limit, which only
    measuring could tell, stands behind all that are not (Deb et al. 2002). Choices that one parent alone has come along; what then is
    missing the space draws.

    Args:
        population: Networks that live at a time, two or more; few, since a search has some hundred trials.
        crossover: Share of the children with choices of both parents, the usual 0.9; the others are changed copies of one.
        mutations: Choices that change in a child, on average.
    """

    population: int = 20
    crossover: float = 0.9
    mutations: float = 1.0
    _problem: Problem = field(init=False, repr=False)
    _members: list[Member] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.population < 2:
            raise ValueError(f"population={self.population} must be at least 2")
        if not 0 <= self.crossover <= 1 or not self.mutations > 0:
            raise ValueError(f"crossover={self.crossover} must lie in 0..1, and mutations={self.mutations} be over 0")

    @abstractmethod
    def order(self, values: Points) -> Sequence[int]:
        """Places of networks from best to worst."""

    def begin(self, problem: Problem) -> None:
        self._problem = problem

    def ask(self, rng: np.random.Generator) -> Choices:
        if len(self._members) < self.population:
            return {}  # nothing chosen: the space draws everything
        child = Choices()
        for _ in range(TRIES):
            child = self._child(rng)
            entry = self._problem.find_open(child, rng)
            if entry is not None:
                return entry.choices
        return child

    def tell(self, trial: Trial) -> None:
        if trial.values is None:
            return
        excess = sum(ratio - 1 for ratio in self._problem.budget.overruns(trial.metrics).values())
        members = [*self._members, Member(trial.values, excess, trial.choices)]
        good = [place for place, member in enumerate(members) if not member.excess]
        others = [place for place, member in enumerate(members) if member.excess]
        ordered = [good[i] for i in self.order(np.array([members[place].values for place in good]))] if good else []
        ordered += sorted(others, key=lambda place: members[place].excess)
        self._members = [members[place] for place in ordered[: self.population]]

    def _child(self, rng: np.random.Generator) -> Choices:
        first, second = (self._members[rng.integers(len(self._members), size=2).min()].choices for _ in range(2))
        if rng.random() >= self.crossover:
            second = first
        child = {**second, **{name: value for name, value in first.items() if name not in second or rng.random() < 0.5}}
        names = list(child)
        if not names:
            return child
        changed = [name for name in names if rng.random() < self.mutations / len(names)]
        for name in changed or ([names[rng.integers(len(names))]] if child in (first, second) else []):
            others = [option for option in self._problem.catalogue.options.get(name, ()) if option != child[name]]
            if others:
                child[name] = others[rng.integers(len(others))]
        return child


@dataclass
class Nsga2(Genetic):
    """Genetic search by fronts, of one front the less crowded first (Deb et al. 2002, doi:10.1109/4235.996017).

    One child at a time: parents by tournaments of two, and after every child the worst goes (Durillo et al. 2009,
    doi:10.1007/978-3-642-01020-0_18).
    """

    def order(self, values: Points) -> Sequence[int]:
        return list(map(int, preference(values)))


@dataclass
class Nsga3(Genetic):
    """Genetic search by fronts, of one front those first whose direction few others share; for three objectives or more.

    Deb & Jain 2014 (doi:10.1109/TEVC.2013.2281535); as many directions as the population holds, evenly spread (Das & Dennis 1998,
    doi:10.1137/S1052623496307510).
    """

    def order(self, values: Points) -> Sequence[int]:
        if values.shape[1] == 1:
            return list(map(int, preference(values)))
        towards = directions(values.shape[1], self.population)
        place = normalised(values) @ towards.T  # how far along each direction
        distance = np.sqrt(np.maximum((normalised(values) ** 2).sum(axis=1)[:, None] - place**2, 0))
        nearest, level = distance.argmin(axis=1), ranks(values)
        crowd = np.zeros(len(towards))
        ordered: list[int] = []
        for rank in range(int(level.max()) + 1):
            left = np.flatnonzero(level == rank)
            while len(left):
                best = left[np.lexsort((distance[left, nearest[left]], crowd[nearest[left]]))[0]]
                ordered.append(int(best))
                crowd[nearest[best]] += 1
                left = left[left != best]
        return ordered


def directions(objectives: int, most: int) -> Points:
    """Unit vectors to points of a lattice on the simplex, the finest with at most so many (at least one for each objective)."""
    parts = 1
    while comb(objectives + parts, parts + 1) <= most:
        parts += 1
    bars = np.array(list(combinations(range(objectives + parts - 1), objectives - 1)))
    edges = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), objectives + parts - 1)])
    lattice = (np.diff(edges, axis=1) - 1) / parts
    return np.asarray(lattice / np.linalg.norm(lattice, axis=1, keepdims=True))


def normalised(values: Points) -> Points:
    """Values from 0 at the best of each objective to 1 where the plane through the ends of the front meets the axes."""
    moved = values - values.min(axis=0)
    axes = moved.shape[1]
    weights = np.where(np.eye(axes, dtype=bool), 1.0, 1e6)
    ends = moved[[int((moved * weight).max(axis=1).argmin()) for weight in weights]]
    reach = moved[ranks(values) == 0].max(axis=0)
    if np.linalg.matrix_rank(ends) == axes:
        crossing = 1 / np.linalg.solve(ends, np.ones(axes))
        if (np.isfinite(crossing) & (crossing > 0)).all():
            reach = crossing
    return np.asarray(moved / np.where(reach > 0, reach, 1.0))
