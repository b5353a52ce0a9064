"""Where evaluations run: in this process, or in spawned workers under a supervisor that replaces a dead one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from archsearch.evaluators.base import Candidate, Evaluator, Report, failure_of
from archsearch.genotype import Genotype
from archsearch.space import Choices, load_file
from archsearch.trial import EvaluationError, Failure, FailureKind, finite

Method = Literal["evaluate", "test"]
Stopper = Callable[[int, int, dict[str, float]], bool]
"""Called with trial, epoch and metrics; true stops that evaluation early."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
MAX_FALSE_STARTS = 3


class ExecutorError(Exception):
    """Workers that cannot be started."""


@dataclass(frozen=True)
class Outcome:
    """What an evaluation came to: metrics, or a failure; the curve as far as it got."""

    trial: int
    metrics: dict[str, float]
    failure: Failure | None
    curve: tuple[dict[str, float], ...]
    seconds: float


class Executor(Protocol):
    """Takes candidates and gives outcomes, in any order."""

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
        self._queue: deque[tuple[Candidate, Method]] = deque()

    def submit(self, candidate: Candidate, method: Method = "evaluate") -> None:
        self._queue.append((candidate, method))

    def wait(self) -> Outcome:
        candidate, method = self._queue.popleft()
        curve: list[dict[str, float]] = []

        def report(epoch: int, metrics: dict[str, float]) -> bool:
            curve.append(numbers(metrics))
            return self._stopper is not None and self._stopper(candidate.trial, epoch, metrics)

        began = time.perf_counter()
        metrics, failure = run_safely(self._evaluator, candidate, method, report)
        return Outcome(candidate.trial, metrics, failure, tuple(curve), time.perf_counter() - began)

    def close(self) -> None:
        self._queue.clear()


def run_safely(evaluator: Evaluator, candidate: Candidate, method: Method, report: Report) -> tuple[dict[str, float], Failure | None]:
    """Metrics of a candidate, or the failure that its exception stands for."""
    try:
        metrics = numbers(evaluator.evaluate(candidate, report) if method == "evaluate" else evaluator.test(candidate))
    except EvaluationError as error:
        return {}, error.failure
    except Exception as error:  # a user's evaluator may raise anything; it becomes data and is shown
        return {}, failure_of(error)
    if not finite(metrics):
        return {}, Failure("diverged", f"metrics are not finite: {metrics}")
    return metrics, None


def numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics as plain floats; numpy and torch scalars become such."""
    return {str(name): float(value) for name, value in metrics.items()}


class Job(NamedTuple):
    """A candidate on its way to a worker: plain data, the genotype as JSON text."""

    method: Method
    trial: int
    genotype: str
    seed: int
    weights: str | None
    max_latency_ms: float | None
    choices: Choices

    @classmethod
    def of(cls, candidate: Candidate, method: Method) -> Job:
        """The job that a candidate makes."""
        weights = None if candidate.weights is None else str(candidate.weights)
        return cls(
            method, candidate.trial, candidate.genotype.to_json(), candidate.seed, weights, candidate.max_latency_ms, candidate.choices
        )

    def candidate(self) -> Candidate:
        """The candidate again."""
        weights = None if self.weights is None else Path(self.weights)
        return Candidate(self.trial, Genotype.from_json(self.genotype), self.seed, weights, self.max_latency_ms, self.choices)


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

    A worker that dies, or outlives `timeout_s` with one candidate, is replaced, and the candidate recorded as a failure. On Linux
    each worker may use `memory_bytes` (its share of the machine's memory when not given), so that a network too
    large for it fails alone. `files` are Python files of the user's own, with ops or the evaluator.
    """

    evaluator: Evaluator
    workers: int = 1
    timeout_s: float | None = None
    memory_bytes: int | None = None
    files: Sequence[str] = ()
    stopper: Stopper | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers={self.workers} must be at least 1")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise ValueError(f"timeout_s={self.timeout_s} must be over 0")
        self._queue: deque[Job] = deque()
        self._done: deque[Outcome] = deque()
        self._false_starts = 0
        self._pool: list[_Worker] = []

    def submit(self, candidate: Candidate, method: Method = "evaluate") -> None:
        if not self._pool:  # not before there is work: going on with a finished run starts none
            self._pool = [self._start() for _ in range(self.workers)]
        self._queue.append(Job.of(candidate, method))
        self._hand_out()

    def wait(self) -> Outcome:
        while not self._done:
            self._hand_out()
            events = connection.wait([worker.pipe for worker in self._pool], self._patience())
            for worker in [worker for worker in self._pool if worker.pipe in events]:
                self._listen(worker)
            self._end_late()
        return self._done.popleft()

    def close(self) -> None:
        for worker in self._pool:
            worker.process.kill()
        for worker in self._pool:
            worker.process.join()
            worker.pipe.close()
        self._pool = []

    def _start(self) -> _Worker:
        ours, theirs = get_context("spawn").Pipe()
        on_cpu = getattr(self.evaluator, "device", "cpu") == "cpu"  # CUDA maps far more than it uses
        memory = self.memory_bytes or (memory_share(self.workers) if on_cpu else None)
        arguments = (theirs, tuple(self.files), memory, self.stopper is not None)
        process = get_context("spawn").Process(target=_work, args=arguments, daemon=True)
        with environment(ONE_THREAD):
            process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        with suppress(OSError):  # dead already: found out when it is asked for something
            ours.send(self.evaluator)  # after the files that may define its class
        return _Worker(process, ours)

    def _hand_out(self) -> None:
        for worker in self._pool:
            if self._queue and worker.ready and worker.job is None:
                worker.job, worker.began, worker.curve = self._queue.popleft(), time.perf_counter(), []
                try:
                    worker.pipe.send(worker.job)
                except OSError:
                    self._bury(worker)

    def _patience(self) -> float | None:
        if self.timeout_s is None:
            return None
        ends = [worker.began + self.timeout_s for worker in self._pool if worker.job is not None]
        return max(0.0, min(ends) - time.perf_counter()) if ends else None

    def _listen(self, worker: _Worker) -> None:
        try:
            word, *data = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        if word == "ready":
            worker.ready, self._false_starts = True, 0
        elif word == "report":
            epoch, metrics = data
            worker.curve.append(metrics)
            if self.stopper is not None and worker.job is not None:
                worker.pipe.send(self.stopper(worker.job.trial, epoch, metrics))
        else:
            metrics, failure = data
            self._finish(worker, metrics, failure)

    def _finish(self, worker: _Worker, metrics: dict[str, float], failure: Failure | None) -> None:
        if worker.job is not None:
            seconds = time.perf_counter() - worker.began
            self._done.append(Outcome(worker.job.trial, metrics, failure, tuple(worker.curve), seconds))
            worker.job = None

    def _bury(self, worker: _Worker, failure: Failure | None = None) -> None:
        """Replace a worker that is gone, or to go; what it was at becomes a failure."""
        if failure is not None:
            worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        self._finish(worker, {}, failure or died(worker.process.exitcode))
        if not worker.ready:
            self._false_starts += 1
        if self._false_starts >= MAX_FALSE_STARTS:
            how = died(worker.process.exitcode).message
            raise ExecutorError(f"workers die while they start ({how}); what they say on stderr tells why")
        self._pool[self._pool.index(worker)] = self._start()

    def _end_late(self) -> None:
        if self.timeout_s is None:
            return
        now = time.perf_counter()
        for worker in list(self._pool):
            if worker.job is not None and now - worker.began > self.timeout_s:
                self._bury(worker, Failure("timeout", f"over the limit of {self.timeout_s:g} s"))


def died(exitcode: int | None) -> Failure:
    """The failure of a worker that is gone."""
    kind: FailureKind = "crashed"
    if exitcode is None or exitcode >= 0:
        return Failure(kind, f"the worker process ended with exit code {exitcode}")
    name = signal.Signals(-exitcode).name
    hint = "; the system kills so when memory runs out" if name == "SIGKILL" else ""
    return Failure(kind, f"the worker process was ended by {name}{hint}")


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a child that is started inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def memory_share(workers: int) -> int | None:
    """Bytes of memory for each worker where the system can hold it to them, else None."""
    if sys.platform != "linux":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // workers


def _work(pipe: Connection, files: tuple[str, ...], memory_bytes: int | None, ask: bool) -> None:
    """Life of a worker: evaluate what comes through the pipe until the supervisor is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    os.dup2(2, 1)  # what an evaluator prints is a remark; stdout is for results
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for file in files:
        load_file(file)
    evaluator: Evaluator = pipe.recv()
    evaluator.setting()
    if memory_bytes is not None:
        hold_to(memory_bytes)
    pipe.send(("ready",))

    def report(epoch: int, metrics: dict[str, float]) -> bool:
        pipe.send(("report", epoch, numbers(metrics)))
        return bool(pipe.recv()) if ask else False

    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        pipe.send(("done", *run_safely(evaluator, job.candidate(), job.method, report)))


def _end_with_parent() -> None:
    parent: Any = parent_process()
    connection.wait([parent.sentinel])
    os._exit(1)


def hold_to(memory_bytes: int) -> None:
    """Let this process have no more memory than that: what asks for more gets an error, not the whole machine into trouble."""
    import resource  # not on every system

    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
