"""From what a strategy asks for to a network worth evaluating: valid, new, within the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from archsearch.evaluators.base import Evaluator, said
from archsearch.network.genotype import Genotype
from archsearch.runs.record import Record
from archsearch.spaces.catalogue import Catalogue, Entry, UnlistedError
from archsearch.spaces.space import Choices, Space
from archsearch.strategies import Problem, Strategy, begin

ATTEMPTS = 1000
"""Tries for one trial before the search gives up; from half of them on the space draws all choices itself."""


class SearchError(Exception):
    """A search that cannot begin or go on; one line that says what and what to do."""


class Proposal(NamedTuple):
    """A network that passed all checks, its known costs, what was refused before it, and the costs of what was closest to the budget."""

    genotype: Genotype
    choices: Choices
    costs: dict[str, float]
    refusals: Counter[str]
    over: Mapping[str, float] = MappingProxyType({})


@dataclass
class Refused:
    """What was refused on the way to one trial, by reason; of the one closest to the budget the overruns, as shares, and its costs."""

    reasons: Counter[str] = field(default_factory=Counter)
    closest: dict[str, float] = field(default_factory=dict)
    error: str = ""
    nearest: dict[str, float] = field(default_factory=dict)

    def over_budget(self, over: dict[str, float], costs: dict[str, float]) -> None:
        """Count a network over the budget by its worst cost, and keep the closest one."""
        self.reasons[f"over {max(over, key=over.__getitem__)}"] += 1
        if not self.closest or max(over.values()) < max(self.closest.values()):
            self.closest, self.nearest = over, costs

    def costs(self, limits: Mapping[str, float]) -> str:
        """What the closest network cost, in words."""
        known = {name: limits[name.partition(" ")[0]] for name in self.closest}
        return ", ".join(f"{name} {amount(self.closest[name] * limit)} (limit {amount(limit)})" for name, limit in known.items())


def amount(cost: float) -> str:
    """A cost or a limit: whole where it is large, three figures of a latency."""
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"


class Chosen(NamedTuple):
    """What the catalogue knows of a network that passed all checks, and what was refused before it."""

    entry: Entry
    refused: Refused


def problem_of(record: Record, space: Space, evaluator: Evaluator) -> Problem:
    """What a search is about. Raises SpaceError for a space that fails, or of which no random network is valid."""
    space.check_drawable(ATTEMPTS)
    catalogue = Catalogue(space, said(evaluator, "batch"), said(evaluator, "optimizer"), device=record.latency_device)
    return Problem(catalogue, record.objectives, record.budget, record.trials, record.top, constants=not said(evaluator, "needs_input"))


@dataclass
class Proposer:
    """Asks the strategy until a network passes; `seed` is that of the run."""

    problem: Problem
    strategy: Strategy
    seed: int

    def __post_init__(self) -> None:
        begin(self.strategy, self.problem)

    @property
    def seen(self) -> set[str]:
        """Fingerprints of all networks so far."""
        return self.problem.seen

    def propose(self, number: int, pending: Sequence[Choices] = ()) -> Proposal | Refused:
        """The network of trial `number`, or what was refused when the space has nothing more to offer; else as `choose`."""
        chosen = self.choose(number, pending)
        if isinstance(chosen, Refused):
            return chosen
        entry, refused = chosen
        return Proposal(self.problem.catalogue.genotype(entry), entry.choices, entry.costs, refused.reasons, refused.nearest)

    def choose(self, number: int, pending: Sequence[Choices] = (), variant: int = 0) -> Chosen | Refused:
        """Choose the network of trial `number` without building it.

        `pending` are the choices of trials before it of which the strategy has not been told; every `variant` draws in its own way.

        Raises:
            SearchError: no network that was asked for is valid, or none fits the budget.
        """
        rng, refused = np.random.default_rng([self.seed, number, *([variant] if variant else [])]), Refused()
        self.problem.pending = tuple(pending)
        for attempt in range(ATTEMPTS):
            choices = self.strategy.ask(rng) if attempt < ATTEMPTS // 2 else {}
            entry = self.check(choices, rng, refused)
            if entry is not None:
                self.seen.add(entry.fingerprint)
                return Chosen(entry, refused)
        if refused.reasons["invalid"] == ATTEMPTS:
            raise SearchError(
                f"space {self.problem.catalogue.space.source!r} gives no valid network in {ATTEMPTS} tries; the last error: {refused.error}"
            )
        if not self.seen:
            raise SearchError(self.no_fit(refused))
        return refused

    def check(self, choices: Choices, rng: np.random.Generator, refused: Refused) -> Entry | None:
        """The network of these choices, or None when it is refused; the reason is counted."""
        try:
            entry = self.problem.catalogue.look_up(choices, rng)
        except UnlistedError:
            refused.reasons["unlisted"] += 1
            return None
        except ValueError as error:
            refused.reasons["invalid"] += 1
            refused.error = str(error)
            return None
        if entry.fingerprint in self.seen:
            refused.reasons["duplicate"] += 1
            return None
        if entry.constant and not self.problem.constants:
            refused.reasons["constant"] += 1
            return None
        over = self.problem.overruns(entry) or self.problem.late(entry)
        if over:
            refused.over_budget(over, entry.costs)
            return None
        return entry

    def no_fit(self, refused: Refused) -> str:
        """Words for a budget that nothing meets."""
        space, costs = self.problem.catalogue.space, refused.costs(self.problem.budget.limits())
        if not refused.closest:
            return f"every network of space {space.source!r} within the budget gives the same answer to all inputs, in {ATTEMPTS} tries"
        settings = ", ".join(name for name in space.settings if name not in ("input", "classes"))
        hint = f"raise the limit, or make the networks smaller by a setting ({settings})" if settings else "raise the limit"
        return f"no network of space {space.source!r} met the budget in {ATTEMPTS} tries; the closest had {costs}; {hint}"
