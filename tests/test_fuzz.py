"""Damaged files: no reader ends in anything but one line, takes over a second, or over 500 MB; and none is left out."""

from __future__ import annotations

import ast
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import Reader, late, tried
from tests.fuzz_readers import READERS

TREE = Path(__file__).parents[1]
OPENERS = {"open", "read_text", "read_bytes", "safe_open", "load_file", "ZipFile", "spec_from_file_location"}
"""What opens a file, by the last part of its name."""
LOADERS = {"sqlite3.connect", "np.load", "torch.load", "json.load", "pickle.load", "pd.read_csv"}
"""The same, by the whole name."""
NO_FILES = {"self.open", "self._names.open", "self._pool.open", "gated.policy.open", "self.gated.policy.open", "os.open"}
"""Methods of that name that are about gates, names and networks; and the way to nowhere for what nobody reads."""
PYTHON = "a user's Python, which runs as any script does and may raise anything"
BYTES = "bytes that are sent to another machine as they are; who reads them there is fuzzed"
UNREAD = {
    "cli.targets.load_ops": PYTHON,
    "data.description.file_digest": "bytes for a digest, whatever they are",
    "data.own.read_own": PYTHON,
    "ops.aten.operators": "a file of archsearch's own",
    "training.device.machine_name": "what the system says of its processor",
    "training.memory.data_bytes": "what the system says of this process",
    "exporters.verify.computed": "outputs that a process of its own had computed a moment ago, read as plain arrays only",
    "engines.mobile.to_mobile": "what the converter had written a moment ago, for its bytes",
    "engines.quantizing.quantized": "a file that the quantiser had written a moment ago, for its bytes",
    "support.own_code.run_as": PYTHON,
    "support.parts._load_own": PYTHON,
    "report.of_explanation.header": "a file of archsearch's own",
    "support.offline_page.asset": "a file of archsearch's own",
    "runs.worker.set_up": PYTHON,
    "tune.Place._take_up": "what a trial of Ray Tune kept, beside what Ray unpickles",
    "runs.kit.pack": BYTES,
    "runs.kit.unpack": PYTHON,
    "runs.cluster.needed": BYTES,
    "runs.remote_worker.found": BYTES,
}
"""Functions that open files and are not fuzzed, each with the reason."""


def functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """All functions and methods of a module by qualified name."""
    module = ".".join(path.relative_to(TREE / "archsearch").with_suffix("").parts)

    def inside(node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                if isinstance(child, ast.FunctionDef):
                    yield ".".join((module, *scope, child.name)), child
                yield from inside(child, (*scope, child.name))

    yield from inside(ast.parse(path.read_text(encoding="utf-8")), ())


def opens(function: ast.AST) -> bool:
    """Whether a function itself opens a file other than to write it."""
    return any(isinstance(node, ast.Call) and reads(node) for node in ast.walk(function))


def reads(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    words = {node.value for part in (*call.args, *call.keywords) for node in ast.walk(part) if isinstance(node, ast.Constant)}
    opened = name in LOADERS or (name.rpartition(".")[2] in OPENERS and name not in NO_FILES)
    return opened and words.isdisjoint({"w", "x", "a", "wb", "xb", "ab"})


def reached(reader: Reader, place: Path) -> set[str]:
    """Functions of archsearch that a reader calls, by module and name."""
    whole, folder, found = place / "whole", place / "w", set[str]()
    whole.mkdir()
    reader.make(whole)
    shutil.copytree(whole, folder)

    def watch(frame: Any, event: str, _: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(TREE / "archsearch"):
            module = ".".join(file.relative_to(TREE / "archsearch").with_suffix("").parts)
            found.add(f"{module}.{frame.f_code.co_qualname.replace('.<locals>', '')}")

    sys.setprofile(watch)
    try:
        reader.read(folder)
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.slow
def test_every_function_that_opens_a_file_is_fuzzed_or_says_why_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    files = (TREE / "archsearch").rglob("*.py")
    left = {name for path in files for name, function in functions(path) if opens(function)}
    for reader in sorted(READERS.values(), key=lambda reader: reader.every):
        if left == set(UNREAD):
            break
        left -= reached(reader, tmp_path_factory.mktemp("r"))
    assert sorted(left) == sorted(UNREAD)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8
)
PIECES = st.binary(max_size=200) | VALUES.map(lambda made: json.dumps(made).encode())
SHARES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@pytest.fixture
def alarm() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, late)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.every == 1])
def test_whatever_stands_in_a_part_of_a_file_gets_one_line(name: str, alarm: None, tmp_path: Path) -> None:
    reader, whole, folder = READERS[name], tmp_path / "whole", tmp_path / "w"
    whole.mkdir()
    reader.make(whole)

    @settings(max_examples=50, deadline=None, database=None)
    @given(st.sampled_from(reader.files), SHARES, PIECES)
    def check(file: str, part: list[float], piece: bytes) -> None:
        shutil.copytree(whole, folder)
        try:
            data = (whole / file).read_bytes()
            first, last = (round(share * len(data)) for share in part)
            (folder / file).write_bytes(data[:first] + piece + data[last:])
            assert tried(reader, folder) == ""
        finally:
            shutil.rmtree(folder)

    check()


@pytest.mark.slow
def test_damaged_files_get_one_line_each():
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "2000", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TREE, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "faults" in done.stdout
