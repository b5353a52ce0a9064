"""What tests of the loop share: spaces in miniature, searches, and the comparison of two runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from archsearch.analysis import Budget
from archsearch.runs.search import search
from archsearch.runs.store import Run, connect
from archsearch.spaces.space import Space, load_space
from archsearch.strategies import Evolution, Strategy, load_strategy
from tests.evaluators import Formula

TABLES = ("trials", "curves", "refusals", "tests", "notes", "rungs", "refused")

OPTIONS: dict[str, dict[str, Any]] = {
    "auto": {"beside": "evolution", "until": 9, "alone": 4},
    "graph_gp": {"breadth": 8},
    "predictor": {"startup": 8, "candidates": 6, "trees": 2, "recurrent": 1},
    "proposer": {"source": f"{Path(__file__).with_name('proposing.py')}:step"},
}
"""What strategies need, or what makes them go through all that they do in few trials."""


OWN_SPACE = """
from dataclasses import dataclass

from archsearch.network.builder import Builder
from archsearch.ops import Flatten, Linear
from archsearch.ops.base import Op, register


@register("KIND")
@dataclass(frozen=True)
class Noise(Op):
    def infer(self, x):
        return x

    def build(self, layers, x):
        return layers.Identity()


def space(pick, *, input: tuple = (1, 8, 8), classes: int = 10):
    b = Builder(input)
    x = b(Flatten(), b(Noise(), b.input))
    for place in range(pick("stages", [1, 2, 3])):
        x = b(Linear(pick(f"stage{place}/width", [4, 8, 16])), x)
    return b.genotype(b(Linear(classes), x))
"""
"""A file of a user's own: a space with choices that depend on others, and an op, of which each kind is registered once in a process."""


def made(name: str) -> Strategy:
    return load_strategy(name)(**OPTIONS.get(name, {}))


@cache
def small_space(name: str = "cell") -> Space:
    """A space in miniature: one for all tests, for it tries out what its decisions depend on once."""
    settings: dict[str, Any] = {"input": (1, 8, 8), "classes": 10}
    return load_space(name, **settings, **({"cells": 1, "channels": 4} if name == "cell" else {}))


def own_space(folder: Path, kind: str) -> Space:
    (folder / "space.py").write_text(OWN_SPACE.replace("KIND", kind))
    return load_space(str(folder / "space.py"))


def small_search(out: Path, strategy: Strategy | None = None, evaluator: Formula | None = None, **options: Any) -> Run:
    options = {"trials": 40, "objectives": ("error", "params"), "workers": 0, "budget": Budget(params=20_000), **options}
    space = options.pop("space", None) or small_space()
    return search(space, strategy or Evolution(population=10, tournament=4), evaluator or Formula(), out=out, **options)


def table(folder: Path, name: str) -> list[tuple[Any, ...]]:
    """All rows of a table of a run, in order; timings aside, a run holds nothing that depends on the clock."""
    db = connect(folder / "run.db", read_only=True)
    try:
        return db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
    finally:
        db.close()


def assert_same_run(a: Path, b: Path) -> None:
    for name in TABLES:
        assert table(a, name) == table(b, name), name


class StoppedError(BaseException):
    """As Ctrl-C: no evaluator takes it for a failure of its own."""


def stopping(calls: int) -> Callable[..., bool]:
    """What is called with progress or epochs, and ends everything at so many calls."""
    left = iter(range(calls - 1))

    def call(*_: object) -> bool:
        if next(left, None) is None:
            raise StoppedError("stopped by the test")
        return False

    return call
