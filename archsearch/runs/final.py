"""The end of a run: its front is measured on data that the search never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archsearch.evaluators.base import has, said
from archsearch.runs.executor import Outcome
from archsearch.runs.proposal import SearchError
from archsearch.runs.worker import Method

if TYPE_CHECKING:
    from archsearch.runs.loop import Loop

TEST: Method = "test"
RETRAIN: Method = "retrain"
LASTING = ("diverged", "rejected", "stalled")
"""Failures that trying again would only repeat."""


def test_front(loop: Loop) -> None:
    """Measure the final front on the test part, one network after the other where latency is measured: none disturbs another."""
    evaluator = loop.evaluator
    if not has(evaluator, "test"):
        return
    trains, how = said(evaluator, "keeps_weights"), RETRAIN if loop.record.inherit else TEST
    ready = [trial.number for trial in loop.front if not trains or loop.store.weights(trial.number).is_file()]
    waiting = [number for number in ready if number not in loop.before.tests]
    loop.testing = True
    for number in loop.before.tests:
        loop.store.adopt(number)  # what was recorded a moment before the run ended
    for together in [waiting] if loop.limit_ms() is None else [[number] for number in waiting]:
        for number in together:
            trial = loop.trials[number]
            loop.executor.submit(loop.candidate(number, loop.genotype(trial), trial.choices, loop.record.top), how)
        for _ in together:
            take_test(loop, loop.executor.wait())


def take_test(loop: Loop, outcome: Outcome) -> None:
    """Record a test; a network whose final training fails for good gets no metrics. Raises SearchError for any other failure."""
    loop.clock.end(outcome.trial, None)
    if outcome.failure is None:
        if outcome.metrics:  # none recorded stand for a training that failed
            loop.store.add_test(outcome.trial, outcome.metrics)
            loop.store.adopt(outcome.trial)
    elif outcome.failure.kind in LASTING:
        loop.store.drop_weights(outcome.trial)
        loop.store.add_test(outcome.trial, {})
    else:
        raise SearchError(f"testing trial {outcome.trial} failed: {outcome.failure.message}; `archsearch resume` tries it again")
