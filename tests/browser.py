"""A browser for tests of pages: Debian's Chromium by Playwright, and what a page said and asked for while it was open."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
ABSENT = (
    "no browser: these tests need Playwright (pip install playwright) and Chromium (apt-get install chromium)"
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None
    else ""
)
"""Why there is no browser; empty where there is one."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, closed in the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield found
        finally:
            found.close()


@contextmanager
def opened(browser: Any, address: str, dark: bool = False, width: int = 1440, height: int = 900, **more: Any) -> Iterator[Any]:
    """A page that is ready; in the end it has said no error, and asked for nothing that its own address does not begin with.

    Chromium's own requests for blob: and data: stay within the page.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True, **more
    )
    said: list[str] = []
    asked: list[str] = []
    context.set_default_timeout(4_000)
    page = context.new_page()
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}") if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(f"raised: {error}"))
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=30_000)
        yield page
        assert not said, said
        own = address.partition("#")[0] if address.startswith("file:") else address.rpartition("/")[0]
        assert [url for url in asked if not url.startswith((own, "blob:", "data:"))] == []
    finally:
        context.close()


def until(page: Any, condition: str, seconds: float = 8) -> None:
    """Wait for a condition; Playwright's own way of asking again and again is refused by the page's policy. Raises TimeoutError."""
    for _ in range(int(seconds * 50)):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise TimeoutError(condition)


def address_of(path: Path, hash: str = "") -> str:
    """The address of a file."""
    return path.resolve().as_uri() + hash
