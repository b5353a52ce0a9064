"""The pages of docs/ as `make docs` builds them: no warning, nothing asked of other hosts, all options and all public names in them."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import zlib
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path

import pytest
from typer.main import get_command

from archsearch.cli.app import app
from tests.pages import PAGES, TREE


@pytest.mark.slow
def test_the_pages_are_built_whole(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="needs the generator of the pages: pip install 'archsearch[docs]'")
    line = re.search(r"\$\(BIN\)/python (-m sphinx .*)", (TREE / "Makefile").read_text(encoding="utf-8"))
    assert line is not None
    command = line[1].replace("build/", f"{tmp_path}/").split()
    ended = subprocess.run([sys.executable, *command], cwd=TREE, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    built = tmp_path / "docs"
    assert {path.stem for path in built.glob("*.html")} >= {path.stem for path in PAGES[1:]}
    assert_no_host_is_asked(built)
    assert_options_stand_in(built / "commands.html")
    assert_names_stand_in(built / "objects.inv")


def assert_no_host_is_asked(built: Path) -> None:
    for path in (*built.rglob("*.html"), *built.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        asked = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^>]*>", text)
        asked += re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)]*", text)
        assert not asked, path


def assert_options_stand_in(page: Path) -> None:
    [article] = re.findall(r"<article.*?</article>", page.read_text(encoding="utf-8"), flags=re.S)
    text = html.unescape(re.sub(r"<[^>]*>", "", article))
    commands = get_command(app).commands  # type: ignore[attr-defined]
    parts = dict(re.findall(r"^archsearch (\w+)\W?$(.*?)(?=^archsearch \w+\W?$|\Z)", text, flags=re.M | re.S))
    assert set(parts) == set(commands)
    for name, command in commands.items():
        assert all(option in parts[name] for given in command.params for option in given.opts if option.startswith("-")), name


def assert_names_stand_in(inventory: Path) -> None:
    """All that modules offer that stand whole on the pages of Python, under their name or as one of `import archsearch`."""
    known = {line.split()[0] for line in zlib.decompress(inventory.read_bytes().split(b"\n", 4)[4]).decode().splitlines()}
    pages = "".join(path.read_text(encoding="utf-8") for path in (TREE / "docs" / "api").glob("*.md"))
    for module in map(import_module, re.findall(r"automodule:: (\S+)\n   :members:$", pages, flags=re.M)):
        for name in getattr(module, "__all__", ()):
            if isfunction(item := getattr(module, name)) or isclass(item):
                assert known & {f"{module.__name__}.{name}", f"archsearch.{name}"}, f"{module.__name__}.{name}"
