"""Tables on terminals of every width, and where nobody looks: names and numbers whole, prose wrapped or gone."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from archsearch.cli.console import NARROWEST, table_of

TREE = Path(__file__).parents[1]
NAMES, WORDS = ("resnet18", "a_network_with_a_long_name"), ("a line of prose that is longer than most screens are wide", "short")


def printed(screen: int | None) -> str:
    columns, rows = ("Network", "About", "Params"), [(name, text, "11,689,512") for name, text in zip(NAMES, WORDS, strict=True)]
    wide, table = table_of(columns, rows, 2, ("Total", "", "23,379,024"), ("About",), screen)
    shown = io.StringIO()
    Console(width=max(wide, screen or 0), file=shown).print(table)
    return shown.getvalue()


@pytest.mark.parametrize("screen", [None, *range(20, 150, 7)])
def test_names_and_numbers_are_never_cut_and_prose_wraps_or_goes(screen: int | None) -> None:
    lines = printed(screen).splitlines()
    for name in NAMES:
        (line,) = [line for line in lines if line.startswith(name)]
        assert "11,689,512" in line
    fixed = max(map(len, NAMES)) + 2 + len("11,689,512")
    assert ("About" in lines[0]) == (screen is None or screen >= fixed + 2 + NARROWEST)
    if screen is None:
        assert any(WORDS[0] in line for line in lines)
        assert len(lines) == 4
    elif screen >= fixed:
        assert max(map(len, lines)) <= screen
    if "About" in lines[0]:
        assert all(word in printed(screen) for word in WORDS[0].split())


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("arguments", [["zoo", "vgg11"], ["spaces"], ["show", "vgg11", "--depth", "1"]], ids=" ".join)
def test_a_terminal_shows_the_names(arguments: list[str], columns: int) -> None:
    text = on_terminal(arguments, columns)
    for name in {"zoo": ("vgg11_bn", "vgg11 "), "spaces": ("small_cell", "fabric"), "show": ("classifier", "features")}[arguments[0]]:
        assert re.search(rf"^{name}", text, flags=re.M), text
    assert "\u2026" not in text
    shown, _, _ = text.partition("\n\n")  # sentences stand below the table
    assert max(map(len, shown.splitlines())) <= max(columns, 78)


def on_terminal(arguments: list[str], columns: int) -> str:
    """What a command shows on a terminal of so many columns."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    with subprocess.Popen([sys.executable, str(TREE / "cli.py"), *arguments], stdout=writer, env=environment) as process:
        os.close(writer)
        shown = b""
        with suppress(OSError):  # the terminal is gone when the command has ended
            while part := os.read(reader, 65536):
                shown += part
    os.close(reader)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
