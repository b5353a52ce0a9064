"""Who hands evaluations out to workers, hears what they say, ends what takes too long, and replaces who dies; whatever a worker is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archsearch.data.description import Mark
from archsearch.evaluators.base import Candidate, Evaluator
from archsearch.runs.executor import ENDED, NOTHING, ExecutorError, Outcome, Watch
from archsearch.runs.room import Room
from archsearch.runs.worker import Job, Method
from archsearch.trial import Failure

MAX_FALSE_STARTS = 3


@dataclass(eq=False, kw_only=True)
class Worker:
    """One worker: whether it is set up, where it measures latency, what it is at and since when, and the curve so far."""

    ready: bool = False
    place: str = ""
    job: Job | None = None
    began: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


W = TypeVar("W", bound=Worker)


@dataclass
class Supervisor(ABC, Generic[W]):
    """An executor with `workers` workers, none of which works on one candidate for longer than `timeout_s`.

    How long a worker was at something is what its own clock says, however late it is heard. `files` are Python files of the user's own,
    with ops or the evaluator. `marks` are those of the data (data.fingerprint): a worker that finds other ones does not begin.
    """

    evaluator: Evaluator
    workers: int = 1
    timeout_s: float | None = None
    files: Sequence[str] = ()
    marks: Mapping[str, Mark] | None = None
    watch: Watch | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers={self.workers} must be at least 1")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise ValueError(f"timeout_s={self.timeout_s} must be over 0")
        self._queue: deque[Job] = deque()
        self._done: deque[Outcome] = deque()
        self._pool: list[W] = []
        self._room = Room(self.workers)
        self._deaths: Counter[int] = Counter()
        self._false_starts = 0

    @abstractmethod
    def _begin(self) -> None:
        """Make ready for workers: there is work now."""

    @abstractmethod
    def _start(self) -> W:
        """A new worker. Raises ExecutorError."""

    @abstractmethod
    def _needs(self, candidate: Candidate) -> int:
        """Bytes of a device that workers share; 0 where something else sees to it."""

    @abstractmethod
    def _send(self, worker: W, job: Job) -> bool:
        """Give an idle worker a job; whether it took it: one that died meanwhile, which is no fault of the job's, has been replaced."""

    @abstractmethod
    def _hear(self, patience_s: float | None) -> None:
        """Wait until workers say something, for so long at most, and take in what they say. Raises ExecutorError."""

    @abstractmethod
    def _has_more(self, worker: W) -> bool:
        """Whether a worker has said something that was not heard yet."""

    @abstractmethod
    def _end(self, worker: W) -> None:
        """End a worker at once, with all that it started."""

    def submit(self, candidate: Candidate, method: Method = "evaluate") -> None:
        if not self._pool:  # not before there is work: going on with a finished run starts none
            self._begin()
            self._pool = [self._start() for _ in range(self.workers)]
        self._queue.append(Job.of(candidate, method, self._needs(candidate)))
        self._hand_out()

    def wait(self) -> Outcome:
        while not self._done:
            self._hand_out()
            self._hear(self._patience())
            self._end_late()
        self._hand_out()  # before the caller thinks about the outcome: nobody is to be idle meanwhile
        return self._done.popleft()

    def _hand_out(self) -> None:
        for worker in list(self._pool):
            if not self._queue or not worker.ready or worker.job is not None or not self._room.fits(self._queue[0].needs, self._inside()):
                continue
            job = self._queue.popleft()
            if not self._send(worker, job):
                self._queue.appendleft(job)
                continue
            worker.job, worker.began, worker.curve = job, time.perf_counter(), []
            self._tell(job.trial, 0)

    def _inside(self) -> list[int]:
        return [worker.job.needs for worker in self._pool if worker.job is not None]

    def _tell(self, trial: int, epochs: int, metrics: Mapping[str, float] = NOTHING) -> None:
        if self.watch is not None:
            self.watch(trial, epochs, metrics)

    def _patience(self) -> float | None:
        """Seconds until something has to be looked at again; None while it is for the workers to speak."""
        if self.timeout_s is None:
            return None
        ends = [worker.began + self.timeout_s for worker in self._pool if worker.job is not None]
        return max(0.0, min(ends) - time.perf_counter()) if ends else None

    def _is_up(self, worker: W, place: str) -> None:
        worker.ready, worker.place, self._false_starts = True, place, 0

    def _count_false_start(self, why: str) -> None:
        self._false_starts += 1
        if self._false_starts >= MAX_FALSE_STARTS:
            raise ExecutorError(f"workers die while they start ({why})")

    def _take_report(self, worker: W, epoch: int, metrics: dict[str, float], seconds: float) -> None:
        if worker.job is None:
            return
        worker.curve.append(metrics)
        self._tell(worker.job.trial, epoch + 1, metrics)
        if self._is_late(seconds):
            self._give_up(worker)

    def _take_result(self, worker: W, metrics: dict[str, float], failure: Failure | None, seconds: float) -> None:
        if self._is_late(seconds):
            metrics, failure = {}, self._late()
        self._finish(worker, metrics, failure, seconds)

    def _is_late(self, seconds: float) -> bool:
        return self.timeout_s is not None and seconds > self.timeout_s

    def _late(self) -> Failure:
        return Failure("timeout", f"over the limit of {self.timeout_s:g} s")

    def _finish(self, worker: W, metrics: dict[str, float], failure: Failure | None, seconds: float | None = None) -> None:
        """What a worker was at came to this, after so many seconds, or now."""
        if worker.job is None:
            return
        worked = time.perf_counter() - worker.began if seconds is None else seconds
        self._done.append(Outcome(worker.job.trial, metrics, failure, tuple(worker.curve), worked, worker.place))
        self._tell(worker.job.trial, ENDED)
        self._deaths.pop(worker.job.trial, None)  # on the next rung it has all its tries again
        worker.job = None

    def _put_back(self, worker: W, job: Job) -> None:
        """Try again, first of all, what a worker was at."""
        self._queue.appendleft(job)
        worker.job = None

    def _replace(self, worker: W) -> None:
        self._pool[self._pool.index(worker)] = self._start()

    def _end_late(self) -> None:
        now = time.perf_counter()
        for worker in list(self._pool):
            if worker.job is not None and self._is_late(now - worker.began) and not self._has_more(worker):
                self._give_up(worker)

    def _give_up(self, worker: W) -> None:
        """End a worker that takes too long, and start another."""
        self._end(worker)
        self._finish(worker, {}, self._late())
        self._replace(worker)
