"""The front on a terminal: a scatter that shows every point in its place, a table that fits, and a run followed to its end."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from archsearch.cli import run
from archsearch.cli.scatter import DRAWN, PLAIN, Axis, Point, letters_for, scatter
from archsearch.figures.scale import even_marks, is_wide, log_marks
from archsearch.runs.database import is_written
from archsearch.runs.owner import Lock
from archsearch.runs.store import Store, open_run
from tests.runs import small_search
from tests.test_terminal import on_terminal

TREE = Path(__file__).parents[1]
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: float(f"{value:.6g}"))
COSTS = st.floats(1, 1e12).map(lambda value: float(f"{value:.6g}"))
PROGRAM = [sys.executable, str(TREE / "cli.py")]


@given(
    st.lists(st.builds(Point, COSTS | NUMBERS, NUMBERS, st.booleans()), min_size=1, max_size=40), st.integers(40, 130), st.integers(8, 30)
)
def test_every_point_is_shown_inside_the_frame(points: list[Point], width: int, height: int) -> None:
    lines = scatter(points, "macs", "error", width, height).plain.split("\n")
    assert len(lines) == height
    assert max(map(cell_len, lines)) <= width
    drawn = "".join(lines[1:-2])
    assert drawn.count(DRAWN.bright) <= sum(point.bright for point in points)
    assert (DRAWN.bright in drawn) == any(point.bright for point in points)
    assert drawn.count(DRAWN.bright) + drawn.count(DRAWN.dim) >= 1


def test_points_stand_where_their_values_are() -> None:
    corners = [Point(1e3, 0.1, True), Point(1e3, 0.3, False), Point(1e6, 0.1, False), Point(1e6, 0.3, True), Point(31_623, 0.2, True)]
    lines = [line.ljust(80) for line in scatter(corners, "macs", "error", 80, 19).plain.split("\n")]
    places = {(row, column): letter for row, line in enumerate(lines[1:-2]) for column, letter in enumerate(line) if letter in "●◦"}
    (top, left), (bottom, right) = min(places), max(places)
    assert [places[at] for at in ((top, left), (top, right), (bottom, left), (bottom, right))] == ["◦", "●", "●", "◦"]
    [middle] = set(places) - {(top, left), (top, right), (bottom, left), (bottom, right)}
    assert abs(middle[0] - (top + bottom) / 2) <= 0.5  # the errors in even steps
    assert abs(middle[1] - (left + right) / 2) <= 0.5  # the multiply-adds as logarithms
    marks = {mark: lines[-1].index(f" {mark} ") + 1 + len(mark) // 2 for mark in ("1 k", "10 k", "100 k", "1 M")}
    assert {lines[-2][column] for column in marks.values()} == {"┬"}
    assert (marks["1 k"], marks["1 M"]) == (left, right)


def test_the_axis_is_logarithmic_where_values_spread() -> None:
    assert not Axis.over("macs", [1, 19]).log
    assert Axis.over("macs", [1, 21]).log
    assert not Axis.over("macs", [0, 1e9]).log
    assert not is_wide([])
    assert log_marks(100, 3000) == [50, 100, 200, 500, 1000, 2000, 5000]
    assert even_marks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert all(2 <= len(even_marks(0, top)) <= 6 for top in (1, 1.9, 2.3, 5.1, 7, 9.9))


def test_output_that_takes_no_such_characters_gets_plain_ones() -> None:
    assert letters_for("utf-8") == DRAWN
    assert {letters_for("ascii"), letters_for("iso-8859-1"), letters_for("no such encoding")} == {PLAIN}
    "".join(PLAIN).encode("ascii")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("front") / "r"
    small_search(out, trials=30)
    small_search(out.with_name("one"), trials=5, objectives=("error",))
    small_search(out.with_name("three"), trials=12, objectives=("error", "params", "macs"))
    return out


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("name", ["r", "one", "three"])
def test_the_front_fits_the_screen(searched: Path, columns: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(searched.parent)
    text = on_terminal(["front", name], columns)
    assert max(map(cell_len, text.splitlines())) <= columns
    for trial in open_run(searched.with_name(name)).front():
        assert re.search(rf"^{trial.number} +{100 * trial.metrics['error']:.2f}%", text, flags=re.M)
    assert "● on the front" in text
    assert ("one on the front that looks beaten wins by MACs" in text) == (name == "three")
    assert f"\nError over {'Trial' if name == 'one' else 'Params'}\n" in text


def test_the_front_is_text_where_nobody_looks(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["front", str(searched), "--x", "macs"]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\nError over MACs\n" in text
    assert max(map(cell_len, text.splitlines())) <= 80


def test_the_front_is_data(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["front", str(searched), "--json"]) == 0
    told, done = json.loads(capsys.readouterr().out), open_run(searched)
    assert (told["x"], told["y"], told["trials"], told["of"]) == ("params", "error", 30, 30)
    assert [row["trial"] for row in told["front"]] == [trial.number for trial in done.front()]
    assert [(at["x"], at["y"]) for at in told["points"]] == [(t.metrics["params"], t.metrics["error"]) for t in done.trials if t.ok]
    assert {at["trial"] for at in told["points"] if at["on_front"]} == {trial.number for trial in done.front()}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["front", "r", "--x", "macz"], 2, "--x 'macz' is no metric of r; did you mean macs"),
        (["front", "nowhere"], 1, "nowhere is no run"),
        (["watch", "nowhere"], 1, "nowhere is no run"),
    ],
)
def test_wrong_use_gets_one_line(
    searched: Path, arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(searched.parent)
    assert run(arguments) == code
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_no_colour_where_none_is_wanted(searched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for value in ("", "1"):
        monkeypatch.setenv("NO_COLOR", value)
        with pseudo_terminal(["front", str(searched)]) as (process, reader):
            shown[value] = everything(reader)
            process.wait(60)
    assert re.search(rb"\x1b\[[\d;]*3[0-7]", shown[""])
    assert not re.search(rb"\x1b\[[\d;]*3[0-7]", shown["1"])


def test_asking_whether_a_run_is_written_lets_a_writer_in(tmp_path: Path) -> None:
    assert not is_written(tmp_path)
    holder = Lock(tmp_path)
    assert is_written(tmp_path)
    holder.close()
    for _ in range(20):
        assert not is_written(tmp_path)
        Lock(tmp_path).close()


def test_a_finished_run_is_printed_and_that_is_all(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", str(searched)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("30/30  best error ")
    assert "● on the front" in text
    assert run(["watch", str(searched), "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["front"] == [trial.number for trial in open_run(searched).front()]
    assert not json.loads(line)["active"]


@contextmanager
def searching(out: Path, trials: int, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """A search in a process of its own, which has begun."""
    command = [sys.executable, "-m", "tests.killable", str(out), str(trials), str(seconds), "0"]
    with subprocess.Popen(command, cwd=TREE) as process:
        try:
            while not (out / "run.json").is_file():
                assert process.poll() is None
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def watching(folder: Path) -> subprocess.Popen[str]:
    """A process that watches a run, line by line."""
    return subprocess.Popen([*PROGRAM, "watch", str(folder), "--every", "0.1"], stdout=-1, stderr=-1, text=True)


def test_a_run_that_grows_is_followed_to_its_end(tmp_path: Path) -> None:
    with searching(tmp_path / "r", 8, 0.3) as process:
        done = subprocess.run([*PROGRAM, "watch", str(tmp_path / "r"), "--every", "0.1", "--json"], capture_output=True, text=True)
        assert process.wait(30) == 0
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    counts = [each["trials"] for each in seen]
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    assert [each["active"] for each in seen] == [True] * (len(seen) - 1) + [False]
    assert (counts[-1], seen[-1]["front"]) == (8, [trial.number for trial in open_run(tmp_path / "r").front()])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_that_was_killed_is_said_to_have_ended(tmp_path: Path) -> None:
    with searching(tmp_path / "r", 1000, 0.05) as process, watching(tmp_path / "r") as watch:
        assert watch.stdout is not None
        while int(watch.stdout.readline().partition("/")[0]) < 3:
            pass
        process.kill()
        _, told = watch.communicate(timeout=30)
    assert watch.returncode == 0
    assert re.fullmatch(r"no process is writing it: it ended after \d+ of 1000 trials; `archsearch resume .*/r` goes on\n", told)


def test_a_run_that_vanishes_or_never_began_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with searching(tmp_path / "r", 1000, 0.3), watching(tmp_path / "r") as watch:
        assert watch.stdout is not None
        watch.stdout.readline()
        (tmp_path / "r").rename(tmp_path / "moved")
        _, told = watch.communicate(timeout=30)
    assert watch.returncode == 1
    assert re.search(r"/r is gone: it was moved or deleted while it was watched\n$", told)
    Store.create(tmp_path / "empty", open_run(tmp_path / "moved").record).close()
    assert run(["watch", str(tmp_path / "empty")]) == 1
    assert "never began: no trial is recorded, and no process is writing it" in capsys.readouterr().err


@contextmanager
def pseudo_terminal(arguments: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command on a terminal, and the side of it that is read."""
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "30"}
    with subprocess.Popen([*PROGRAM, *arguments], stdin=writer, stdout=writer, stderr=writer, env=environment) as process:
        os.close(writer)
        try:
            yield process, reader
        finally:
            process.kill()
    os.close(reader)


def everything(reader: int) -> bytes:
    shown = b""
    with suppress(OSError):  # the terminal is gone when the command has ended
        while part := os.read(reader, 65536):
            shown += part
    return shown


def test_ctrl_c_stops_watching_and_leaves_the_screen_whole(tmp_path: Path) -> None:
    with searching(tmp_path / "r", 1000, 0.05), pseudo_terminal(["watch", str(tmp_path / "r"), "--every", "0.1"]) as (process, reader):
        shown = b""
        while b"other networks" not in shown:
            shown += os.read(reader, 65536)
        process.send_signal(signal.SIGINT)
        shown += everything(reader)
        assert process.wait(30) == 130
    text = shown.decode()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back
    assert text.endswith("stopped watching\r\n")
    assert "Traceback" not in text
    assert re.search(r"\d+/1000", text)
