"""Pages of sections and charts: a single file that asks no host for anything."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import NamedTuple

from archsearch.figures import chart as figures
from archsearch.figures.library import library_text
from archsearch.report.sections import Chart, Section
from archsearch.support.offline_page import asset, bundle, digest, offline_page, script_json
from archsearch.support.writing import write_text

BODY = """{header}
<main>
{main}
</main>
{footer}
{library}"""
LIBRARY = """<script type="application/json" id="figures">{figures}</script>
<script type="application/gzip" id="library">{packed}</script>"""


class ReportError(Exception):
    """A report that cannot be written; one line."""


def write_page(text: str, path: str | Path) -> Path:
    """Write a page to a file, whole or not at all; its folder is made.

    Raises:
        ReportError: the file cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text)
    except OSError as error:
        raise ReportError(f"{target} cannot be written: {error.strerror or error}; free space or rights, or choose another path") from error
    return target


def filled(title: str, head: str, shown: Sequence[Section], foot: str) -> str:
    """A page of these parts; head and foot are HTML. The library of charts comes along where there are any."""
    charts = [chart for section in shown for chart in section.charts]
    packed = library()
    body = BODY.format(
        header=head,
        main="\n".join(map(section_html, shown)),
        footer=foot,
        library=LIBRARY.format(figures=figures_json(charts), packed=packed.text) if charts else "",
    )
    return offline_page(title, body, asset("report/page.css"), bundle("report/page.js"), [packed.digest])


def section_html(section: Section) -> str:
    """One part of the page."""
    note = f'<p class="note">{escape(section.note)}</p>' if section.note else ""
    places = "".join(f'<div class="figure{" tall" * chart.tall}" id="{chart.name}"></div>' for chart in section.charts)
    charts = f'<div class="figures">{places}</div>' if places else ""
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{note}{section.key}{charts}{section.html}\n</section>"


def figures_json(charts: list[Chart]) -> str:
    """All charts as JSON that may stand in a script element."""
    drawn = ", ".join(f"{json.dumps(chart.name)}: {chart.figure.to_json()}" for chart in charts)
    return script_json(f'{{"config": {json.dumps(figures.CONFIG)}, "figures": {{{drawn}}}}}')


class Library(NamedTuple):
    """Plotly for the browser: gzip in base64, and the digest of the unpacked text for the page's policy."""

    text: str
    digest: str


@lru_cache(maxsize=1)
def library() -> Library:
    """The library that the installed plotly brings, packed: half a megabyte."""
    text = library_text()
    return Library(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(), digest(text))
