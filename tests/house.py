"""The house: its floors, what its modules import, and the picture of both: python -m tests.house writes docs/house.svg."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

TREE = Path(__file__).parents[1]
PACKAGE = TREE / "archsearch"
PICTURE = TREE / "docs" / "house.svg"

LAYERS = [
    {"support", "pareto", "units"},
    {"layers"},
    {"ops"},
    {"network"},
    {"analysis", "blocks", "data"},
    {"zoo", "design"},
    {"spaces"},
    {"trial"},
    {"figures", "tables", "tasks"},
    {"training", "proxies"},
    {"engines"},
    {"explaining", "sharing"},
    {"evaluators"},
    {"strategies", "supernets", "fidelity"},
    {"runs"},
    {"report", "exporters", "tune", "optuna"},
    {"solo", "live"},
    {"cli"},
]
"""Rooms from the ground up: each imports only from rooms below it."""


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def arrows(path: Path) -> set[str]:
    """Rooms that a module imports from, its own left out."""
    names = [name.split(".")[1] for name in imports(path) if name.startswith("archsearch.")]
    return {name for name in names if name not in (room(path), "__version__")}


@cache
def imports(path: Path) -> frozenset[str]:
    """Full names of what a module imports, those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


# The picture: a row and a column for every room, a dot where the room of the row imports from that of the column

ROW, LEFT, NAME, TOP = 22, 470, 92, 112
INK, PALE, DOT = "#24292f", "#57606a", "#0969da"


def picture() -> str:
    """The picture as SVG."""
    rooms = [name for floor in reversed(LAYERS) for name in sorted(floor)]
    wide, high = LEFT + ROW * len(rooms) + 12, TOP + ROW * len(rooms) + 12
    parts = [*floors(rooms, wide), *heads(rooms), *dots(rooms)]
    style = f"text{{font:12px system-ui,sans-serif;fill:{INK}}}.w{{fill:{PALE}}}.n{{font-weight:600}}"
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img">'
    title = "<title>Rooms of archsearch, the ground floor last, and which imports from which</title>"
    return "\n".join([start, title, f"<style>{style}</style>", f'<rect width="{wide}" height="{high}" fill="#fff"/>', *parts, "</svg>\n"])


def floors(rooms: list[str], wide: int) -> Iterator[str]:
    """Every second floor shaded, every room with its name and what it is."""
    for number, floor in enumerate(reversed(LAYERS)):
        first = min(rooms.index(name) for name in floor)
        if number % 2 == 0:
            yield f'<rect x="0" y="{TOP + ROW * first}" width="{wide}" height="{ROW * len(floor)}" fill="#f6f8fa"/>'
    for row, name in enumerate(rooms):
        y = TOP + ROW * row + 15
        yield f'<text x="10" y="{y}" class="n">{name}</text><text x="{NAME}" y="{y}" class="w">{escape(about(name))}</text>'


def heads(rooms: list[str]) -> Iterator[str]:
    """Names above the columns, and the diagonal, above which no dot may stand."""
    for column, name in enumerate(rooms):
        x = LEFT + ROW * column + 15
        yield f'<text transform="translate({x},{TOP - 8}) rotate(-60)">{name}</text>'
        yield f'<rect x="{LEFT + ROW * column}" y="{TOP + ROW * column}" width="{ROW}" height="{ROW}" fill="#d0d7de"/>'


def dots(rooms: list[str]) -> Iterator[str]:
    """A dot for every pair, the larger the more modules import."""
    for row, name in enumerate(rooms):
        inside = [path for path in modules() if room(path) == name]
        for column, other in enumerate(rooms):
            count = sum(other in arrows(path) for path in inside)
            if count:
                x, y = LEFT + ROW * column + ROW / 2, TOP + ROW * row + ROW / 2
                words = f"{name} imports {other} in {count} module{'s' if count > 1 else ''}"
                yield f'<circle cx="{x:g}" cy="{y:g}" r="{min(8, 2.5 + count**0.5):.1f}" fill="{DOT}"><title>{words}</title></circle>'


def about(name: str) -> str:
    """What a room is: how its own first line begins."""
    path = PACKAGE / name / "__init__.py"
    text = ast.get_docstring(ast.parse((path if path.is_file() else PACKAGE / f"{name}.py").read_text())) or ""
    return re.split(r"[.:;](?:\s|$)", text)[0]


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
