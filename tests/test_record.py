"""What a run carries: fingerprints of data and files, what export needs, places; a start that fails, and files that are hostile."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sqlite3
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archsearch.cli import run as command
from archsearch.data.description import Description, description_of
from archsearch.evaluators import EVALUATORS, load_evaluator
from archsearch.evaluators.base import Candidate, Report
from archsearch.evaluators.train import Train
from archsearch.exporters import FORMATS, ExportError, export_trial
from archsearch.ops.base import OPS
from archsearch.runs.database import connect
from archsearch.runs.identity import METHODS
from archsearch.runs.owner import Lock
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Record
from archsearch.runs.search import load_method, resume, search
from archsearch.runs.store import LockedError, Run, Store, StoreError, open_run
from archsearch.spaces.space import SpaceError, load_space, space_names
from archsearch.strategies import STRATEGIES, Evolution, Exhaustive, Random
from archsearch.supernets import SUPERNETS
from archsearch.supernets.budgeted import Budgeted
from archsearch.support.option_json import alike, from_plain, to_plain
from archsearch.support.parts import current, name_of
from archsearch.tasks import TASKS
from archsearch.training.checkpoint import restore_optimizer
from archsearch.training.failures import CheckpointError
from tests.evaluators import Formula, Stillborn
from tests.runs import OPTIONS, made, small_search, small_space, table
from tests.warm import run_python

TREE = Path(__file__).parents[1]
NET = """
from archsearch import Builder, Genotype, Pick
from archsearch.ops import Conv2d, Flatten, GlobalAvgPool2d, Linear


def space(pick: Pick, *, classes: int = 3, input: tuple[int, int, int] = (1, 8, 8)) -> Genotype:
    b = Builder(input)
    x = b(Conv2d(pick("width", [2, 3, 4, 5, 6, 7, 8, 9])), b.input)
    return b.genotype(b(Linear(classes), b(Flatten(), b(GlobalAvgPool2d(), x))))
"""
OWN_OP = NET.replace(
    "b(GlobalAvgPool2d(), x)",
    "b(GlobalAvgPool2d(), b(Twice(), x))",
).replace(
    "\n\ndef space",
    """
from dataclasses import dataclass
from archsearch import Op, register


@register("twice_of_a_test")
@dataclass(frozen=True)
class Twice(Op):
    def infer(self, x):
        return x

    def build(self, layers, x):
        return layers.Identity()


def space""",
)
JUDGE = """
from dataclasses import dataclass

from archsearch.data.description import Description


@dataclass(frozen=True)
class Judge:
    batch: int = 1
    optimizer: str = "sgd"
    data: str = "d.npz"
    metrics = ("error",)

    def setting(self):
        return {}

    def evaluate(self, candidate, report):
        return {"error": 1 / (1 + candidate.choices["width"])}

    def test(self, candidate):
        return {}
"""


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    """What a command that ends with this code says on both streams."""
    found = command(arguments)
    said = capsys.readouterr()
    assert found == code, said.err
    if code:
        assert said.err.count("\n") == 1
    return said.out + said.err


def images(path: Path, seed: int = 0, count: int = 60) -> str:
    labels = np.arange(count) % 3
    pixels = np.random.default_rng(seed).integers(0, 60, (count, 8, 8)) + 60 * labels[:, None, None]
    np.savez(path, images=pixels.astype(np.uint8), labels=labels)
    return str(path)


# Contracts of every registry


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_recorded_by_the_name_that_loads_it(name: str) -> None:
    assert name_of(made(name), METHODS) == name
    assert type(load_method(name)(**OPTIONS.get(name, {}))) is type(made(name))


@pytest.mark.parametrize("name", SUPERNETS)
def test_a_supernet_is_recorded_by_the_name_that_loads_it(name: str) -> None:
    assert name_of(load_method(name)(), METHODS) == name


@pytest.mark.parametrize("name", EVALUATORS)
def test_an_evaluator_is_recorded_by_the_name_that_loads_it(name: str) -> None:
    assert name_of(load_evaluator(name)(), EVALUATORS) == name


def test_what_an_earlier_version_called_by_its_module_is_found() -> None:
    assert current("archsearch.strategies.graph_gp.strategy:GraphGP", METHODS) == "graph_gp"
    assert current("archsearch.strategies.graph_gp.strategy:Other", METHODS) == "archsearch.strategies.graph_gp.strategy:Other"
    assert current("mine.py:GraphGP", METHODS) == "mine.py:GraphGP"


def test_ops_tasks_spaces_and_exporters_are_called_as_they_are_registered() -> None:
    assert {op.kind: op for op in OPS.values()} == OPS
    assert {task.name: task for task in TASKS.values()} == TASKS
    assert [load_space(name).source for name in space_names()] == space_names()
    assert all(file == Path(file).name for form in FORMATS.values() for file in form.files)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_resumes_by_the_command_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = [part for option, value in OPTIONS.get(name, {}).items() for part in ("--strategy-set", f"{option}={value}")]
    begin = ["search", "small_cell", "--evaluator", "table", "--data", "small_cell-digits", "--objective", "error", "--strategy", name]
    for out, trials in (("whole", "6"), ("half", "3")):
        told([*begin, *options, "--trials", trials, "--workers", "0", "-q", "--out", out], capsys)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told(["resume", "../half", "--trials", "6", "-q"], capsys)
    assert table(tmp_path / "whole", "trials") == table(tmp_path / "half", "trials")


@pytest.mark.parametrize("name", SUPERNETS)
def test_every_supernet_resumes_by_the_command_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"budgeted": ["walk=1,0.9", "warm=1", "again=1", "tune=1"], "fabric": ["tune=1"], "darts": ["tune=1", "points=2"]}[name]
    settings = ["--set", "layers=3", "--set", "scales=2", "--set", "channels=4", "--max-macs", "2M"]
    words = [*settings, *(part for option in options for part in ("--strategy-set", option)), "--evaluator-set", "epochs=2"]
    told(["search", "fabric", "--strategy", name, *words, "--trials", "1", "--workers", "0", "-q", "--out", "run"], capsys)
    before = table(tmp_path / "run", "trials")
    told(["resume", "run", "--trials", "2", "-q"], capsys)
    run = open_run("run")
    assert len(before) == 1
    assert len(run.trials) == 2 or run.refusals.total()  # points may be one network


# Options


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.builds(Path, st.text("abc/.", min_size=1)),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(VALUES)
def test_options_come_back_as_they_were(value: object) -> None:
    back = from_plain(json.loads(json.dumps(to_plain(value, "x"))))
    assert back == value
    assert type(back) is type(value)
    assert alike(back, value)


@dataclass
class Owning(Random):
    """A strategy with an option of any kind."""

    what: Any = None


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), np.zeros(3), b"x"], ids=lambda value: type(value).__name__)
def test_an_option_that_cannot_be_kept_is_refused_before_there_is_a_folder(value: object, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="cannot be recorded"):
        small_search(tmp_path / "run", Owning(value))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [[1, 2.5], ("a",), Path("/somewhere"), {"a": [1]}, np.int64(3)], ids=repr)
def test_a_run_with_options_of_every_kind_is_resumed(value: object, tmp_path: Path) -> None:
    small_search(tmp_path / "run", Owning(value), trials=2)
    assert len(resume(tmp_path / "run", small_space(), Owning(value), Formula(), trials=3).trials) == 3


def test_lists_of_a_supernet_and_paths_of_data_are_kept(tmp_path: Path) -> None:
    assert Train(data=Path("digits")) == Train()  # type: ignore[arg-type]
    evaluator, walk = Train(epochs=1), [1.0]
    space = load_space("fabric", layers=2, scales=2, channels=(4,), **evaluator.setting())
    part = lambda: Budgeted(walk=walk, warm=0, tune=1, again=1)  # type: ignore[arg-type]  # noqa: E731
    search(space, part(), evaluator, trials=1, workers=0, out=tmp_path / "run")
    assert open_run(tmp_path / "run").record.strategy_options["walk"] == [1.0]
    assert resume(tmp_path / "run", space, part(), evaluator, trials=1).trials


# A start that fails


@dataclass
class Interrupting(Random):
    """Asks until it is interrupted, or does not work."""

    error: str = "KeyboardInterrupt"
    after: int = 0
    _asked: int = field(default=0, init=False)

    def ask(self, rng: np.random.Generator) -> dict[str, Any]:
        self._asked += 1
        if self._asked > self.after:
            raise {"KeyboardInterrupt": KeyboardInterrupt, "OSError": OSError, "TypeError": TypeError}[self.error]("now")
        return {}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, TypeError])
def test_a_start_that_fails_leaves_nothing_and_one_that_began_stays(error: type[BaseException], tmp_path: Path) -> None:
    out, kept = tmp_path / "a" / "b" / "run", []
    with pytest.raises(error, match="now") as caught:
        small_search(out, Interrupting(error.__name__))
    kept.append(caught)  # as a notebook keeps the last exception, and with it all that it holds open
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(error, match="now"):
        small_search(out, Interrupting(error.__name__, after=1))
    assert len(open_run(out).trials) == 1
    with pytest.raises(StoreError, match="exists already"):
        small_search(out, trials=1)


def test_whatever_hinders_a_start_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="too many to try all"):
        small_search(tmp_path / "run", Exhaustive(), space=load_space("chain"))
    with pytest.raises(Exception, match="workers die while they start"):
        small_search(tmp_path / "run", evaluator=Stillborn(), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays_and_what_others_put_there_too(tmp_path: Path) -> None:
    (tmp_path / "run" / "weights").mkdir(parents=True)
    (tmp_path / "run" / "weights" / "mine.safetensors").write_text("precious")
    with pytest.raises(KeyboardInterrupt, match="now"):
        small_search(tmp_path / "run", Interrupting())
    assert [path.name for path in (tmp_path / "run").rglob("*")] == ["weights", "mine.safetensors"]


def test_a_folder_that_another_process_begins_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    holder = Lock(tmp_path / "run")
    with pytest.raises(LockedError, match="is being written by process"):
        small_search(tmp_path / "run")
    assert (tmp_path / "run" / "run.lock").is_file()
    holder.close()


# Data and files


def test_what_a_run_exports_needs_no_data_no_evaluator_and_no_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    proof = tmp_path / "proof"
    Path("mine.py").write_text(NET)
    source = "from archsearch.evaluators.train import Train\n\n\nclass Mine(Train):\n    pass\n"
    Path("judge.py").write_text(source)
    images(tmp_path / "d.npz")
    told(["search", "mine.py", "--data", "d.npz", "--evaluator", "judge.py:Mine", "--evaluator-set", "epochs=1", "--trials", "2",
          "--strategy", "random", "--workers", "0", "-q", "--out", "run"], capsys)  # fmt: skip
    [model] = Path("run/export").glob("*/model.py")
    spy = f"open({str(proof)!r}, 'w')\n"
    for file in (Path("mine.py"), Path("judge.py")):
        file.write_text(spy + file.read_text())
    images(tmp_path / "d.npz", seed=5)
    shutil.move("run", "moved")
    number = model.parent.name.removeprefix("trial-")
    for rest in (
        ["export", f"moved:{int(number)}", "--out", "again"],
        ["show", f"moved:{int(number)}"],
        ["show", "moved"],
        ["report", "moved"],
    ):
        done = run_python(str(TREE / "cli.py"), *rest, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert not proof.exists()
    again = (tmp_path / "again" / "model.py").read_text()
    assert again == (tmp_path / "moved" / "export" / model.parent.name / "model.py").read_text()
    assert 'CLASSES = ("0", "1", "2")' in again
    assert str(tmp_path) not in again


def test_resume_says_what_changed_and_takes_new_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("mine.py", NET), ("judge.py", JUDGE), ("way.py", "def way(history, space, rng):\n    return {}\n")):
        Path(name).write_text(text)
    images(tmp_path / "d.npz")
    told(["search", "mine.py", "--data", "d.npz", "--evaluator", "judge.py:Judge", "--strategy", "way.py:way", "--trials", "2",
          "--workers", "0", "-q", "--out", "run"], capsys)  # fmt: skip
    assert open_run("run").record.evaluator_options["data"] == str(tmp_path / "d.npz")
    (tmp_path / "new").mkdir()
    for name in ("mine.py", "judge.py", "way.py", "d.npz", "run"):
        shutil.move(name, f"new/{name}")
    monkeypatch.chdir("/")
    folder = str(tmp_path / "new" / "run")
    places: list[str] = []
    for option, file in (("space", "mine.py"), ("strategy", "way.py"), ("evaluator", "judge.py"), ("data", "d.npz")):
        assert f"say by --{option} where" in told(["resume", folder, *places, "-q"], capsys, 1)
        places += [f"--{option}", str(tmp_path / "new" / file)]
    told(["resume", folder, *places, "--trials", "3", "-q"], capsys)
    told(["resume", folder, "--trials", "4", "-q"], capsys)  # the new places are recorded
    for name, words in (("mine.py", "the file of space"), ("judge.py", "the file of evaluator"), ("way.py", "the file of strategy")):
        file = tmp_path / "new" / name
        before = file.read_text()
        file.write_text(f"{before}# more\n")
        assert words in told(["resume", folder, "--trials", "9", "-q"], capsys, 1)
        file.write_text(before)
    images(tmp_path / "new" / "d.npz", seed=1)
    assert "the data are not those that the run began with: other content" in told(["resume", folder, "--trials", "9", "-q"], capsys, 1)
    assert len(open_run(folder).trials) == 4
    assert "comes with archsearch" not in told(["resume", folder, "--evaluator-set", "epochs=3"], capsys, 1)


def test_whatever_a_users_class_raises_when_a_run_goes_on_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(NET)
    Path("judge.py").write_text(
        "from dataclasses import dataclass\nfrom pathlib import Path\n@dataclass(frozen=True)\nclass Judge:\n"
        "    def __post_init__(self):\n        if not Path('licence').exists():\n            raise RuntimeError('no\\nlicence')\n"
        "    def evaluate(self, candidate, report):\n        return {'error': 0.5}\n"
    )
    Path("licence").touch()
    told(["search", "mine.py", "--evaluator", "judge.py:Judge", "--trials", "1", "--workers", "0", "-q", "--out", "run"], capsys)
    Path("licence").unlink()
    assert "run/run.json: RuntimeError: no licence\n" in told(["resume", "run", "--trials", "2", "-q"], capsys, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: images(path, seed=3), "other pixels"),
        (lambda path: images(path, count=90), "training images 54, before 36"),
        (lambda path: path.unlink(), "no file .*; data elsewhere: say by --data"),
    ],
)
def test_a_run_does_not_go_on_with_other_images(change: Any, words: str, tmp_path: Path) -> None:
    train = Train(data=images(tmp_path / "d.npz"), epochs=1)
    space = load_space("small_cell", **train.setting())
    small_search(tmp_path / "run", Random(), train, space=space, trials=1, budget=None, objectives=("error",))  # type: ignore[arg-type]
    change(tmp_path / "d.npz")
    with pytest.raises(SearchError, match=words):
        resume(tmp_path / "run", space, Random(), train, trials=2)
    assert len(open_run(tmp_path / "run").trials) == 1


def test_evaluators_that_say_nothing_are_described_by_their_option_data(tmp_path: Path) -> None:
    assert description_of(Formula()) == Description()
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "a").write_text("a")

    @dataclass
    class Silent:
        data: str = str(folder)

    before = description_of(Silent())
    assert before.places == {"data": str(folder)}
    (folder / "b").write_text("b")
    assert description_of(Silent()).fingerprint != before.fingerprint
    Silent.describe = lambda self: 3  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"Silent.describe\(\) gave int; it must give a Description"):
        description_of(Silent())


def test_ops_of_a_runs_own_space_are_run_only_when_they_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own_op.py").write_text(OWN_OP)
    Path("judge.py").write_text(JUDGE)
    told(["search", "own_op.py", "--evaluator", "judge.py:Judge", "--strategy", "random", "--trials", "2", "--workers", "0", "-q",
          "--out", "run"], capsys)  # fmt: skip

    def shown(*rest: str) -> subprocess.CompletedProcess[str]:
        return run_python(str(TREE / "cli.py"), "show", "run:0", *rest, cwd=tmp_path)

    plain = shown()
    assert (plain.returncode, plain.stderr.count("\n")) == (2, 1)
    assert f"is of the run's own space; give that file, if you trust it: --ops {tmp_path / 'own_op.py'}" in plain.stderr
    assert shown("--ops", "own_op.py").returncode == 0
    Path("own_op.py").write_text(OWN_OP + "# more\n")
    assert "is not as it was when the run in run began" in shown("--ops", "own_op.py").stderr


# What earlier versions and others wrote


def test_a_run_of_an_earlier_version_opens_and_is_brought_up_to_date_by_resume(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=2)
    data = json.loads(run.record.to_json())
    for name in ("strategy_sha256", "evaluator_sha256", "description"):
        del data[name]
    (run.folder / "run.json").write_text("\ufeff" + json.dumps({**data, "format": "archsearch.run/1"}), encoding="utf-8")
    old = open_run(run.folder)
    assert old.record == replace(run.record, description=None)
    with pytest.raises(ExportError, match=r"a run of an earlier version.*`archsearch resume .*run` reads its data once and adds that"):
        export_trial(old, old.front()[0].number)
    assert resume(run.folder, small_space(), Evolution(population=10, tournament=4), Formula()).record.description == Description()


def test_the_example_run_is_whole() -> None:
    run = open_run(TREE / "results" / "example")
    assert run.record.description is not None
    assert run.record.description.input == (1, 8, 8)
    assert run.record == Record.from_json(run.record.to_json())
    assert len(run.trials) == run.record.trials


HOSTILE: list[tuple[str, str]] = [
    (
        "DROP TABLE curves; CREATE VIEW curves AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i, i, i FROM n",
        "curves",
    ),
    ("CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END", "'t' in it is not as archsearch makes it"),
    ("DROP TABLE timings", "'timings' in it is not as archsearch makes it"),
    ("ALTER TABLE trials ADD COLUMN more TEXT", "'trials' in it is not as archsearch makes it"),
    ("UPDATE trials SET fingerprint = x'00ff'", "number or fingerprint of a wrong type"),
    ("UPDATE trials SET metrics = x'00ff'", "expected a text of JSON"),
    ("UPDATE trials SET choices = '{\"a\": [1]}'", "choices must be texts"),
    ("UPDATE trials SET objectives = '[1, null]'", "objectives must be a list of finite numbers"),
    ("UPDATE trials SET metrics = '{\"error\": 1e999}'", "write a finite number"),
    ("UPDATE trials SET metrics = CAST(x'ff' AS TEXT)", "UTF-8"),
    ("UPDATE curves SET metrics = '[' || replace(hex(zeroblob(100000)), '00', '[') || ']'", "nested too deeply"),
    ("UPDATE curves SET trial = 'x'", "the number of a trial is none"),
]


@pytest.mark.parametrize(("change", "words"), HOSTILE, ids=[change[:40] for change, _ in HOSTILE])
def test_a_hostile_database_gets_one_short_line(change: str, words: str, tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=1)
    db = sqlite3.connect(run.folder / "run.db")
    db.executescript(change)
    db.close()
    with pytest.raises(StoreError, match=words) as caught:
        _ = open_run(run.folder).trials
    assert len(str(caught.value)) <= 300 + len(str(run.folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"space": "x\x1b[2J"}, '"space" of the run must be a text of at most 4,096 printable letters'),
        ({"space": "x" * 5000}, '"space" of the run must be a text of at most 4,096 printable letters'),
        ({"versions": {"a": 3}}, '"versions" of the run must be'),
        ({"objectives": []}, '"objectives" of the run must be'),
        ({"budget": {"a" * 4000: 1}}, "budget"),
        ({"settings": {"a": {"pickle": "x"}}}, "an option is an object of an unknown kind"),
        ({"settings": {"a": {"list": "x"}}}, "an option is an object of an unknown kind"),
        ({"settings": {"a": json.loads("[" * 30 + "]" * 30)}}, "an option is nested too deeply"),
        ({"description": 3}, "must be null or an object"),
        ({"description": {"task": ""}}, 'the description has no "classes"'),
    ],
)
def test_a_hostile_record_gets_one_short_line(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=1)
    (run.folder / "run.json").write_text(json.dumps({**json.loads(run.record.to_json()), "format": "archsearch.run/3", **change}))
    with pytest.raises(StoreError, match=words) as caught:
        open_run(run.folder)
    assert len(str(caught.value)) <= 300 + len(str(run.folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": [1.0]}, "1 means and 0 stds"),
        ({"mean": [0.5], "std": [0]}, "must be finite numbers, every std over 0"),
        ({"input": [1, -8]}, '"input" of the description must be a list of entries that are each a whole number of at least 1'),
        ({"classes": [3]}, '"classes" of the description must be a list of entries that are each a text'),
        ({"fingerprint": {"a": 1.5}}, '"fingerprint" of the description must be an object'),
        ({"places": []}, '"places" of the description must be an object'),
    ],
)
def test_a_damaged_description_gets_one_line(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Description.from_dict({**Description().to_dict(), **change})


def test_curves_and_trials_are_read_at_one_moment(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=2)
    store, genotype = Store(run.folder), run.genotype(1)

    class Torn(Run):
        """Another process records a trial whenever a query has been answered."""

        def _read(self, *queries: tuple[str, tuple[Any, ...]]) -> list[list[Any]]:
            rows = super()._read(*queries)
            store.add(replace(run.trials[1], number=len(table(run.folder, "trials"))), genotype, {}, 1.0)
            return rows

    read = Torn(run.folder, run.record).trials
    store.close()
    assert [len(trial.curve) for trial in read] == [3] * len(read)
    assert len(read) == 2


def test_run_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=2)
    before = (run.folder / "run.json").read_text()
    store = Store(run.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # the disk is full in the middle of it
    try:
        with pytest.raises(StoreError, match="File too large"):
            store.write_record(replace(run.record, trials=99))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
        store.close()
    assert (run.folder / "run.json").read_text() == before


@pytest.mark.parametrize("name", ["x/step", "7/step", "-1/step", f"{'9' * 5000}/step", "0/exp_avg"])
def test_a_checkpoint_with_hostile_names_gets_one_short_line(name: str) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(3))])
    with pytest.raises(
        CheckpointError, match=r"(which no weight of this network has|what AdamW does not); delete it to begin again"
    ) as caught:
        restore_optimizer(optimizer, {name: torch.zeros(2)})
    assert len(str(caught.value)) <= 300


# Trials


@dataclass(frozen=True)
class Seeing(Formula):
    """Measures the seed that it was given, and reports numbers that are none."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        report(0, {"error": float("nan"), "loss": float("inf"), "lr": 0.5})
        report(1, {"error": 0.25, "loss": 1.0, "lr": 0.1})
        return {"error": 0.5, "seed": float(candidate.seed)}


def test_the_seed_of_a_candidate_is_of_the_run_and_the_trial(tmp_path: Path) -> None:
    seeds = {seed: [trial.metrics["seed"] for trial in small_search(tmp_path / str(seed), evaluator=Seeing(), trials=3, seed=seed).trials]
             for seed in (0, 1)}  # fmt: skip
    assert len({*seeds[0], *seeds[1]}) == 6


def test_numbers_that_are_none_are_left_out_of_curves_and_the_rest_is_kept(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", evaluator=Seeing(), trials=1)
    assert run.trials[0].curve == ({"lr": 0.5}, {"error": 0.25, "loss": 1.0, "lr": 0.1})
    assert run.trials[0].ok


@dataclass(frozen=True)
class Ailing(Formula):
    """Fails in some trials as long as a file is there."""

    ill: str = ""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        metrics = super().evaluate(candidate, report)
        if Path(self.ill).exists() and candidate.trial in (1, 3):
            raise RuntimeError("the machine is not well")
        return metrics


@pytest.mark.parametrize("workers", [0, 2])
def test_failed_trials_are_tried_again(workers: int, tmp_path: Path) -> None:
    ill = tmp_path / "ill"
    ill.touch()
    parts = lambda: (small_space(), Random(), Ailing(ill=str(ill)))  # noqa: E731
    search(*parts(), objectives=("error", "params"), trials=5, workers=workers, out=tmp_path / "run")
    assert [trial.number for trial in open_run(tmp_path / "run").trials if trial.failure] == [1, 3]
    ill.unlink()
    assert len(resume(tmp_path / "run", *parts()).failures) == 1
    run = resume(tmp_path / "run", *parts(), retry_failed=True)
    assert not run.failures
    whole = search(*parts(), objectives=("error", "params"), trials=5, workers=0, out=tmp_path / "whole")
    for name in ("trials", "curves"):
        assert table(run.folder, name) == table(whole.folder, name)
    assert set(run.tests) >= {trial.number for trial in run.front()}  # those that left the front since were tested too


def test_a_run_in_which_all_failed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(NET)
    Path("judge.py").write_text(JUDGE.replace('return {"error"', 'raise ValueError("no good")\n        return {"error"'))
    begin = ["search", "mine.py", "--evaluator", "judge.py:Judge", "--strategy", "random", "--trials", "2", "--workers", "0", "-q"]
    words = "none of 2 trials has a result (2 crashed); the first failed with: ValueError: no good; `archsearch resume run --retry-failed`"
    assert words in told([*begin, "--out", "run"], capsys, 1)
    shown = told(["show", "run"], capsys)
    assert "failed: trials 0, 1 (crashed): ValueError: no good\nnone of 2 trials has a result" in shown
    assert "trial 1 failed (crashed): ValueError: no good" in told(["show", "run:1"], capsys)
    assert json.loads(told(["show", "run:1", "--json"], capsys))["failure"] == {"kind": "crashed", "message": "ValueError: no good"}
    db = connect(Path("run/run.db"))
    assert db.execute("SELECT COUNT(*) FROM trials").fetchone() == (2,)
    db.close()
