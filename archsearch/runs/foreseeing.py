"""What zero-cost proxies say of some networks, as that with which a strategy's model begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from archsearch.runs.filtering import foretold, worths
from archsearch.runs.proposal import ATTEMPTS
from archsearch.runs.record import Foresight, Warm
from archsearch.spaces.catalogue import Entry
from archsearch.strategies import Foreseeing
from archsearch.strategies.base import Foretold
from archsearch.support.seeds import seed_of
from archsearch.trial import finite

if TYPE_CHECKING:
    from archsearch.runs.loop import Loop

BEFORE = 10**9 + 1
"""In the place of a trial's number, for what is drawn before the first one."""


def foresee(loop: Loop) -> None:
    """Tell the strategy what proxies say of random networks; they are asked once, and what they said is recorded, so it stays the same."""
    asked, strategy = loop.record.foresight, loop.proposer.strategy
    if asked is None or not isinstance(strategy, Foreseeing):
        return
    if not loop.record.foretold:
        loop.record = replace(loop.record, foretold=tuple(said(loop, asked)))
        loop.store.write_record(loop.record)
    catalogue, known = loop.proposer.problem.catalogue, loop.record.foretold
    found = [(entry, one.metrics) for one in known if (entry := catalogue.find(one.choices)) is not None]
    if found:
        worth = worths(asked.proxies, [metrics for _, metrics in found])
        strategy.foresee([Foretold(entry, value) for (entry, _), value in zip(found, worth, strict=True)])


def said(loop: Loop, asked: Foresight) -> Iterator[Warm]:
    """Networks that could be proposed, fewer where the space has no more, with the values of their proxies; none where these fail."""
    entries = list(drawn(loop, asked.count))
    scores = foretold(loop, seed_of(loop.record.seed, BEFORE), entries, asked.proxies)
    return (Warm(entry.choices, values) for entry, values in zip(entries, scores, strict=True) if values and finite(values))


def drawn(loop: Loop, count: int) -> Iterator[Entry]:
    """Up to so many random networks within the budget, each another."""
    problem, rng, found = loop.proposer.problem, np.random.default_rng([loop.record.seed, BEFORE]), set[str]()
    for _ in range(ATTEMPTS * count // 10):
        entry = problem.catalogue.find({}, rng)
        if entry is None or entry.fingerprint in found or not problem.fits(entry):
            continue
        found.add(entry.fingerprint)
        yield entry
        if len(found) == count:
            return
