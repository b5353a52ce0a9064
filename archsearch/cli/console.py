"""How the command line prints: tables and JSON to stdout, progress and remarks to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from textwrap import fill
from typing import Any

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

GAP = 2
"""Characters between two columns."""
NARROWEST = 14
"""Characters that a column of prose is worth having with."""


def print_json(data: Any) -> None:
    """JSON to stdout, indented."""
    print(json.dumps(data, indent=2, allow_nan=False))


def print_text(text: str) -> None:
    """A line to stdout, as it is."""
    print(text)


def print_prose(text: str) -> None:
    """Paragraphs to stdout, wrapped between words where somebody looks."""
    wide = Console().width if sys.stdout.isatty() else None
    for place, paragraph in enumerate(text.split("\n\n")):
        print("" if place == 0 else "\n", end="")
        print(paragraph if wide is None else fill(paragraph, wide, break_long_words=False, break_on_hyphens=False))


def remark(text: str) -> None:
    """A line to stderr, as it is."""
    print(text, file=sys.stderr)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
    footer: Sequence[str] | None = None,
    prose: Sequence[str] = (),
) -> None:
    """A table to stdout: the first `left` columns to the left, numbers to the right; columns in `prose` wrap where the screen is narrow."""
    console = Console()
    screen = console.width if sys.stdout.isatty() else None
    wide, table = table_of(columns, rows, left, footer, prose, screen)
    Console(width=max(wide, console.width), soft_wrap=True).print(table)


def table_of(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int,
    footer: Sequence[str] | None,
    prose: Sequence[str],
    screen: int | None,
) -> tuple[int, Table]:
    """The table for a screen of so many characters, None where nobody looks and nothing wraps, and how wide it is.

    Names and numbers are never cut. Prose wraps to what is left, and goes where less than NARROWEST characters are left for each.
    """
    cells = [columns, *rows, *([footer] if footer else [])]
    widths = [max(cell_len(line) for row in cells for line in row[place].splitlines() or [""]) for place in range(len(columns))]
    kept, wide = list(range(len(columns))), sum(widths) + GAP * (len(columns) - 1)
    texts = [place for place in kept if columns[place] in prose]
    if screen is not None and texts and wide > screen:
        room = screen - wide + sum(widths[place] for place in texts)
        if room < sum(min(widths[place], NARROWEST) for place in texts):
            kept = [place for place in kept if place not in texts]
        else:
            fit(widths, texts, room)
        wide = sum(widths[place] for place in kept) + GAP * (len(kept) - 1)
    table = Table(
        box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", show_footer=footer is not None, footer_style="bold"
    )
    for place in kept:
        foot = escape(footer[place]) if footer else ""
        side: JustifyMethod = "left" if place < left else "right"
        table.add_column(escape(columns[place]), foot, justify=side, width=widths[place], overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[place]) for place in kept))
    return wide, table


def fit(widths: list[int], texts: Sequence[int], room: int) -> None:
    """Narrow the columns of prose, the widest first, until together they have the room."""
    while sum(widths[place] for place in texts) > room:
        widest = max(texts, key=lambda place: widths[place])
        widths[widest] -= 1
