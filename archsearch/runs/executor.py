"""Where evaluations run: what an executor is, and the one that evaluates in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from archsearch.evaluators.base import Candidate, Evaluator, place_of
from archsearch.runs.worker import Method, numbers, run_safely
from archsearch.trial import Failure

Stopper = Callable[[int, int, dict[str, float]], bool]
"""Called with trial, epoch and metrics; true stops that evaluation early."""
Watch = Callable[[int, int, Mapping[str, float]], None]
"""Called with a trial, how many of its epochs are done, and what the last one reported: 0 when it begins, ENDED when it is over."""
ENDED = -1
NOTHING: Mapping[str, float] = {}


class ExecutorError(Exception):
    """Workers that cannot be started."""


@dataclass(frozen=True)
class Outcome:
    """What an evaluation came to: metrics, or a failure; the curve as far as it got; the seconds that it worked.

    `place` is where its latency was measured, in words; empty where nobody says.
    """

    trial: int
    metrics: dict[str, float]
    failure: Failure | None
    curve: tuple[dict[str, float], ...]
    seconds: float
    place: str = ""


class Executor(Protocol):
    """Takes candidates and gives outcomes, in any order; tells `watch` how far evaluations are."""

    watch: Watch | None

    def submit(self, candidate: Candidate, method: Method = "evaluate") -> None:
        """Queue a candidate."""

    def wait(self) -> Outcome:
        """The next outcome; at least one candidate must be queued or running."""

    def close(self) -> None:
        """End everything that runs, at once."""


class Inline:
    """One evaluation after the other in this process, with no time limit and no shelter from crashes; for tests and notebooks."""

    def __init__(self, evaluator: Evaluator, stopper: Stopper | None = None) -> None:
        self._evaluator, self._stopper = evaluator, stopper
        self.watch: Watch | None = None
        self._queue: deque[tuple[Candidate, Method]] = deque()

    def submit(self, candidate: Candidate, method: Method = "evaluate") -> None:
        self._queue.append((candidate, method))

    def wait(self) -> Outcome:
        candidate, method = self._queue.popleft()
        curve: list[dict[str, float]] = []

        def report(epoch: int, metrics: dict[str, float]) -> bool:
            curve.append(numbers(metrics))
            self._tell(candidate.trial, int(epoch) + 1, curve[-1])
            return self._stopper is not None and self._stopper(candidate.trial, epoch, metrics)

        self._tell(candidate.trial, 0)
        began = time.perf_counter()
        metrics, failure = run_safely(self._evaluator, candidate, method, report)
        self._tell(candidate.trial, ENDED)
        return Outcome(candidate.trial, metrics, failure, tuple(curve), time.perf_counter() - began, place_of(self._evaluator))

    def _tell(self, trial: int, epochs: int, metrics: Mapping[str, float] = NOTHING) -> None:
        if self.watch is not None:
            self.watch(trial, epochs, metrics)

    def close(self) -> None:
        self._queue.clear()
