"""Where evaluations run: in this process, or in spawned workers under a supervisor that replaces a dead one."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Protocol

from archsearch.data.description import Mark
from archsearch.evaluators.base import Candidate, Evaluator, needs_of
from archsearch.runs.endings import died, from_outside
from archsearch.runs.room import Room
from archsearch.runs.worker import Job, Method, end_group, numbers, run_safely, work
from archsearch.support.reading import reason
from archsearch.support.spawning import GUARD, UNGUARDED, UNGUARDED_LINE, SpawnError, check_main, refuse_unguarded
from archsearch.support.threads import one_thread_each
from archsearch.trial import Failure

Stopper = Callable[[int, int, dict[str, float]], bool]
"""Called with trial, epoch and metrics; true stops that evaluation early."""
Watch = Callable[[int, int, Mapping[str, float]], None]
"""Called with a trial, how many of its epochs are done, and what the last one reported: 0 when it begins, ENDED when it is over."""
ENDED = -1
NOTHING: Mapping[str, float] = {}

MAX_FALSE_STARTS = 3
MOST_HEARD = 1000
"""Messages of one worker that are heard in a row, so that one that never stops talking leaves the others their turn."""


class ExecutorError(Exception):
    """Workers that cannot be started."""


@dataclass(frozen=True)
class Outcome:
    """What an evaluation came to: metrics, or a failure; the curve as far as it got; the seconds that it worked."""

    trial: int
    metrics: dict[str, float]
    failure: Failure | None
    curve: tuple[dict[str, float], ...]
    seconds: float


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
        return Outcome(candidate.trial, metrics, failure, tuple(curve), time.perf_counter() - began)

    def _tell(self, trial: int, epochs: int, metrics: Mapping[str, float] = NOTHING) -> None:
        if self.watch is not None:
            self.watch(trial, epochs, metrics)

    def close(self) -> None:
        self._queue.clear()


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    job: Job | None = None
    began: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Processes:
    """Evaluations in `workers` spawned processes with one torch thread each.

    A worker that dies, or works on one candidate for longer than `timeout_s`, is replaced, and the candidate recorded as a failure, but
    tried once more where something outside ended the worker;
    how long it worked is what its own clock says, however late it is heard. Children that it started, such as those of a torch
    DataLoader, end with it. On Linux each worker may use `memory_bytes` (its share of the machine's memory when not given), so that a
    network too large for it fails alone. On a device that they share, as many work side by side as its memory has room for (runs.room),
    where the evaluator says what is free and what a network needs.

    `files` are Python files of the user's own, with ops or the evaluator. `marks` are those of the
    data (data.fingerprint): a worker that finds other ones does not begin.
    """

    evaluator: Evaluator
    workers: int = 1
    timeout_s: float | None = None
    memory_bytes: int | None = None
    files: Sequence[str] = ()
    marks: Mapping[str, Mark] | None = None
    stopper: Stopper | None = None
    watch: Watch | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers={self.workers} must be at least 1")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise ValueError(f"timeout_s={self.timeout_s} must be over 0")
        self._sent = packed(self.evaluator)
        self._queue: deque[Job] = deque()
        self._done: deque[Outcome] = deque()
        self._false_starts = 0
        self._again: set[int] = set()
        self._pool: list[_Worker] = []
        self._room = Room(self.workers)

    def submit(self, candidate: Candidate, method: Method = "evaluate") -> None:
        if not self._pool:  # not before there is work: going on with a finished run starts none
            self._pool = [self._start() for _ in range(self.workers)]
        self._queue.append(Job.of(candidate, method, needs_of(self.evaluator, candidate.genotype)))
        self._hand_out()

    def wait(self) -> Outcome:
        while not self._done:
            self._hand_out()
            events = connection.wait([worker.pipe for worker in self._pool], self._patience())
            for worker in [worker for worker in self._pool if worker.pipe in events]:
                self._drain(worker)
            self._end_late()
        self._hand_out()  # before the caller thinks about the outcome: nobody is to be idle meanwhile
        return self._done.popleft()

    def close(self) -> None:
        for worker in self._pool:
            end_group(worker.process.pid)
            worker.process.kill()
        for worker in self._pool:
            worker.process.join()
            worker.pipe.close()
        self._pool = []

    def _start(self) -> _Worker:
        refuse_unguarded()
        try:
            return self._started()
        except OSError as error:  # no room for one more process, or file
            raise ExecutorError(f"a worker cannot be started: {reason(error)}; `archsearch resume` goes on when there is room") from error

    def _started(self) -> _Worker:
        ours, theirs = get_context("spawn").Pipe()
        on_cpu = getattr(self.evaluator, "device", "cpu") == "cpu"  # CUDA maps far more than it uses
        memory = self.memory_bytes or (memory_share(self.workers) if on_cpu else None)
        arguments = (theirs, tuple(self.files), memory, self.stopper is not None, self.marks)
        process = get_context("spawn").Process(target=work, args=arguments, daemon=True)
        with one_thread_each():
            process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        with suppress(OSError):  # dead already: found out when it is asked for something
            ours.send_bytes(self._sent)  # after the files that may define its class
        return _Worker(process, ours)

    def _hand_out(self) -> None:
        for worker in list(self._pool):
            if self._queue and worker.ready and worker.job is None and self._room.fits(self._queue[0].needs, self._inside()):
                job = self._queue.popleft()
                try:
                    worker.pipe.send(job)
                except OSError:  # it died while it had nothing to do, which is no fault of the candidate's
                    self._queue.appendleft(job)
                    self._bury(worker)
                    continue
                worker.job, worker.began, worker.curve = job, time.perf_counter(), []
                self._tell(job.trial, 0)

    def _inside(self) -> list[int]:
        return [worker.job.needs for worker in self._pool if worker.job is not None]

    def _tell(self, trial: int, epochs: int, metrics: Mapping[str, float] = NOTHING) -> None:
        if self.watch is not None:
            self.watch(trial, epochs, metrics)

    def _patience(self) -> float | None:
        if self.timeout_s is None:
            return None
        ends = [worker.began + self.timeout_s for worker in self._pool if worker.job is not None]
        return max(0.0, min(ends) - time.perf_counter()) if ends else None

    def _drain(self, worker: _Worker) -> None:
        """Hear all that a worker has said: a result that lies in the pipe is one, however late it is heard."""
        for _ in range(MOST_HEARD):
            if worker.pipe.closed or not worker.pipe.poll():
                return
            self._listen(worker)

    def _listen(self, worker: _Worker) -> None:
        try:
            word, *data = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        if word == "ready":
            worker.ready, self._false_starts = True, 0
            self._room.hear(*data)
        elif word == "unfit":
            raise ExecutorError(f"a worker cannot set up the evaluator: {data[0]}")
        elif worker.job is None:
            return
        elif word == "report":
            self._take_report(worker, worker.job.trial, *data)
        else:
            self._take_result(worker, *data)

    def _take_report(self, worker: _Worker, trial: int, epoch: int, metrics: dict[str, float], seconds: float) -> None:
        worker.curve.append(metrics)
        self._tell(trial, epoch + 1, metrics)
        if self.timeout_s is not None and seconds > self.timeout_s:
            self._bury(worker, self._late())
        elif self.stopper is not None:
            worker.began = time.perf_counter() - seconds  # it waited for this answer, and that is not its fault
            with suppress(OSError):  # dead: the end of its pipe tells next
                worker.pipe.send(self.stopper(trial, epoch, metrics))

    def _take_result(self, worker: _Worker, metrics: dict[str, float], failure: Failure | None, seconds: float) -> None:
        late = self.timeout_s is not None and seconds > self.timeout_s
        self._finish(worker, *(({}, self._late()) if late else (metrics, failure)), seconds)

    def _late(self) -> Failure:
        return Failure("timeout", f"over the limit of {self.timeout_s:g} s")

    def _finish(self, worker: _Worker, metrics: dict[str, float], failure: Failure | None, seconds: float) -> None:
        if worker.job is not None:
            self._again.discard(worker.job.trial)
            self._done.append(Outcome(worker.job.trial, metrics, failure, tuple(worker.curve), seconds))
            self._tell(worker.job.trial, ENDED)
            worker.job = None

    def _bury(self, worker: _Worker, failure: Failure | None = None) -> None:
        """Replace a worker that is gone, or to go, and end its children; what it was at is tried again once, or becomes a failure."""
        end_group(worker.process.pid)
        if failure is not None:
            worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        if failure is not None or not self._tried_again(worker):
            self._finish(worker, {}, failure or died(worker.process.exitcode), time.perf_counter() - worker.began)
        if not worker.ready:
            self._count_false_start(worker.process.exitcode)
        self._pool[self._pool.index(worker)] = self._start()

    def _tried_again(self, worker: _Worker) -> bool:
        """Put what a worker was at back to the front when it was ended from outside, for the first time with this candidate."""
        job = worker.job
        if job is None or job.trial in self._again or not from_outside(worker.process.exitcode):
            return False
        self._again.add(job.trial)
        self._queue.appendleft(job)
        worker.job = None
        return True

    def _count_false_start(self, exitcode: int | None) -> None:
        if exitcode == UNGUARDED:
            raise ExecutorError(UNGUARDED_LINE)
        self._false_starts += 1
        if self._false_starts >= MAX_FALSE_STARTS:
            how = died(exitcode).message
            raise ExecutorError(f"workers die while they start ({how}); what they say on stderr tells why; in a script, {GUARD}")

    def _end_late(self) -> None:
        if self.timeout_s is None:
            return
        now = time.perf_counter()
        for worker in list(self._pool):
            if worker.job is not None and now - worker.began > self.timeout_s and not worker.pipe.poll():
                self._bury(worker, self._late())


def packed(evaluator: Evaluator) -> memoryview:
    """An evaluator as bytes for a worker. Raises ExecutorError, one line, when it cannot be sent or no worker can be started."""
    try:
        check_main()
    except SpawnError as error:
        raise ExecutorError(str(error)) from error
    cls, main = type(evaluator), sys.modules["__main__"]
    if cls.__module__ == "__main__" and not hasattr(main, "__file__"):
        raise ExecutorError(f"class {cls.__name__} was made in this session, where no worker finds it: put it into a file, or workers=0")
    try:
        return ForkingPickler.dumps(evaluator)
    except Exception as error:  # what a user's class holds may fail in any way
        why = " ".join(str(error).split())[:150]
        hint = "define its class at the top level of a file, with plain data as fields, or give workers=0"
        raise ExecutorError(f"evaluator {cls.__name__} cannot be sent to a worker ({why}); {hint}") from error


def memory_share(workers: int) -> int | None:
    """Bytes of memory for each worker where the system can hold it to them, else None."""
    if sys.platform != "linux":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // workers
