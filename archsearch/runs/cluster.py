"""Evaluations on a Ray cluster, or by Ray on this machine."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
from ray._private import ray_constants
from ray._private import worker as ray_worker
from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]
from ray.exceptions import RayError

from archsearch import __version__
from archsearch.data import Wanted, load_data
from archsearch.evaluators.base import Candidate, Evaluator
from archsearch.runs.executor import ExecutorError
from archsearch.runs.identity import found_again, is_source
from archsearch.runs.kit import Kit, pack, texts
from archsearch.runs.placement import Placement
from archsearch.runs.record import options_of
from archsearch.runs.remote_worker import RemoteWorker
from archsearch.runs.supervisor import Supervisor, Worker
from archsearch.runs.worker import Job
from archsearch.support.writing import whole
from archsearch.training.failures import failure_of
from archsearch.training.options import Options
from archsearch.trial import Failure

MAX_TRIES = 3
"""Workers that may die of one candidate before that counts as its fault; machines that go away are nobody's."""
NODE_DIED = "node has died"
"""What Ray says of an actor whose machine went away."""
LOOK_S = 10.0
"""How often it is looked whether there is room, whatever workers say."""
PATIENCE_S = 300.0
"""How long a cluster may take until it has room for a first worker: it may be starting machines."""
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
"""For Ray on one machine: it keeps to the loopback interface, as it does by itself on Windows and macOS, and reports nothing to anybody."""
BRIEFLY = {"RAY_gcs_server_port_wait_time_s": "1"}
"""For a cluster that should be there: Ray asks it once, for some forty seconds, not twenty times."""


@dataclass(eq=False)
class _Worker(Worker):
    actor: Any
    call: Any
    """What is waited for: that it is set up, or the next event of an evaluation."""
    node: str = ""


@dataclass
class Cluster(Supervisor[_Worker]):
    """Evaluations in `workers` actors of Ray, wherever the cluster has room for them; this process alone writes the run.

    Nothing is read from a disk that machines would have to share: evaluator, users' own files and data are sent once, a candidate with the
    weights that it begins with, and what was trained comes back. A candidate whose worker dies is tried again on another, three
    times in all; one whose machine went away, as often as that happens. `places` are options of the evaluator that are paths, made
    absolute.
    """

    placement: Placement = field(default_factory=lambda: Placement("ray"))
    places: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._heard = 0.0
        self._own = False
        self._scratch: TemporaryDirectory[str] | None = None

    def close(self) -> None:
        with suppress(RayError):
            idle = [worker.actor.end.remote() for worker in self._pool if worker.ready and worker.job is None]
            if idle and self._scratch is None:
                ray.wait(idle, num_returns=len(idle), timeout=2)
            for worker in self._pool:
                self._end(worker)
        self._pool = []
        if self._own:
            ray.shutdown()
            ray_worker._worker_logs_enabled = True
            self._own = False
        if self._scratch is not None:
            self._scratch.cleanup()

    def _begin(self) -> None:
        self._connect()
        kit, wanted = evaluator_kit(self.evaluator, self.files, self.places)
        data = None if wanted is None else ray.put(load_data(*wanted))
        marks = None if wanted else self.marks  # data that are sent are those of the run
        self._sent = (ray.put(kit), wanted, data, marks, self.placement.gpus_per_trial > 0)
        self._actor = ray.remote(RemoteWorker).options(
            num_cpus=self.placement.cpus_per_trial, num_gpus=self.placement.gpus_per_trial, max_restarts=0, scheduling_strategy="SPREAD"
        )
        self._heard = time.monotonic()

    def _connect(self) -> None:
        """Use the Ray that this process is connected to, else the cluster of the address, else start one here."""
        if ray.is_initialized():
            return
        quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "namespace": "archsearch"}
        try:
            if self.placement.address:
                with told(BRIEFLY):
                    ray.init(address=self.placement.address, **quietly)
            else:
                with alone():
                    ray.init(address="local", include_dashboard=False, **quietly)
        except (ConnectionError, RayError, RuntimeError, ValueError) as error:
            where = f"no Ray cluster at {self.placement.address!r}" if self.placement.address else "Ray does not start"
            raise ExecutorError(f"{where}: {' '.join(str(error).split())[:200]}") from error
        self._own = True
        ray_worker._worker_logs_enabled = False  # which would go to stdout, where results are, in spite of log_to_driver
        if not self.placement.address:
            self._scratch = TemporaryDirectory(prefix="archsearch-ray-")
            if not any(self._has_room(node) for node in ray.nodes()):
                self.close()
                raise ExecutorError(self._no_room())

    def _has_room(self, node: Mapping[str, Any]) -> bool:
        there = node["Resources"]
        return bool(there.get("CPU", 0) >= self.placement.cpus_per_trial and there.get("GPU", 0) >= self.placement.gpus_per_trial)

    def _no_room(self) -> str:
        asked = f"{self.placement.cpus_per_trial:g} CPUs and {self.placement.gpus_per_trial:g} GPUs"
        return f"no machine has {asked} free for an evaluation; lower cpus_per_trial or gpus_per_trial, or add machines, then resume"

    def _start(self) -> _Worker:
        scratch = None if self._scratch is None else self._scratch.name
        actor = self._actor.remote(__version__, max(1, int(self.placement.cpus_per_trial)), scratch)
        return _Worker(actor, actor.set_up.remote(*self._sent))

    def _needs(self, candidate: Candidate) -> int:
        return 0  # Ray knows what is free

    def _send(self, worker: _Worker, job: Job) -> bool:
        worker.call = worker.actor.evaluate.options(num_returns="streaming").remote(job, needed(job))
        return True

    def _hear(self, patience_s: float | None) -> None:
        waiting = [worker.call for worker in self._pool if worker.call is not None]
        ray.wait(waiting, timeout=LOOK_S if patience_s is None else min(LOOK_S, patience_s))
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for worker in [worker for worker in self._pool if worker.call in ready]:
            self._listen(worker)
        if ready or any(worker.ready for worker in self._pool):
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > PATIENCE_S:
            raise ExecutorError(self._no_room())

    def _has_more(self, worker: _Worker) -> bool:
        return bool(ray.wait([worker.call], timeout=0)[0])

    def _listen(self, worker: _Worker) -> None:
        try:
            if worker.job is None:
                worker.node, place, wrong = ray.get(worker.call)
                if wrong:
                    raise ExecutorError(f"a worker cannot set up the evaluator: {wrong}")
                worker.call = None
                self._is_up(worker, place)
                return
            word, *data = ray.get(next(worker.call))
        except (RayError, StopIteration) as error:
            self._bury(worker, error)
            return
        if word == "report":
            self._take_report(worker, *data)
        else:
            worker.call = None
            self._take_home(worker, *data)

    def _take_home(
        self, worker: _Worker, metrics: dict[str, float], failed: tuple[Any, str] | None, seconds: float, made: Mapping[str, bytes]
    ) -> None:
        """Take in a result, and write the files that come with it."""
        failure = None if failed is None else Failure(*failed)
        try:
            for path, content in () if self._is_late(seconds) else made.items():
                with whole(Path(path)) as draft:
                    draft.write_bytes(content)
        except OSError as error:
            metrics, failure = {}, failure_of(error)
        self._take_result(worker, metrics, failure, seconds)

    def _end(self, worker: _Worker) -> None:
        ray.kill(worker.actor)

    def _bury(self, worker: _Worker, error: Exception) -> None:
        """Replace a worker that is gone; what it was at is tried again, first of all, unless it has died of that often enough."""
        gone = NODE_DIED in str(error) or worker.node in {node["NodeID"] for node in ray.nodes() if not node["Alive"]}
        job = worker.job
        if job is not None:
            self._deaths[job.trial] += not gone
            if self._deaths[job.trial] < MAX_TRIES:
                self._put_back(worker, job)
            else:
                self._finish(worker, {}, died(error))
        elif not gone:
            self._count_false_start(why(error))
        self._replace(worker)


def evaluator_kit(evaluator: Evaluator, files: Sequence[str], places: Mapping[str, str]) -> tuple[Kit, Wanted | None]:
    """What makes an evaluator elsewhere, and which data it wants beside that, which are better sent once for all.

    Raises:
        ExecutorError: it cannot be sent.
    """
    options = {name: found_again(value) for name, value in options_of(evaluator).items() if any(map(is_source, texts(value)))}
    options |= places
    if not isinstance(evaluator, Options):
        return pack(evaluator, files, options), None
    return pack(evaluator, files, {name: value for name, value in options.items() if name not in ("data", "data_dir")}), evaluator.wanted


def needed(job: Job) -> dict[str, bytes]:
    """The files that a job begins with, by path: weights of its own, of the rung below, of its parent."""
    start = None if job.rung is None else job.rung[3]
    paths = [job.weights, start, None if job.parent is None else job.parent[1]]
    return {path: Path(path).read_bytes() for path in paths if path is not None and Path(path).is_file()}


def died(error: Exception) -> Failure:
    """The failure of a candidate of which workers die."""
    memory = "memory pressure" in str(error) or "OutOfMemory" in type(error).__name__
    return Failure("out_of_memory" if memory else "crashed", f"{MAX_TRIES} workers died of it, the last: {why(error)}")


def why(error: Exception) -> str:
    """What Ray says of the end of a worker, in short."""
    text = " ".join(str(error).split())
    return (text.partition("Worker exit detail:")[2] or text)[:200].strip()


@contextmanager
def alone() -> Iterator[None]:
    """Within this block Ray starts for this machine alone, with a token that only its own processes have."""
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    with told({**ALONE, "RAY_AUTH_TOKEN": secrets.token_hex(32)}):
        ray_constants.ENABLE_RAY_CLUSTER = False
        try:
            yield
        finally:
            ray_constants.ENABLE_RAY_CLUSTER = clusters


@contextmanager
def told(variables: Mapping[str, str]) -> Iterator[None]:
    """Within this block Ray finds these in the environment; it forgets the token of a Ray before."""
    before = {name: os.environ.get(name) for name in (*variables, "RAY_AUTH_MODE")}  # which Ray itself sets when it begins
    os.environ.update(variables)
    AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
