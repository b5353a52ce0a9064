"""An evaluator of one's own: what it may leave out, and what it is told when it is wrong."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from archsearch import export
from archsearch.cli import run
from archsearch.evaluators.base import Candidate, EvaluatorError, Report, check_evaluator, said, setting_of
from archsearch.exporters.base import ExportError
from archsearch.runs.executor import ExecutorError
from archsearch.runs.processes import Processes
from archsearch.runs.store import open_run
from archsearch.runs.tabulate import tabulate
from tests.evaluators import Formula
from tests.runs import small_search, small_space
from tests.test_executor import candidate, gather


@dataclass(frozen=True)
class Least:
    """Nothing but what is asked for; saves no weights."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        return {"error": 1 / (2 + candidate.trial)}


@dataclass(frozen=True)
class Silent(Least):
    """Its test measures nothing."""

    keeps_weights = False

    def test(self, candidate: Candidate) -> dict[str, float]:
        return {}


def test_an_evaluator_may_leave_out_all_but_evaluate(tmp_path: Path) -> None:
    assert [said(Least(), name) for name in ("metrics", "batch", "optimizer", "task")] == [("error",), 1, "sgd", ""]
    assert setting_of(Least()) == {}
    done = small_search(tmp_path / "run", evaluator=Least(), trials=3)  # type: ignore[arg-type]
    assert [trial.metrics["error"] for trial in done.trials] == [1 / 2, 1 / 3, 1 / 4]
    assert done.tests == {}
    assert tabulate(small_space(), Least(), tmp_path / "t.npz", sample=2, seeds=1).is_file()


def test_weights_that_no_evaluator_saved_are_said_so_at_export(tmp_path: Path) -> None:
    done = small_search(tmp_path / "run", evaluator=Least(), trials=2)  # type: ignore[arg-type]
    with pytest.raises(ExportError, match=r"were not kept: its evaluator saved none in candidate\.weights"):
        export(done.front()[0], tmp_path / "model")


def test_a_test_that_measures_nothing_is_no_failure(tmp_path: Path) -> None:
    done = small_search(tmp_path / "run", evaluator=Silent(), trials=2)  # type: ignore[arg-type]
    assert done.front()
    assert done.tests == {}, "an empty one stands for a final training that failed"


def wrong(**attributes: Any) -> object:
    return dataclass(frozen=True)(type("Wrong", (Least,), attributes))()


class Optioned:
    def __init__(self, epochs: int = 3) -> None:
        self.epochs = epochs

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        return {"error": 0.5}


def broken(self: object) -> Any:
    raise KeyError("no such file")


WRONG: dict[str, tuple[object, str]] = {
    "no evaluate": (object(), "object has no method evaluate(self, candidate, report)"),
    "evaluate is None": (wrong(evaluate=None), "Wrong has no method evaluate"),
    "evaluate of one": (wrong(evaluate=lambda self, candidate: {}), "Wrong.evaluate takes other arguments; it must be evaluate(self, cand"),
    "evaluate of four": (wrong(evaluate=lambda self, candidate, report, more: {}), "Wrong.evaluate takes other arguments"),
    "evaluate is a number": (wrong(evaluate=3), "Wrong.evaluate is 3; it must be a method"),
    "test of none": (wrong(test=lambda self: {}), "Wrong.test takes other arguments; it must be test(self, candidate)"),
    "setting of one": (wrong(setting=lambda self, data: {}), "Wrong.setting takes other arguments; it must be setting(self)"),
    "setting is a dict": (wrong(setting={"classes": 3}), "Wrong.setting is {'classes': 3}; it must be a method"),
    "check of none": (wrong(check=lambda self: None), "Wrong.check takes other arguments"),
    "metrics is a text": (wrong(metrics="error"), "Wrong.metrics is 'error'; it must be a tuple of names"),
    "metrics is a list": (wrong(metrics=["error"]), "Wrong.metrics is ['error']; it must be a tuple of names"),
    "metrics are numbers": (wrong(metrics=(1,)), "Wrong.metrics is (1,); it must be a tuple of names"),
    "metrics raises": (wrong(metrics=property(broken)), "Wrong.metrics raised KeyError: 'no such file'"),
    "batch is a text": (wrong(batch="32"), "Wrong.batch is '32'; it must be a whole number of at least 1"),
    "batch is zero": (wrong(batch=0), "Wrong.batch is 0; it must be a whole number"),
    "batch is a bool": (wrong(batch=True), "Wrong.batch is True; it must be a whole number"),
    "batch is a field": (wrong(batch=field(default=2.5), __annotations__={"batch": float}), "Wrong.batch is 2.5; it must be a whole"),
    "optimizer is unknown": (wrong(optimizer="lion"), "Wrong.optimizer is 'lion'; it must be one of sgd, "),
    "optimizer is a list": (wrong(optimizer=[]), "Wrong.optimizer is []; it must be one of sgd, "),
    "task is a number": (wrong(task=3), "Wrong.task is 3; it must be a text"),
    "a class": (Least, "the evaluator is the class Least; give an object, Least()"),
    "no dataclass": (Optioned(), "Optioned takes options that no run can record; make it a dataclass"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_an_evaluator_is_one_line_before_the_first_trial(name: str, tmp_path: Path) -> None:
    evaluator, words = WRONG[name]
    with pytest.raises(EvaluatorError, match=re.escape(words)) as told:
        small_search(tmp_path / "run", evaluator=evaluator)  # type: ignore[arg-type]
    assert "\n" not in str(told.value)
    assert len(str(told.value)) <= 300
    assert not (tmp_path / "run").exists()
    with pytest.raises(EvaluatorError, match=re.escape(words)):
        tabulate(small_space(), evaluator, tmp_path / "t.npz", sample=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gives", "words"), [(lambda self: 3, r"setting\(\) gave 3; it must give values by name"), (broken, "setting raised KeyE")]
)
def test_a_setting_that_is_none_is_one_line(gives: Any, words: str) -> None:
    evaluator = wrong(setting=gives)
    check_evaluator(evaluator)
    with pytest.raises(EvaluatorError, match=rf"Wrong\.{words}"):
        setting_of(evaluator)


FILE = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Bare:
    def evaluate(self, candidate, report):
        return {"error": 1 / (2 + candidate.trial)}


@dataclass(frozen=True)
class Own(Bare):
    data: str = "none"


@dataclass(frozen=True)
class Needs(Bare):
    data: str
    size: int


@dataclass(frozen=True)
class Raises(Bare):
    def __post_init__(self):
        raise ZeroDivisionError("a bug")


class Plain:
    def __init__(self, size):
        self.size = size

    def evaluate(self, candidate, report):
        return {"error": 0.5}


class Nothing:
    pass


def function():
    return Bare()
"""


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("Bare", ["--data", "digits"], "has no field data; leave --data out"),
        ("Needs", [], "needs size: give --evaluator-set size=VALUE"),
        ("Raises", [], "ZeroDivisionError: a bug"),
        ("Plain", [], "needs size: give --evaluator-set size=VALUE"),
        ("Plain", ["--evaluator-set", "size=3"], "Plain takes options that no run can record; make it a dataclass"),
        ("Nothing", [], "Nothing has no method evaluate"),
        ("function", [], "is no class; give an evaluator of your own as file.py:Class"),
        ("Bare", ["--evaluator-set", "size=3"], "has no setting 'size'; it takes none"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    name: str, options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(FILE, encoding="utf-8")
    command = ["search", "chain", "--evaluator", f"{tmp_path / 'mine.py'}:{name}", "--out", str(tmp_path / "x"), "-q", *options]
    assert run(command) != 0
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "options", "data"),
    [
        ("Bare", [], None),
        ("Own", [], "none"),
        ("Own", ["--data", "mine"], "mine"),
        ("Needs", ["--evaluator-set", "size=3"], "digits"),
    ],
)
def test_the_command_line_gives_data_to_what_takes_them(name: str, options: list[str], data: str | None, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE, encoding="utf-8")
    command = ["search", "chain", "--evaluator", f"{tmp_path / 'mine.py'}:{name}", "--out", str(tmp_path / "x"), "--trials", "1"]
    assert run([*command, "-q", "--workers", "0", "--strategy", "random", *options]) == 0
    assert open_run(tmp_path / "x").record.evaluator_options.get("data") == data


@dataclass(frozen=True)
class Loading(Formula):
    """Reads its data through two processes of torch; trial 1 never ends while they are at work."""

    folder: str = ""

    def setting(self) -> dict[str, Any]:
        import torch.utils.data  # slow: before the clock of any trial

        assert torch.utils.data.DataLoader
        return super().setting()

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        from torch.utils.data import DataLoader

        seen = 0
        for pids in DataLoader(Pids(), batch_size=2, num_workers=2, persistent_workers=True):  # type: ignore[arg-type,var-annotated]
            for pid in pids.tolist():
                (Path(self.folder) / str(pid)).touch()
            seen += len(pids)
            if candidate.trial == 1 and seen == 8:
                time.sleep(600)
        return {"error": 1 / seen}


class Pids:
    """Eight samples that say which process read them."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        return os.getpid()


def alive(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.iterdir() if runs(int(file.name))}


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def assert_gone(folder: Path) -> None:
    until = time.monotonic() + 30
    while alive(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(list(folder.iterdir())) >= 2
    assert not alive(folder)


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="asks /proc which processes live")
@pytest.mark.parametrize("trial", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_children_of_a_worker_end_with_it(trial: int, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    executor = Processes(Loading(folder=str(pids)), 1, timeout_s=60 if trial == 0 else 12)
    executor.submit(candidate(trial, tmp_path))
    outcome = gather(executor, 1)[trial]
    if trial == 0:
        assert outcome.metrics == {"error": 1 / 8}, outcome.failure
    else:
        assert outcome.failure is not None
        assert outcome.failure.kind == "timeout"
    assert os.getpid() not in {int(file.name) for file in pids.iterdir()}
    assert_gone(pids)


@dataclass(frozen=True)
class Locked(Formula):
    """Holds what no pickle can."""

    lock: Any = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Unready(Formula):
    """Its data are not there."""

    def setting(self) -> dict[str, Any]:
        raise KeyError("no such images")


def test_an_evaluator_that_cannot_be_sent_is_one_line() -> None:
    with pytest.raises(ExecutorError, match=r"^evaluator Locked cannot be sent to a worker \(.*lock.*\); define its class .* workers=0$"):
        Processes(Locked(), 1)


def test_an_evaluator_whose_set_up_raises_is_one_line(tmp_path: Path) -> None:
    executor = Processes(Unready(), 1)
    executor.submit(candidate(0, tmp_path))
    with pytest.raises(
        ExecutorError, match=r"^a worker cannot set up the evaluator: .*Unready\.setting raised KeyError: 'no such images'$"
    ):
        executor.wait()
    executor.close()
