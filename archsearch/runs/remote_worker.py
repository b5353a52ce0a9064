"""The life of a worker on another machine: it has what it was sent, and all that it makes goes back as bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from ray import get_runtime_context

from archsearch import __version__
from archsearch.data import Data, Wanted, provide
from archsearch.data.description import Mark
from archsearch.evaluators.base import Candidate, Evaluator, place_of, retrained_of
from archsearch.runs.kit import Kit, unpack, within
from archsearch.runs.record import options_of
from archsearch.runs.worker import Job, load, numbers, run_safely
from archsearch.support.threads import ONE_THREAD

Event = tuple[Any, ...]
"""("report", epoch, metrics, seconds), and in the end ("done", metrics, failure as (kind, message) or None, seconds, files by path)."""


@dataclass(repr=False)  # Ray asks for it early
class RemoteWorker:
    """Sets the evaluator up once, then evaluates job after job. `version` is that of the archsearch which sends them."""

    version: str
    threads: int = 1
    scratch: str | None = None
    _folder: TemporaryDirectory[str] = field(init=False)
    _evaluator: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        os.environ.update({name: value if name == "OMP_WAIT_POLICY" else str(self.threads) for name, value in ONE_THREAD.items()})
        self._folder = TemporaryDirectory(prefix="archsearch-", dir=self.scratch)
        self._thread = ThreadPoolExecutor(1)

    def set_up(
        self, kit: Kit, wanted: Wanted | None, data: Data | None, marks: Mapping[str, Mark] | None, gpu: bool
    ) -> tuple[str, str, str]:
        """Make the evaluator, with the data that it wants; on which machine, where it measures latency, and what is wrong, or nothing."""
        node = get_runtime_context().get_node_id()
        if self.version != __version__:
            return node, "", f"archsearch {__version__} is installed there, and {self.version} here; install the same everywhere"
        try:
            if wanted is not None and data is not None:
                provide(wanted, data)
            evaluator = unpack(kit, Path(self._folder.name) / "files")
            self._evaluator = replace(evaluator, device="cuda") if gpu and "device" in options_of(evaluator) else evaluator
            load(self._evaluator, marks)
            place = place_of(self._evaluator)
        except Exception as error:  # a user's file or evaluator may raise anything
            return node, "", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return node, place, ""

    def evaluate(self, job: Job, files: Mapping[str, bytes]) -> Iterator[Event]:
        """Do a job for which these files are there; report by report, then what it came to."""
        events: SimpleQueue[Event | None] = SimpleQueue()
        work = self._thread.submit(self._work, job, files, events)
        work.add_done_callback(lambda _: events.put(None))
        while (event := events.get()) is not None:
            yield event
        yield work.result()

    def _work(self, job: Job, files: Mapping[str, bytes], events: SimpleQueue[Event | None]) -> Event:
        began = time.perf_counter()

        def report(epoch: int, metrics: dict[str, float]) -> bool:
            events.put(("report", int(epoch), numbers(metrics), time.perf_counter() - began))
            return False

        with TemporaryDirectory(dir=self._folder.name) as name:
            folder = Path(name)
            for path, content in files.items():
                write(within(folder, path), content)
            metrics, failure = run_safely(self._evaluator, placed(job.candidate(), folder), job.method, report)
            made = {path: content for path, content in found(job, folder).items() if files.get(path) != content}
        return ("done", metrics, failure and (failure.kind, failure.message), time.perf_counter() - began, made)

    def end(self) -> None:
        """Leave nothing behind."""
        self._folder.cleanup()


def write(path: Path, content: bytes) -> None:
    """Write a file, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def placed(candidate: Candidate, folder: Path) -> Candidate:
    """A candidate whose files lie inside a folder."""
    weights, rung, parent = candidate.weights, candidate.rung, candidate.parent
    if weights is not None:
        weights = within(folder, weights)
        weights.parent.mkdir(parents=True, exist_ok=True)
    if rung is not None and rung.start is not None:
        rung = replace(rung, start=within(folder, rung.start))
    if parent is not None:
        parent = replace(parent, weights=within(folder, parent.weights))
    return replace(candidate, weights=weights, rung=rung, parent=parent)


def found(job: Job, folder: Path) -> dict[str, bytes]:
    """The weights that a job has left, by the paths that they have where the job comes from."""
    paths = [] if job.weights is None else [job.weights, str(retrained_of(Path(job.weights)))]
    return {path: within(folder, path).read_bytes() for path in paths if within(folder, path).is_file()}
