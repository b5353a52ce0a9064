"""The life of a worker process: evaluate what comes through the pipe until the supervisor is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import connection, current_process, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, NamedTuple

from archsearch.data.description import Mark, difference
from archsearch.evaluators.base import (
    Candidate,
    Evaluator,
    EvaluatorError,
    Parent,
    Report,
    Rung,
    free_of,
    has,
    place_of,
    retrained_of,
    setting_of,
)
from archsearch.fidelity import with_option
from archsearch.network.genotype import Genotype
from archsearch.spaces.space import Choices
from archsearch.support.own_code import load_file
from archsearch.training.failures import failure_of
from archsearch.trial import EvaluationError, Failure, finite

Method = Literal["evaluate", "test", "retrain", "foretell"]
"""Train and measure; measure on the test part; that, and again after a training from scratch; ask zero-cost proxies."""


class Job(NamedTuple):
    """A candidate on its way to a worker: plain data, the genotype as JSON text."""

    method: Method
    trial: int
    genotype: str
    seed: int
    weights: str | None
    max_latency_ms: float | None
    choices: Choices
    rung: tuple[str, float, float, str | None, bool, float] | None = None
    parent: tuple[str, str] | None = None
    proxies: tuple[str, ...] = ()
    latencies: Mapping[str, Mapping[str, float]] = {}
    needs: int = 0

    @classmethod
    def of(cls, candidate: Candidate, method: Method, needs: int = 0) -> Job:
        """The job that a candidate makes; it needs so many bytes of a device that others share."""
        on = candidate.rung
        start = None if on is None or on.start is None else str(on.start)
        rung = None if on is None else (on.option, on.value, on.before, start, on.top, on.inherited)
        plain = (str(candidate.weights) if candidate.weights else None, candidate.max_latency_ms, candidate.choices, rung)
        parent = None if candidate.parent is None else (candidate.parent.genotype.to_json(), str(candidate.parent.weights))
        more = (parent, candidate.proxies, candidate.latencies, needs)
        return cls(method, candidate.trial, candidate.genotype.to_json(), candidate.seed, *plain, *more)

    def candidate(self) -> Candidate:
        """The candidate again."""
        weights = None if self.weights is None else Path(self.weights)
        rung = None
        if self.rung is not None:
            option, value, before, start, top, inherited = self.rung
            rung = Rung(option, value, before, None if start is None else Path(start), top, inherited)
        parent = None if self.parent is None else Parent(Genotype.from_json(self.parent[0]), Path(self.parent[1]))
        genotype = Genotype.from_json(self.genotype)
        return Candidate(
            self.trial, genotype, self.seed, weights, self.max_latency_ms, self.choices, rung, parent, self.proxies, self.latencies
        )  # fmt: skip


def run_safely(evaluator: Evaluator, candidate: Candidate, method: Method, report: Report) -> tuple[dict[str, float], Failure | None]:
    """Metrics of a candidate, or the failure that its exception stands for, with what it says was measured."""
    try:
        rung = candidate.rung
        judge: Any = evaluator if rung is None else with_option(evaluator, rung.option, rung.value)  # never asked for a test it lacks
        metrics = numbers(METHODS[method](judge, candidate, report))
    except EvaluationError as error:
        return error.metrics if finite(error.metrics) else {}, error.failure
    except Exception as error:  # a user's evaluator may raise anything; it becomes data and is shown
        return {}, failure_of(error)
    if not finite(metrics):
        return {}, Failure("diverged", f"metrics are not finite: {metrics}")
    return metrics, None


def retrained(judge: Any, candidate: Candidate, report: Report) -> dict[str, float]:
    """Metrics on the test part of a network trained from scratch; `inherited_error` is that of its weights before, which stay."""
    file = None if candidate.weights is None else retrained_of(candidate.weights)
    before = judge.test(replace(candidate, max_latency_ms=None))
    judge.evaluate(replace(candidate, rung=None, max_latency_ms=None, weights=file), report)
    return {**judge.test(replace(candidate, weights=file)), "inherited_error": before["error"]}


METHODS: Mapping[Method, Callable[[Any, Candidate, Report], Mapping[str, float]]] = {
    "evaluate": lambda judge, candidate, report: judge.evaluate(candidate, report),
    "test": lambda judge, candidate, report: judge.test(candidate),
    "retrain": retrained,
    "foretell": lambda judge, candidate, report: judge.foretell(candidate),
}


def numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics as plain floats; numpy and torch scalars become such. Raises TypeError for what is no mapping."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics must be numbers by name, such as {{'error': 0.1}}, not {type(metrics).__name__}")
    return {str(name): float(value) for name, value in metrics.items()}


@dataclass
class Evaluation:
    """One evaluation on its way: its clock stands still while it waits for an answer of the supervisor."""

    pipe: Connection
    ask: bool
    began: float = field(default_factory=time.perf_counter)
    waited: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it has worked."""
        return time.perf_counter() - self.began - self.waited

    def report(self, epoch: int, metrics: dict[str, float]) -> bool:
        """Tell the supervisor of an epoch, and ask whether to stop where it has an opinion."""
        self.pipe.send(("report", int(epoch), numbers(metrics), self.seconds))
        if not self.ask:
            return False
        sent = time.perf_counter()
        stop = bool(self.pipe.recv())
        self.waited += time.perf_counter() - sent
        return stop


def work(pipe: Connection, files: tuple[str, ...], memory_bytes: int | None, ask: bool, marks: Mapping[str, Mark] | None) -> None:
    """Set up the evaluator, then evaluate job after job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    os.dup2(2, 1)  # what an evaluator prints is a remark; stdout is for results
    lead_group()
    current_process().daemon = False  # so that it may have children, as a DataLoader wants; they end with its group
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        evaluator = set_up(pipe, files, marks)
        ready = "ready", place_of(evaluator), free_of(evaluator)
    except Exception as error:  # a user's file or evaluator may raise anything; the supervisor says it once
        pipe.send(("unfit", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
        return
    if memory_bytes is not None:
        hold_to(memory_bytes)
    pipe.send(ready)
    with suppress(EOFError):
        while True:
            evaluate(evaluator, pipe, ask)
    end_group(os.getpid())


def set_up(pipe: Connection, files: tuple[str, ...], marks: Mapping[str, Mark] | None) -> Evaluator:
    """The evaluator, when the files that may define its class and ops have run, and its data are loaded.

    Raises:
        EvaluatorError: the data are not those of the run, as when a function of the user's own gives others every time.
    """
    for file in files:
        load_file(file)
    evaluator: Evaluator = pipe.recv()
    load(evaluator, marks)
    return evaluator


def load(evaluator: Evaluator, marks: Mapping[str, Mark] | None) -> None:
    """Have an evaluator load its data. Raises EvaluatorError when they are not those of the run."""
    setting_of(evaluator)
    judge: Any = evaluator
    if marks is not None and has(evaluator, "describe"):
        other = difference(marks, judge.describe().fingerprint)
        if other:
            raise EvaluatorError(f"the data here are not those of the run ({other}); they must be the same in every process: fix the seed")


def evaluate(evaluator: Evaluator, pipe: Connection, ask: bool) -> None:
    """Do the next job. Raises EOFError when no more will come."""
    job: Job = pipe.recv()
    evaluation = Evaluation(pipe, ask)
    metrics, failure = run_safely(evaluator, job.candidate(), job.method, evaluation.report)
    pipe.send(("done", metrics, failure, evaluation.seconds))


def lead_group() -> None:
    """Make this process the first of a group, so that all its children can be ended with it."""
    if sys.platform != "win32":
        os.setsid()


def end_group(leader: int | None) -> None:
    """End a worker's group at once, whether the worker itself still lives or not."""
    if leader is not None and sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):  # gone, or it has not become a group yet
            os.killpg(leader, signal.SIGKILL)


def _end_with_parent() -> None:
    parent: Any = parent_process()
    connection.wait([parent.sentinel])
    end_group(os.getpid())
    os._exit(1)


def hold_to(memory_bytes: int) -> None:
    """Let this process have no more memory than that: what asks for more gets an error, not the whole machine into trouble."""
    import resource  # not on every system

    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
