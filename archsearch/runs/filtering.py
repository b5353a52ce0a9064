"""Which of several proposals is evaluated, and whose weights a network begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from archsearch.evaluators.base import Candidate
from archsearch.fidelity.base import ordered
from archsearch.proxies import metric_of, rank_product
from archsearch.runs.proposal import Chosen, Proposal, Refused
from archsearch.spaces.catalogue import Entry
from archsearch.spaces.space import Choices
from archsearch.support.seeds import seed_of
from archsearch.trial import Trial

if TYPE_CHECKING:
    from archsearch.runs.loop import Loop

FORETOLD = "foretold_"
"""What the names of proxies begin with among the metrics of a trial."""
MOST_APART = 0.5
"""Networks that differ in more of their choices than that inherit nothing."""


def proposed(loop: Loop, number: int, pending: Sequence[Choices]) -> Proposal | Refused:
    """The network of trial `number`: what the strategy asks for, or of several such what proxies find best; or what was refused."""
    asked = loop.record.prefilter
    if asked is None:
        return loop.proposer.propose(number, pending)
    found, refused = several(loop, number, pending, asked.count)
    if not found:
        return refused
    scores = foretold(loop, seed_of(loop.record.seed, number), [chosen.entry for chosen in found], asked.proxies)
    best = choice(loop, found, scores)
    for place, chosen in enumerate(found):
        if place != best:
            loop.proposer.seen.discard(chosen.entry.fingerprint)
    entry, refusals = found[best].entry, sum((chosen.refused.reasons for chosen in found), Counter[str]())
    refusals["not the best by proxies"] += len(found) - 1
    costs = {**entry.costs, **{f"{FORETOLD}{name}": value for name, value in scores[best].items()}}
    return Proposal(loop.proposer.problem.catalogue.genotype(entry), entry.choices, costs, +refusals, found[best].refused.nearest)


def several(loop: Loop, number: int, pending: Sequence[Choices], count: int) -> tuple[list[Chosen], Refused]:
    """Up to so many different networks for one trial, fewer where the space has no more; and what was refused where there is none."""
    found: list[Chosen] = []
    for variant in range(count):
        chosen = loop.proposer.choose(number, pending, variant)
        if isinstance(chosen, Refused):
            return found, chosen
        found.append(chosen)
    return found, Refused()


def foretold(loop: Loop, seed: int, entries: Sequence[Entry], names: tuple[str, ...]) -> list[dict[str, float]]:
    """Values of the proxies of each network, asked for where networks are evaluated; none of one that they cannot judge."""
    catalogue = loop.proposer.problem.catalogue
    for place, entry in enumerate(entries):
        loop.executor.submit(Candidate(-1 - place, catalogue.genotype(entry), seed, choices=entry.choices, proxies=names), "foretell")
    scores: list[dict[str, float]] = [{} for _ in entries]
    missing = len(entries)
    while missing:
        outcome = loop.executor.wait()
        if outcome.trial >= 0:
            loop.finish(outcome)  # of a trial under way, which was done first
            continue
        scores[-1 - outcome.trial] = outcome.metrics
        missing -= 1
    return scores


def choice(loop: Loop, found: Sequence[Chosen], scores: Sequence[dict[str, float]]) -> int:
    """The place of the best: by the rank product of the proxies, and beside it by those objectives that are known costs."""
    worth = worths(loop.record.prefilter.proxies if loop.record.prefilter else (), scores)
    problem = loop.proposer.problem
    costs = [objective for objective in problem.objectives if problem.is_known(objective.metric)]
    known = [problem.costs(chosen.entry) for chosen in found]
    points = [[-value, *(objective.value(of) for objective in costs)] for value, of in zip(worth, known, strict=True)]
    return ordered(np.array(points, dtype=np.float64))[0]


def worths(proxies: Sequence[str], scores: Sequence[Mapping[str, float]]) -> list[float]:
    """One number for each network from the values of its proxies, the higher the better."""
    names = sorted(set(map(metric_of, proxies)))
    return rank_product({name: [each.get(name, float("-inf")) for each in scores] for name in names})


def most_similar(choices: Choices, trials: Sequence[Trial]) -> Trial | None:
    """The trial that differs in the fewest choices, of equal ones the best, then the first; None where all differ in too many."""
    rated = [(apart(choices, trial.choices), trial.values or (), trial.number, trial) for trial in trials]
    near = [each for each in rated if each[0] <= MOST_APART]
    return min(near, key=lambda each: each[:3])[3] if near else None


def apart(first: Choices, second: Choices) -> float:
    """The share of choices, of all that either has, in which they differ."""
    names = first.keys() | second.keys()
    return sum(name not in first or name not in second or first[name] != second[name] for name in names) / max(1, len(names))
