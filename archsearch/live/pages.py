"""The pages that only a server has: the list of runs, runs beside each other, and a run that cannot be read yet."""

from __future__ import annotations

from html import escape

from archsearch.report.page import library
from archsearch.support.offline_page import asset, bundle, offline_page

LIST = """<header>
<h1>{title}</h1>
<p class="about" id="line" role="status">Reading the runs …</p>
</header>
<main>
<div class="scroll" tabindex="0" role="region" aria-label="Runs"><table id="runs" hidden><thead></thead><tbody></tbody></table></div>
<p class="actions buttons"><button type="button" id="compare" hidden disabled></button></p>
</main>"""
WAITING = """<header>
{up}
<h1>{title}</h1>
</header>
<main><p class="empty" id="line" role="status">{line}</p></main>"""
BESIDE = """<header>
<p class="up"><a href="./">All runs</a></p>
<h1>Runs beside each other</h1>
<p class="about" id="line" role="status">Reading the runs …</p>
</header>
<main>
<section hidden><h2>Fronts</h2><p class="note">Networks that no other of the same run beats in all of these.</p>
<div class="figures" id="fronts"></div></section>
<section hidden><h2>Hypervolume</h2><p class="note" id="about"></p><div class="figures" id="growth"></div></section>
<section><h2>Figures</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table id="runs"><thead></thead><tbody></tbody></table></div></section>
</main>
<p id="said" role="status" aria-live="polite"></p>
<script type="application/gzip" id="library">{library}</script>"""
UP = '<p class="up"><a href="../../">All runs</a></p>'


def style() -> str:
    """The style of all pages that a server gives, after that of the reports."""
    return asset("live/live.css")


def page(title: str, body: str, script: str, digests: tuple[str, ...] = ()) -> str:
    """A page that hears news; `body` is HTML, `script` a module of this room."""
    looks = asset("report/page.css") + asset("report/dashboard.css") + style()
    return offline_page(title, body, looks, bundle(f"live/{script}"), digests, "connect-src 'self'")


def list_page(title: str) -> str:
    """The list of all runs."""
    return page(title, LIST.format(title=escape(title)), "runs.js")


def waiting_page(title: str, line: str, several: bool) -> str:
    """A run that cannot be read, and why; it becomes the run's page once it can."""
    return page(title, WAITING.format(title=escape(title), line=escape(line), up=UP if several else ""), "waiting.js")


def compare_page() -> str:
    """Runs beside each other, those that its address names."""
    return page("Runs beside each other", BESIDE.format(library=library().text), "compare.js", (library().digest,))
