"""From what a strategy asks for to a network worth evaluating: valid, new, within the budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from archsearch.analysis import known_costs
from archsearch.evaluators.base import Evaluator
from archsearch.genotype import Genotype
from archsearch.passes import canonicalise
from archsearch.record import Record
from archsearch.space import Choices, Space
from archsearch.strategies import Strategy

ATTEMPTS = 1000
"""Tries for one trial before the search gives up; from half of them on the space draws all choices itself."""


class SearchError(Exception):
    """A search that cannot begin or go on; one line that says what and what to do."""


class Proposal(NamedTuple):
    """A network that passed all checks, its known costs, and what was refused before it."""

    genotype: Genotype
    choices: Choices
    costs: dict[str, float]
    refusals: Counter[str]


@dataclass
class Refused:
    """What was refused on the way to one trial, by reason, and how close the best came to the budget."""

    reasons: Counter[str] = field(default_factory=Counter)
    closest: dict[str, float] = field(default_factory=dict)
    error: str = ""

    def over_budget(self, over: dict[str, float]) -> None:
        """Count a network over the budget by its worst cost, and keep the closest one."""
        self.reasons[f"over {max(over, key=over.__getitem__)}"] += 1
        if not self.closest or max(over.values()) < max(self.closest.values()):
            self.closest = over


@dataclass
class Proposer:
    """Asks the strategy until a network passes; `seen` holds the fingerprints of all networks so far."""

    record: Record
    space: Space
    strategy: Strategy
    evaluator: Evaluator
    seen: set[str] = field(default_factory=set)

    def propose(self, number: int) -> Proposal | Refused:
        """The network of trial `number`, or what was refused when the space has nothing more to offer.

        Raises:
            SearchError: no network of the space is valid, or none fits the budget.
        """
        rng, refused = np.random.default_rng([self.record.seed, number]), Refused()
        for attempt in range(ATTEMPTS):
            choices = self.strategy.ask(rng) if attempt < ATTEMPTS // 2 else {}
            proposal = self.check(choices, rng, refused)
            if proposal is not None:
                self.seen.add(proposal.genotype.fingerprint)
                return proposal
        if refused.reasons["invalid"] == ATTEMPTS:
            raise SearchError(f"space {self.space.source!r} gives no valid network in {ATTEMPTS} tries; the last error: {refused.error}")
        if not self.seen:
            raise SearchError(self.no_fit(refused))
        return refused

    def check(self, choices: Choices, rng: np.random.Generator, refused: Refused) -> Proposal | None:
        """The network of these choices in canonical form, or None when it is refused; the reason is counted."""
        try:
            genotype, full = self.space.resolve(choices, rng)
        except ValueError as error:
            refused.reasons["invalid"] += 1
            refused.error = str(error)
            return None
        genotype = canonicalise(genotype)
        if genotype.fingerprint in self.seen:
            refused.reasons["duplicate"] += 1
            return None
        costs = known_costs(genotype, self.evaluator.batch, self.evaluator.optimizer)
        over = self.record.budget.overruns(costs)
        if over:
            refused.over_budget(over)
            return None
        return Proposal(genotype, full, costs, refused.reasons)

    def no_fit(self, refused: Refused) -> str:
        """Words for a budget that nothing meets."""
        limits = self.record.budget.limits()
        costs = ", ".join(f"{name} {ratio * limits[name]:,.0f} (limit {limits[name]:,.0f})" for name, ratio in refused.closest.items())
        settings = ", ".join(name for name in self.space.settings if name not in ("input", "classes"))
        hint = f"raise the limit, or make the networks smaller by a setting ({settings})" if settings else "raise the limit"
        return f"no network of space {self.space.source!r} met the budget in {ATTEMPTS} tries; the closest had {costs}; {hint}"
