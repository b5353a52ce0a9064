"""Evaluations by Ray: the same trials as by processes, whatever dies, and nothing from a disk that machines would share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.evaluators.base import Candidate, Evaluator
from archsearch.evaluators.train import Train
from archsearch.fidelity import Fidelity
from archsearch.runs.executor import ExecutorError
from archsearch.runs.placement import Placement
from archsearch.runs.record import Prefilter, Record
from archsearch.runs.search import resume, search
from archsearch.runs.store import Run, open_run
from archsearch.spaces.space import load_space
from archsearch.strategies import Evolution, Random
from archsearch.support.parts import load_part
from tests.evaluators import Deadly, Failing, Formula, Stillborn
from tests.faults.kills import belonging
from tests.runs import assert_same_run, own_space, small_search, small_space, table

ray = pytest.importorskip("ray", reason='needs Ray: pip install "archsearch[ray]"')
from ray.cluster_utils import Cluster as Machines  # noqa: E402

from archsearch.runs.cluster import Cluster, alone  # noqa: E402

TREE = Path(__file__).parents[1]
BY_RAY = Placement("ray", cpus_per_trial=1)
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """A cluster of two machines on this one, with two cores each, to which this process is connected."""
    with pytest.MonkeyPatch.context() as patch, alone():
        patch.setenv("RAY_AUTH_MODE", "disabled")
        found = Machines(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        found.add_node(num_cpus=2)
        ray.init(address=found.address, log_to_driver=False, logging_level="error")
    yield found
    ray.shutdown()
    found.shutdown()


def candidate(number: int, folder: Path, **more: Any) -> Candidate:
    genotype = small_space().sample(np.random.default_rng(number)).genotype
    return Candidate(number, genotype, seed=number, weights=folder / f"{number}.weights", **more)


def gathered(executor: Cluster, count: int) -> dict[int, Any]:
    try:
        return {outcome.trial: outcome for outcome in (executor.wait() for _ in range(count))}
    finally:
        executor.close()


def weights(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "weights").iterdir())}


@slow
def test_a_search_by_ray_is_the_search_by_processes(machines: Machines, tmp_path: Path) -> None:
    evaluator = Train(epochs=2)
    space = load_space("chain", **evaluator.setting())
    options: dict[str, Any] = {"fidelity": Fidelity("epochs", (1, 2), "halving"), "inherit": True, "prefilter": Prefilter(2, ("params",))}
    for name, placement in (("ray", BY_RAY), ("processes", None)):
        strategy = Evolution(population=3, tournament=2)
        search(space, strategy, evaluator, trials=5, out=tmp_path / name, placement=placement, **options)
    assert_same_run(tmp_path / "ray", tmp_path / "processes")
    assert weights(tmp_path / "ray") == weights(tmp_path / "processes")
    assert any("inherited" in trial.metrics for trial in open_run(tmp_path / "ray").trials)
    assert open_run(tmp_path / "ray").record.placement == BY_RAY


@slow
def test_a_run_goes_on_elsewhere_as_it_would_have_gone_on(machines: Machines, tmp_path: Path) -> None:
    strategy = Evolution(population=10, tournament=4)
    small_search(tmp_path / "whole", strategy, trials=30)
    small_search(tmp_path / "parts", Evolution(population=10, tournament=4), trials=11)
    for trials, workers, placement in ((20, 1, BY_RAY), (30, 0, Placement())):
        parts = (small_space(), Evolution(population=10, tournament=4), Formula())
        resume(tmp_path / "parts", *parts, trials=trials, workers=workers, placement=placement)
    for name in ("trials", "curves", "refusals", "notes"):  # tests are of every front that there was
        assert table(tmp_path / "whole", name) == table(tmp_path / "parts", name)


@slow
def test_a_worker_that_dies_costs_no_trial(machines: Machines, tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", Random(), Deadly(folder=str(tmp_path), always=5), workers=2, trials=8, placement=BY_RAY)
    calm = small_search(tmp_path / "calm", Random(), Formula(), trials=8)
    assert (tmp_path / "2").exists()
    failed = run.trial(5).failure
    assert failed is not None
    assert failed.kind == "crashed"
    assert failed.message.startswith("3 workers died of it, the last: ")
    for trial in run.trials:
        if trial.number != 5:
            assert trial.metrics == calm.trial(trial.number).metrics


@slow
def test_a_machine_that_goes_away_costs_no_trial(machines: Machines, tmp_path: Path) -> None:
    away = machines.add_node(num_cpus=4)
    machines.wait_for_nodes()
    gone = []

    def progress(at: Any) -> None:
        if at.done >= 5 and not gone:
            machines.remove_node(away, allow_graceful=False)
            gone.append(at.done)

    evaluator = Formula(seconds=0.2)
    run = small_search(tmp_path / "run", Random(), evaluator, placement=BY_RAY, progress=progress, workers=6, trials=18)
    small_search(tmp_path / "calm", Random(), Formula(), trials=18)
    assert gone
    assert len(run.trials) == 18
    assert not run.failures
    assert_same_run(tmp_path / "run", tmp_path / "calm")


OWN = """
from dataclasses import dataclass
from pathlib import Path

from beside import LEVEL


@dataclass(frozen=True)
class Mine:
    here: str = ""
    data: str = ""

    def evaluate(self, candidate, report):
        assert not str(candidate.weights).startswith(self.here), candidate.weights
        assert not __file__.startswith(self.here), __file__
        assert not self.data.startswith(self.here), self.data
        candidate.weights.write_bytes(Path(self.data).read_bytes())
        return {"error": LEVEL}
"""


@slow
def test_users_files_data_and_weights_travel(machines: Machines, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "beside.py").write_text("LEVEL = 0.25\n")
    (home / "mine.py").write_text(OWN)
    (home / "data.bin").write_bytes(b"some data")
    mine = load_part("evaluator", f"{home / 'mine.py'}:Mine", {})(here=str(tmp_path), data=str(home / "data.bin"))
    executor = Cluster(mine, 1, files=[str(home / "mine.py")], places={"data": str(home / "data.bin")})
    executor.submit(candidate(0, tmp_path))
    for path in home.iterdir():  # all that is needed has been sent
        path.unlink()
    outcome = gathered(executor, 1)[0]
    assert (outcome.metrics, outcome.failure) == ({"error": 0.25}, None)
    assert (tmp_path / "0.weights").read_bytes() == b"some data"


@slow
def test_a_data_set_travels(machines: Machines, tmp_path: Path) -> None:
    labels = np.arange(90) % 3
    file = tmp_path / "images.npz"
    np.savez(
        file,
        images=np.random.default_rng(0).integers(0, 255, (90, 8, 8, 1), dtype=np.uint8),
        labels=labels,
    )
    evaluator = Train(data=str(file), epochs=1, batch=8)
    genotype = load_space("chain", **evaluator.setting()).sample(np.random.default_rng(0)).genotype
    executor = Cluster(evaluator, 1)
    executor.submit(Candidate(0, genotype, seed=0, weights=tmp_path / "0.safetensors"))
    file.unlink()
    executor.submit(Candidate(0, genotype, seed=0, weights=tmp_path / "0.safetensors"), "test")
    first, second = (executor.wait() for _ in range(2))
    executor.close()
    assert first.failure is second.failure is None, (first.failure, second.failure)
    assert {"error", "loss"} <= first.metrics.keys() & second.metrics.keys()


@slow
def test_a_space_of_ones_own_is_searched(machines: Machines, tmp_path: Path) -> None:
    run = search(
        own_space(tmp_path, "travelling_noise"), Random(), Train(epochs=1), trials=3, workers=2, out=tmp_path / "run", placement=BY_RAY
    )
    assert [trial.failure for trial in run.trials] == [None] * 3


@slow
def test_failures_are_data(machines: Machines, tmp_path: Path) -> None:
    executor = Cluster(Failing(), 2, timeout_s=1.5)
    for number in (2, 3, 4, 5, 6, 8):
        executor.submit(candidate(number, tmp_path))
    outcomes = gathered(executor, 6)
    kinds = {number: outcome.failure and outcome.failure.kind for number, outcome in outcomes.items()}
    assert kinds == {2: "out_of_memory", 3: "diverged", 4: "diverged", 5: "timeout", 6: "crashed", 8: None}
    assert outcomes[5].failure.message == "over the limit of 1.5 s"
    assert len(outcomes[8].curve) == 3


@slow
def test_a_result_that_is_heard_late_is_one(machines: Machines, tmp_path: Path) -> None:
    executor = Cluster(Formula(seconds=0.3), 1, timeout_s=1.5)
    executor.submit(candidate(0, tmp_path))
    executor.submit(candidate(1, tmp_path))
    assert executor.wait().failure is None
    time.sleep(3)  # as a strategy that thinks
    assert gathered(executor, 1)[1].failure is None


@slow
@pytest.mark.parametrize(
    ("evaluator", "says"),
    [(Stillborn(), "workers die while they start"), (Train(data="nowhere.npz"), r"no file nowhere.npz")],
    ids=["dies", "no data"],
)
def test_workers_that_cannot_start_end_the_search(machines: Machines, evaluator: Evaluator, says: str, tmp_path: Path) -> None:
    executor = Cluster(evaluator, 1)

    def ask() -> None:
        executor.submit(candidate(0, tmp_path))
        executor.wait()

    with pytest.raises((ExecutorError, ValueError), match=says):
        ask()
    executor.close()


def listening(mark: str) -> set[str]:
    """Addresses, in hex, at which these processes listen."""
    sockets = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes():
                sockets |= {str(link.readlink()) for link in (folder / "fd").iterdir()}
        except OSError:
            continue
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


@slow
def test_from_the_command_line_ray_keeps_to_this_machine_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    mark, home = uuid.uuid4().hex, tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "MARK": mark, "HOME": str(home)}
    words = ["search", "chain", "--executor", "ray", "--workers", "2", "--trials", "40", "--evaluator-set", "epochs=1", "--out", "run"]
    command = [sys.executable, str(TREE / "cli.py"), *words]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 60
    while not ((tmp_path / "run" / "run.json").is_file() and open_run(tmp_path / "run").trials) and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    addresses = listening(mark)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, ""), err
    assert "archsearch resume run` goes on" in err
    assert "Traceback" not in err
    assert addresses
    assert addresses <= LOOPBACK
    for _ in range(50):
        if not belonging(mark):
            break
        time.sleep(0.1)
    assert belonging(mark) == []
    assert not (home / ".ray").exists()
    done: Run = open_run(tmp_path / "run")
    assert done.record.placement == Placement("ray")


def test_what_cannot_be_is_refused() -> None:
    for options, says in (
        ({"executor": "slurm"}, "unknown executor 'slurm'"),
        ({"address": "auto"}, "are for Ray; give executor ray"),
        ({"executor": "ray", "cpus_per_trial": 1.5}, "must be a share of one"),
        ({"executor": "ray", "gpus_per_trial": float("nan")}, "must be a share of one"),
        ({"executor": "ray", "address": "ray://head:10001"}, "search on a machine of the cluster"),
    ):
        with pytest.raises(ValueError, match=says):
            Placement(**options)  # type: ignore[arg-type]


def test_a_record_keeps_where_a_run_was_evaluated(tmp_path: Path) -> None:
    record = small_search(tmp_path / "run", trials=1).record
    assert record.placement == Placement()
    far = Placement("ray", "10.0.0.1:6379", 2, 0.25)
    text = record.to_json().replace('"executor": "processes"', '"executor": "ray"').replace('"address": ""', '"address": "10.0.0.1:6379"')
    text = text.replace('"cpus_per_trial": 1.0', '"cpus_per_trial": 2').replace('"gpus_per_trial": 0.0', '"gpus_per_trial": 0.25')
    assert Record.from_json(text).placement == far
    with pytest.raises(ValueError, match="the placement"):
        Record.from_json(text.replace('"address"', '"adress"'))
