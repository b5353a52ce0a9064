"""A supernet on its way: what it yields is checked, recorded, and renewed where it was trained further."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from archsearch.evaluators.base import place_of
from archsearch.pareto import dominates
from archsearch.runs.executor import Outcome
from archsearch.runs.proposal import Proposal, Refused, SearchError
from archsearch.runs.store import checkpoint_file, disk_errors
from archsearch.spaces.catalogue import Entry
from archsearch.supernets import Point, Setting, SupernetError, SupernetSearch
from archsearch.support.threads import torch_threads
from archsearch.training.failures import CheckpointError
from archsearch.trial import Trial

if TYPE_CHECKING:
    from archsearch.runs.loop import Loop

STEP = "step"
"""The metric that says which of a supernet's points a trial is, counted from 0."""


def gather(loop: Loop, supernet: SupernetSearch) -> None:
    """Record what a supernet yields; what is over the budget or known is refused, and what was taken in before it stopped passes."""
    passed = len(loop.trials) + loop.refused  # a point is a trial or one refusal
    loop.proposer.seen.update(trial.fingerprint for trial in loop.trials.values())
    refused, began = Refused(loop.before.refusals_before(len(loop.trials))), time.perf_counter()
    try:
        with disk_errors(loop.store.folder):
            for point in supernet.run(setting(loop)):
                if point.number < passed:
                    continue
                if take_point(loop, point, refused, time.perf_counter() - began):
                    refused, began = Refused(), time.perf_counter()
                if len(loop.trials) == loop.record.trials:
                    break
    except (CheckpointError, SupernetError) as error:
        raise SearchError(str(error)) from error
    if not loop.trials:
        closest = refused.costs(loop.record.budget.limits())
        raise SearchError(f"no network that the supernet came to met the budget; the closest had {closest}")


def take_point(loop: Loop, point: Point, refused: Refused, seconds: float) -> bool:
    """Record a network of a supernet; false when it is refused, or a trial already, which it then renews where it is no worse."""
    number = len(loop.trials)
    entry = loop.proposer.check(point.choices, np.random.default_rng([loop.record.seed, number]), refused)
    if entry is None:
        if point.failure and not loop.trials:
            raise SearchError(f"the supernet failed ({point.failure.kind}): {point.failure.message}")
        if not renew(loop, point, refused, seconds):
            loop.store.refuse(number, refused.reasons)
        loop.refused += 1
        return False
    loop.proposer.seen.add(entry.fingerprint)
    if point.save is not None:
        point.save(loop.store.weights(number))
    found = proposal(loop, entry, refused)
    trial = loop.made(outcome_of(point, number, seconds), found)
    loop.store.add(trial, found.genotype, found.refusals, seconds)
    keep_latency(loop, trial)
    loop.clock.end(number, seconds)
    loop.take_in(trial)
    loop.show()
    return True


def renew(loop: Loop, point: Point, refused: Refused, seconds: float) -> bool:
    """Put a network that its supernet has trained further in the place of its trial, unless it has become worse."""
    try:
        entry = loop.proposer.problem.catalogue.look_up(point.choices)
    except ValueError:
        return False  # no network
    old = next((trial for trial in loop.trials.values() if trial.fingerprint == entry.fingerprint), None)
    if old is None or point.failure:
        return False
    found = proposal(loop, entry, refused)
    trial = loop.made(outcome_of(point, old.number, seconds), found)
    if trial.values is None or (old.values is not None and dominates(old.values, trial.values)):
        return False
    if point.save is not None:
        point.save(loop.store.weights(old.number))
    refused.reasons = refused.reasons - Counter({"duplicate": 1}) + Counter({"duplicate, trained further": 1})
    loop.store.renew(trial, found.genotype, refused.reasons, seconds, before=len(loop.trials))
    loop.front = [other for other in loop.front if other.number != old.number]
    loop.failed -= old.values is None
    loop.take_in(trial)
    return True


def keep_latency(loop: Loop, trial: Trial) -> None:
    """Record the latency of a network of a supernet, which one thread of this process measured."""
    if loop.limit_ms() is not None:
        with torch_threads():
            loop.keep_latency(trial, place_of(loop.evaluator))


def proposal(loop: Loop, entry: Entry, refused: Refused) -> Proposal:
    """A network of a supernet as one that was proposed."""
    return Proposal(loop.proposer.problem.catalogue.genotype(entry), entry.choices, entry.costs, refused.reasons)


def setting(loop: Loop) -> Setting:
    """What the supernet is to know."""
    record, checkpoint = loop.record, checkpoint_file(loop.store.folder)

    def watch(done: int, of: int) -> None:
        loop.clock.hear(len(loop.trials), done, of)
        loop.show((done, of))

    catalogue = loop.proposer.problem.catalogue
    return Setting(catalogue, loop.evaluator, record.budget, record.seed, checkpoint, loop.limit_ms(), watch, loop.store.latencies)


def outcome_of(point: Point, number: int, seconds: float) -> Outcome:
    """What a supernet measured of a network, as the outcome of a trial."""
    return Outcome(number, {**point.metrics, STEP: point.number}, point.failure, point.curve, seconds)
