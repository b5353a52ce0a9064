"""`dashboard`, and `--dashboard` beside a search, as their users meet them: in processes of their own, with Ctrl-C and kills."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from archsearch.runs.store import open_run
from tests.runs import small_search
from tests.warm import run_python

TREE = Path(__file__).parents[1]
CLI = [sys.executable, str(TREE / "cli.py")]
QUICK = ("--trials", "4", "--evaluator-set", "epochs=1")
PATIENCE = 60.0


@contextmanager
def started(*command: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command in a group of its own, ended with all that it started."""
    process = subprocess.Popen([*CLI, *command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def address_in(line: str) -> str:
    found = re.search(r"http://\S+", line)
    assert found is not None, line
    return found[0]


@contextmanager
def asked(address: str, path: str = "/") -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            yield answer
    finally:
        connection.close()


def assert_gone(address: str) -> None:
    """Nobody answers there any more, soon."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            with asked(address):
                pass
        except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected):
            return
        time.sleep(0.1)
    raise AssertionError(f"{address} still answers")


def test_ctrl_c_ends_it_at_once_whoever_listens(tmp_path: Path) -> None:
    small_search(tmp_path / "run", trials=3)
    with started("dashboard", "run", "--port", "0", cwd=tmp_path) as process, ExitStack() as streams:
        assert process.stdout is not None
        address = address_in(process.stdout.readline())
        for _ in range(3):
            assert streams.enter_context(asked(address, "/run/run/events")).status == 200
        again = run_python(str(TREE / "cli.py"), "dashboard", "run", "--port", str(urlsplit(address).port), cwd=tmp_path)
        assert (again.returncode, again.stdout) == (1, "")
        assert re.fullmatch(r"archsearch: port \d+ is in use; give another with --port, or --port 0 for any that is free\n", again.stderr)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert time.monotonic() - began < 3
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_what_is_wrong_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    hidden = "import sys; sys.modules['starlette'] = None; from archsearch.cli import run; raise SystemExit(run(sys.argv[1:]))"
    for command, code, words in (
        ((str(TREE / "cli.py"), "dashboard", "nothing"), 1, "is no folder"),
        ((str(TREE / "cli.py"), "dashboard", "file"), 1, "is no folder"),
        ((str(TREE / "cli.py"), "dashboard", ".", "--host", "203.0.113.9"), 1, "choose another --host"),
        (("-c", hidden, "dashboard", "."), 2, 'pip install "archsearch[dashboard]"'),
        (("-c", hidden, "search", "chain", "--dashboard", "--out", "x"), 2, 'pip install "archsearch[dashboard]"'),
    ):
        done = run_python(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
        assert words in done.stderr


@pytest.mark.slow
def test_the_commands_of_the_documentation_serve(tmp_path: Path) -> None:
    small_search(tmp_path / "results" / "x", trials=3)
    text = (TREE / "docs" / "live.md").read_text(encoding="utf-8")
    [block] = [found for found in re.findall(r"```console\n(.*?)```", text, flags=re.S) if "archsearch dashboard" in found]
    lines = [shlex.split(line, comments=True)[2:] for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines[:2]:
        with started(*line, "--port", "0", cwd=tmp_path) as process:
            assert process.stdout is not None
            with asked(address_in(process.stdout.readline())) as answer:
                assert answer.status in (200, 303)
    search = [*lines[2], *QUICK, "--json"]
    with started(*search, cwd=tmp_path) as process:
        address, page = "", b""
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("dashboard  http://127.0.0.1:"):
                address = address_in(line)
                with asked(address, f"/run/{Path(lines[2][-1]).name}/") as answer:
                    page = answer.read()
        assert address, "no address was told"
        assert b"</html>" in page
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
        assert process.wait(PATIENCE) == 0
    assert len(open_run(tmp_path / told["run"]).trials) == 4
    assert_gone(address)
    assert not list((tmp_path / told["run"]).glob("run.db-*")), "the dashboard was in the way of the search's end"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_the_search_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    with started("search", "chain", "--dashboard", "--trials", "500", "--evaluator-set", "epochs=2", "--out", "x", cwd=tmp_path) as process:
        assert process.stderr is not None
        address = next(address_in(line) for line in process.stderr if line.startswith("dashboard"))
        with asked(address, "/run/x/events"):
            if how == signal.SIGINT:
                os.killpg(process.pid, how)
                assert process.wait(PATIENCE) == 130
            else:
                process.send_signal(how)
            assert_gone(address)
