"""Evaluations in spawned processes of this machine."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler

from archsearch.evaluators.base import Candidate, Evaluator, needs_of
from archsearch.runs.endings import died, from_outside
from archsearch.runs.executor import ExecutorError, Stopper
from archsearch.runs.supervisor import Supervisor, Worker
from archsearch.runs.worker import Job, end_group, work
from archsearch.support.reading import reason
from archsearch.support.spawning import GUARD, UNGUARDED, UNGUARDED_LINE, SpawnError, check_main, refuse_unguarded
from archsearch.support.threads import one_thread_each

MOST_HEARD = 1000
"""Messages of one worker that are heard in a row, so that one that never stops talking leaves the others their turn."""


@dataclass(eq=False)
class _Worker(Worker):
    process: BaseProcess
    pipe: Connection


@dataclass
class Processes(Supervisor[_Worker]):
    """Evaluations in `workers` spawned processes with one torch thread each.

    A worker that dies, or works on one candidate for longer than `timeout_s`, is replaced, and the candidate recorded as a failure, but
    tried once more where something outside ended the worker. Children that it started, such as those of a torch
    DataLoader, end with it. On Linux each worker may use `memory_bytes` (its share of the machine's memory when not given), so that a
    network too large for it fails alone. On a device that they share, as many work side by side as its memory has room for (runs.room),
    where the evaluator says what is free and what a network needs.
    """

    memory_bytes: int | None = None
    stopper: Stopper | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sent = packed(self.evaluator)

    def close(self) -> None:
        for worker in self._pool:
            end_group(worker.process.pid)
            worker.process.kill()
        for worker in self._pool:
            self._clear(worker)
        self._pool = []

    def _begin(self) -> None:
        refuse_unguarded()

    def _start(self) -> _Worker:
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

    def _needs(self, candidate: Candidate) -> int:
        return needs_of(self.evaluator, candidate.genotype)

    def _send(self, worker: _Worker, job: Job) -> bool:
        try:
            worker.pipe.send(job)
        except OSError:
            self._bury(worker)
            return False
        return True

    def _hear(self, patience_s: float | None) -> None:
        events = connection.wait([worker.pipe for worker in self._pool], patience_s)
        for worker in [worker for worker in self._pool if worker.pipe in events]:
            self._drain(worker)

    def _drain(self, worker: _Worker) -> None:
        """Hear all that a worker has said: a result that lies in the pipe is one, however late it is heard."""
        for _ in range(MOST_HEARD):
            if not self._has_more(worker):
                return
            self._listen(worker)

    def _has_more(self, worker: _Worker) -> bool:
        return not worker.pipe.closed and worker.pipe.poll()

    def _listen(self, worker: _Worker) -> None:
        try:
            word, *data = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        if word == "ready":
            place, free = data
            self._is_up(worker, place)
            self._room.hear(free)
        elif word == "unfit":
            raise ExecutorError(f"a worker cannot set up the evaluator: {data[0]}")
        elif word == "report":
            self._take_report(worker, *data)
        else:
            self._take_result(worker, *data)

    def _take_report(self, worker: _Worker, epoch: int, metrics: dict[str, float], seconds: float) -> None:
        super()._take_report(worker, epoch, metrics, seconds)
        if self.stopper is not None and worker.job is not None:
            worker.began = time.perf_counter() - seconds  # it waited for this answer, and that is not its fault
            with suppress(OSError):  # dead: the end of its pipe tells next
                worker.pipe.send(self.stopper(worker.job.trial, epoch, metrics))

    def _end(self, worker: _Worker) -> None:
        worker.process.kill()
        self._clear(worker)

    def _clear(self, worker: _Worker) -> None:
        """End the children of a worker that is gone."""
        end_group(worker.process.pid)
        worker.process.join()
        worker.pipe.close()

    def _bury(self, worker: _Worker) -> None:
        """Replace a worker that is gone; what it was at is tried again once where something outside ended it, else it has failed."""
        self._clear(worker)
        job, code = worker.job, worker.process.exitcode
        if job is not None and not self._deaths[job.trial] and from_outside(code):
            self._deaths[job.trial] += 1
            self._put_back(worker, job)
        else:
            self._finish(worker, {}, died(code))
        if not worker.ready and code == UNGUARDED:
            raise ExecutorError(UNGUARDED_LINE)
        if not worker.ready:
            self._count_false_start(f"{died(code).message}; what they say on stderr tells why; in a script, {GUARD}")
        self._replace(worker)


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
