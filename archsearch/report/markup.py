"""Pieces of HTML; everything that goes in is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit


class Cell(NamedTuple):
    """One cell of a table: HTML, and the number to sort by."""

    html: str
    value: float | None = None


class Column(NamedTuple):
    """Head of a column: `text` columns stand left, `sorts` makes the head a button; `sorted` says how the rows come."""

    title: str
    text: bool = False
    sorts: bool = False
    wraps: bool = False
    sorted: Literal["", "ascending", "descending"] = ""


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """A table in a box that scrolls sideways when it is too wide."""
    heads = "".join(head(column) for column in columns)
    body = "\n".join(f"<tr>{''.join(map(data, columns, row))}</tr>" for row in rows)
    return f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def head(column: Column) -> str:
    """One head of a table."""
    title = escape(column.title)
    order = f' aria-sort="{column.sorted}"' if column.sorted else ""
    return f"<th{look(column)}{order}>{f'<button>{title}</button>' if column.sorts else title}</th>"


def data(column: Column, cell: Cell) -> str:
    """One cell of a table."""
    value = "" if cell.value is None else f"{cell.value:.17g}"
    given = f' data-value="{value}"' if column.sorts else ""
    return f"<td{look(column)}{given}>{cell.html}</td>"


def look(column: Column) -> str:
    """The class attribute of a column's cells."""
    names = " ".join(name for name, given in (("text", column.text), ("wrap", column.wraps)) if given)
    return f' class="{names}"' if names else ""


def pairs(items: Mapping[str, Any]) -> str:
    """Names and values as a list in two columns."""
    inner = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(plain(value))}</dd>" for name, value in items.items())
    return f'<dl class="pairs">{inner}</dl>'


def plain(value: Any) -> str:
    """A setting's value for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " x ".join(map(plain, value)) if all(type(item) is int for item in value) else ", ".join(map(plain, value))
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def link(text: str, target: str | None) -> str:
    """Text that leads to a file beside the page; a target on another host or with a scheme is left out."""
    parts = urlsplit(target or "")
    if not target or parts.scheme or parts.netloc or target.startswith(("/", "\\")):
        return escape(text)
    return f'<a href="{escape(target)}">{escape(text)}</a>'
