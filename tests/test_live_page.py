"""The live pages in a browser: what a person sees while real searches run, without a reload."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archsearch.runs.store import open_run
from tests.browser import ABSENT, chromium, opened, until
from tests.live_server import searching, serving
from tests.runs import small_search

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(ABSENT), reason=ABSENT)]

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
HOSTILE = "<img src=x onerror=alert(1)>\u202e'\"&"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("first", HOSTILE)):
        small_search(root / name, trials=15 + 5 * seed, seed=seed)
    (root / "broken").mkdir()
    (root / "broken" / "run.json").write_text("{")
    return root


@pytest.mark.slow
def test_a_run_grows_on_its_page_while_it_is_searched(browser: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with serving(run, alone=True) as served, opened(browser, f"{served.address}run/run/") as page:
        assert "no run, or not yet one" in page.locator("#line").text_content()
        with searching(run, 40, 0.25) as search:
            page.wait_for_selector("#app:visible", timeout=30_000)  # the page that says why becomes that of the run
            begun = int(page.locator("[data-number=trials] span").text_content())
            assert "running, " in page.locator("h1 .status").text_content()
            page.evaluate("window.same = true")
            page.locator("#trials tbody tr").first.click()
            until(page, "location.hash !== ''")
            selected = page.evaluate("location.hash")
            until(page, f"Number(document.querySelector('[data-number=trials] span').textContent) > {begun + 5}", 20)
            assert search.wait(60) == 0
            until(page, "document.querySelector('h1 .status').textContent === ''", 20)
        assert int(page.locator("[data-number=trials] span").text_content()) == len(open_run(run).trials) == 40
        assert int(page.locator("[data-number=on] span").text_content()) == len(open_run(run).front())
        assert page.evaluate("window.same"), "the page was loaded anew"
        assert page.evaluate("location.hash") == selected
        until(page, "document.querySelector('#trial svg') !== null", 10)  # the drawing of a trial that came later is asked of the server
        run.rename(tmp_path / "elsewhere")
        until(page, "document.getElementById('news').textContent.includes('no run')", 10)
        (tmp_path / "elsewhere").rename(run)
        until(page, "document.getElementById('news').hidden", 10)


def test_a_page_says_when_its_server_is_gone(browser: Any, runs: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serving(runs / "first") as served:
        page.goto(served.address)
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        assert not page.locator("#news").is_visible()
        rows = page.locator("#trials tbody tr").all_text_contents()
    until(page, "!document.getElementById('news').hidden", 10)
    assert page.locator("#news").is_visible()
    assert page.locator("#news").text_content().startswith("The connection is lost")
    assert page.locator("#news").get_attribute("class") == "wrong"
    assert rows
    assert page.locator("#trials tbody tr").all_text_contents() == rows, "what was known stays"
    context.close()


def test_runs_are_listed_and_set_beside_each_other(browser: Any, runs: Path) -> None:
    with serving(runs) as served, opened(browser, served.address) as page:
        names = page.locator("#runs tbody a").all_text_contents()
        assert sorted(names) == sorted([HOSTILE, "broken", "first"])
        assert "3 runs, none running." in page.locator("#line").text_content()
        assert page.locator("#compare").is_disabled()
        assert page.locator("#runs input:disabled").count() == 1
        for box in page.locator("#runs input:enabled").all():
            box.check()
        small_search(runs / "later", trials=3)
        until(page, "document.querySelectorAll('#runs tbody tr').length === 4", 10)
        assert page.locator("#runs input:checked").count() == 2, "what was chosen stays chosen"
        page.locator("#compare").click()
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        page.wait_for_selector("#fronts .chart[data-drawn]")
        assert sorted(page.locator("#runs tbody .name").all_text_contents()) == sorted([HOSTILE, "first"])
        assert page.locator("#fronts .legendtext").count() == 2
        assert "reference point 10% beyond the worst" in page.locator("#about").text_content()
        page.locator("#fronts button", has_text="Table").click()
        rows = page.locator("#fronts .twin tbody tr").count()
        assert rows == sum(len(open_run(runs / name).front()) for name in ("first", HOSTILE))
        page.wait_for_selector("#growth .chart[data-drawn]")


@pytest.mark.slow
@pytest.mark.parametrize(("dark", "width"), [(False, 1440), (True, 390)])
def test_lists_and_comparisons_can_be_used_by_everybody(browser: Any, runs: Path, dark: bool, width: int) -> None:
    with serving(runs) as served:
        for path in ("", "compare?run=first", "run/broken/"):
            with opened(browser, served.address + path, dark=dark, width=width) as page:
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
                if AXE.is_file():
                    page.evaluate(AXE.read_text(encoding="utf-8"))
                    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
                    told = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]
                    assert not told, "\n".join(told)
