"""`python ARGUMENTS` in a fork of an interpreter that has imported torch and archsearch already, and done nothing else.

What starts so sees what a new process sees, a second or two earlier. Tests of what is imported, of signals and of kills start real ones.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import time
import traceback
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from multiprocessing import process
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

TREE = Path(__file__).parents[1]
LIBRARIES = ("torch._dynamo", "optuna", "plotly.graph_objects", "scipy.stats", "sklearn.ensemble", "safetensors.torch")


def run_python(
    *arguments: str,
    cwd: Path = TREE,
    env: Mapping[str, str] | None = None,
    input: str = "",
    timeout: float = 300,
    libraries: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run([sys.executable, *arguments], capture_output=True, text=True)`; a script or `-c CODE` comes first.

    With `libraries` nothing else has been imported, and archsearch has not.
    """
    with TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("in", "out", "err")]
        Path(files[0]).write_text(input, encoding="utf-8")
        asked = {
            "arguments": arguments,
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
            "files": files,
            "timeout": timeout,
        }
        code = nursery(*libraries).ask(asked)
        out, err = (Path(file).read_bytes().decode() for file in files[1:])
    if code is None:
        raise subprocess.TimeoutExpired(arguments, timeout, out, err)
    return subprocess.CompletedProcess(arguments, code, out, err)


@contextmanager
def checks_with_torch() -> Iterator[None]:
    """Within this block what is exported is checked by a process that has torch already."""
    verify: Any = importlib.import_module("archsearch.exporters.verify")
    verify.subprocess = SimpleNamespace(run=run_with_torch, TimeoutExpired=subprocess.TimeoutExpired)
    try:
        yield
    finally:
        verify.subprocess = subprocess


class Nursery:
    """The interpreter that forks."""

    def __init__(self, *libraries: str) -> None:
        command = [sys.executable, "-m", "tests.warm", *libraries]
        self.process = subprocess.Popen(command, cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.end)

    def ask(self, asked: dict[str, object]) -> int | None:
        """Exit code of what was asked for; None when it was ended because it took too long."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        while True:
            files, code = json.loads(self.process.stdout.readline())
            if files == asked["files"]:  # not the answer to one that was ended before it came
                return code  # type: ignore[no-any-return]

    def end(self) -> None:
        """Let it go."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@lru_cache(maxsize=2)
def nursery(*libraries: str) -> Nursery:
    """One for all tests of this process."""
    return Nursery(*libraries)


def run_with_torch(command: list[str], cwd: Path, timeout: float, **_: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of `python -I -c CODE`, in a fork of an interpreter that has imported torch alone."""
    assert command[:3] == [sys.executable, "-I", "-c"]
    return run_python(*command[2:], cwd=cwd, timeout=timeout, libraries=("torch",))


def serve() -> None:
    """Import, then fork for every line that comes."""
    lines, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for name in sys.argv[1:] or (*LIBRARIES, *modules()):
        importlib.import_module(name)
    with nullcontext() if sys.argv[1:] else checks_with_torch():
        if not sys.argv[1:]:
            nursery("torch")  # one for all that is forked here
        gc.freeze()
        for line in lines:
            asked = json.loads(line)
            child = os.fork()
            if child == 0:
                os.close(lines.fileno())
                os.close(answers.fileno())
                live(asked)
            answers.write(json.dumps([asked["files"], outcome(child, asked["timeout"])]) + "\n")
            answers.flush()


def modules() -> list[str]:
    """All modules of archsearch."""
    archsearch = importlib.import_module("archsearch")
    return [found.name for found in pkgutil.walk_packages(archsearch.__path__, "archsearch.")]


def outcome(child: int, timeout: float) -> int | None:
    """Exit code of a child, negative for a signal, or None after the timeout."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def live(asked: dict[str, object]) -> None:
    """Be the process that was asked for."""
    os.setsid()
    code = 1
    try:
        stand_up(asked)
        code = exit_code(list(map(str, asked["arguments"])))  # type: ignore[call-overload]
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def stand_up(asked: dict[str, object]) -> None:
    """Streams, folder and environment."""
    for number, (path, mode) in enumerate(zip(asked["files"], "rww", strict=True)):  # type: ignore[call-overload]
        with open(path, mode) as file:  # noqa: PTH123
            os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace")
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    os.chdir(str(asked["cwd"]))
    process.ORIGINAL_DIR = str(Path.cwd())  # what multiprocessing tells the processes that it starts


def exit_code(arguments: list[str]) -> int:
    """Run a script or code as the interpreter would, and say how it ended."""
    try:
        run_main(arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        atexit._run_exitfuncs()
    return 0


def run_main(arguments: list[str]) -> None:
    """Run a script, or what stands behind -c, as `__main__`."""
    if arguments[0] == "-c":
        sys.argv, sys.path[0] = ["-c", *arguments[2:]], ""
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(arguments[1], "<string>", "exec"), main.__dict__)
    else:
        script = Path(arguments[0]).resolve()
        sys.argv, sys.path[0] = arguments, str(script.parent)
        runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    serve()
