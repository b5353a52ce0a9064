"""What SECURITY.md promises of the code as a whole: nothing is unpickled or evaluated, and nothing speaks to other machines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
SPEAKING = {"ftplib", "http", "imaplib", "poplib", "requests", "smtplib", "socket", "socketserver", "ssl", "urllib.request", "xmlrpc"}
"""Modules that open connections."""
UNPICKLING = {"dill", "cloudpickle", "joblib", "marshal", "pickle", "shelve"}
ALLOWED = {"archsearch/data/pickled.py": {"pickle"}, "archsearch/live/server.py": {"socket"}, "archsearch/runs/kit.py": {"cloudpickle"}}
"""Which file may import what of these: the archives of CIFAR, of which nothing is run; the dashboard, which listens and calls nobody; what
this process itself sends to Ray, or keeps in an experiment of Ray Tune, which Ray unpickles.
"""
EVALUATING = {"eval", "exec", "compile", "__import__"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)
            yield str(node.module)


def forbidden(tree: ast.AST) -> set[str]:
    """Modules of these kinds that are imported, and built-in functions that run text."""
    names = {part for name in imported(tree) for part in (name, name.partition(".")[0])} & (SPEAKING | UNPICKLING)
    names |= {part for name in imported(tree) for part in name.split(".")} & UNPICKLING  # whoever brings it along
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    loads = {
        "torch.load" for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load" and unsafe(node)
    }
    return names | (calls & EVALUATING) | loads


def unsafe(load: ast.Call) -> bool:
    return not any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in load.keywords)


def test_nothing_is_unpickled_or_evaluated_and_nothing_speaks_to_other_machines() -> None:
    files = [path for room in ("archsearch", "search_spaces") for path in sorted((TREE / room).rglob("*.py"))]
    assert len(files) > 300
    found = {str(path.relative_to(TREE)): forbidden(ast.parse(path.read_text(encoding="utf-8"))) for path in files}
    assert {name: words for name, words in found.items() if words} == ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from ray import cloudpickle",
        "from urllib.request import urlopen",
        "import http.client",
        "eval('1')",
        "torch.load(f)",
        "torch.load(f, weights_only=no)",
    ],
)
def test_what_is_looked_for_is_found(code: str) -> None:
    assert forbidden(ast.parse(code))
