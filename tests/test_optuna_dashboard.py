"""A run in optuna-dashboard, as its users see it: the study in its list, values, constraints and curves, and the drawing of a network."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from archsearch.optuna import write_study
from archsearch.strategies import Random
from tests.browser import ABSENT, chromium
from tests.runs import small_search

pytest.importorskip("optuna_dashboard", reason="needs optuna-dashboard: pip install optuna-dashboard")
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(bool(ABSENT), reason=ABSENT)]
PATIENCE_S = 60


@contextmanager
def served(file: Path) -> Iterator[str]:
    """The address of a dashboard, started by the command that `archsearch study` names."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [program, f"sqlite:///{file}", "--artifact-dir", f"{file}.artifacts", "--port", str(port)]
    process, address = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE_S
        while not answers(address):
            assert process.poll() is None, "optuna-dashboard ended"
            assert time.monotonic() < until, f"no optuna-dashboard after {PATIENCE_S} s"
            time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


def answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/api/meta", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_dashboard_shows_a_run_with_its_drawings(tmp_path: Path) -> None:
    run = small_search(tmp_path / "mine", Random(), trials=8, objectives=("error", "max:params"))
    write_study(run, tmp_path / "optuna.db")
    [best] = run.front()  # whose error is least where params are most
    said: list[str] = []
    with served(tmp_path / "optuna.db") as address, chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(f"raised: {error}"))
        page.goto(f"{address}/dashboard/")
        page.get_by_text("mine").first.click()
        page.get_by_text(f"Best Trial (number={best.number})").wait_for()
        assert f"Objective Values = [{best.metrics['error']}, {best.metrics['params']:.0f}]" in page.inner_text("body")
        page.goto(f"{address}/dashboard/studies/1/trials?numbers={best.number}")
        picture = page.locator(f"img[src^='/artifacts/1/{best.number + 1}/']")
        picture.wait_for()
        until = time.monotonic() + PATIENCE_S
        while not picture.evaluate("image => image.naturalWidth") and time.monotonic() < until:
            page.wait_for_timeout(50)
        assert picture.evaluate("image => image.naturalWidth") > 100
        shown = page.inner_text("body")
    for words in (f"trial-{best.number:04d}.svg", *map(str, best.choices.values()), *(str(step["error"]) for step in best.curve)):
        assert words in shown
    assert said == []
