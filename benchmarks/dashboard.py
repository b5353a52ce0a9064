"""The page of a run at 2,000, 10,000 and 20,000 trials: its bytes, the memory to write it, how soon it can be used in a browser.

`python -m benchmarks.dashboard` needs Chromium and Playwright; every trial has a network of its own from the space `small_cell`.
`... pages` measures these alone, `... beside` the smallest one beside the same study in optuna-dashboard.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from archsearch import Genotype, load_space, zoo
from archsearch.analysis import Budget, analyse
from archsearch.report.dashboard import write_report
from archsearch.report.summary import Summary
from archsearch.runs.opened import open_run
from archsearch.runs.record import Record
from archsearch.runs.store import Store
from archsearch.trial import Failure, Objective, Trial
from benchmarks.timing import show
from tests.browser import ABSENT, address_of, chromium, opened

SIZES = (2_000, 10_000, 20_000)
SPACE, DISTINCT, EPOCHS = "small_cell", 4_000, 10
GOALS = (Objective("error"), Objective("params"))
WRITE = """
import json, resource, sys, time
from pathlib import Path
from archsearch.runs.opened import open_run
from archsearch.report.of_run import report_run
run = open_run(sys.argv[1])
len(run.trials), run.seconds
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
page = report_run(run, Path(sys.argv[2]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([page.stat().st_size, (after - before) * 1024, time.perf_counter() - start]))
"""
CLICK = """async (number) => { const start = performance.now();
  document.querySelector(`#trials tr[data-trial="${number}"] button`).click();
  const body = document.getElementById("trial-body");
  while (body.dataset.shown !== `Drawing ${number}`) await new Promise((done) => setTimeout(done, 0));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))); return performance.now() - start; }"""
"""From a click until the next picture of the screen is painted."""
SINCE = "performance.now()"
"""Milliseconds since the page began to load."""


PEER = """
import sys
from optuna_dashboard import run_server
run_server(f"sqlite:///{sys.argv[1]}", host="127.0.0.1", port=int(sys.argv[2]))
"""
ROUNDS = 5
PLOTTED = """new MutationObserver((_, observer) => {
  if (!document.querySelector(".js-plotly-plot .trace path")) return;
  performance.mark("plotted");
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });"""


def networks() -> list[tuple[dict[str, Any], Genotype]]:
    """Random networks with the choices that they came from."""
    space = load_space(SPACE)
    drawn = [space.sample(np.random.default_rng([7, number])) for number in range(DISTINCT)]
    return [(dict(one.choices), one.genotype) for one in drawn]


def study(folder: Path, count: int, drawn: list[tuple[dict[str, Any], Genotype]]) -> None:
    """A run of so many trials whose errors fall with their size, one in twenty failed, each with a learning curve."""
    record = Record(SPACE, {}, "random", {}, "train", {}, GOALS, Budget(params=10**7), count, 0, 1, 1)
    store, rng = Store.create(folder, record), np.random.default_rng(0)
    store._db.execute("PRAGMA synchronous=OFF")  # nobody waits for the disk here
    costs = [{"params": analyse(genotype).params, "macs": analyse(genotype).macs} for _, genotype in drawn]
    for number in range(count):
        choices, genotype = drawn[number % len(drawn)]
        cost: dict[str, float] = dict(costs[number % len(drawn)])
        error = float(0.04 + 8 / np.sqrt(cost["params"]) * rng.lognormal(0, 0.3))
        curve = tuple({"error": error + 0.3 / (epoch + 1), "loss": 1 / (epoch + 1) + error} for epoch in range(EPOCHS))
        metrics = {"error": error, "loss": error * 3, **cost}
        if number % 20 == 7:
            trial = Trial(number, choices, f"{number:032x}", cost, None, Failure("diverged", "loss is not finite"))
        else:
            trial = Trial(number, choices, f"{number:032x}", metrics, (error, cost["params"]), curve=curve)
        store.add(trial, genotype, {"duplicate": 1} if number % 9 == 0 else {}, float(rng.uniform(1, 30)))
    store.close()


def written(folder: Path, page: Path) -> tuple[int, int, float]:
    """Bytes of the page, bytes of memory that it took beyond the run that was read, and seconds; in a process of its own."""
    done = subprocess.run([sys.executable, "-c", WRITE, str(folder), str(page)], capture_output=True, text=True, check=True)
    size, memory, took = json.loads(done.stdout)
    return int(size), int(memory), float(took)


def used(browser: Any, page: Path) -> tuple[float, float]:
    """Seconds until the page is ready, and milliseconds from a click to a drawing; the best of three."""
    ready, clicks = [], []
    for _ in range(3):
        with opened(browser, address_of(page)) as tab:
            ready.append(tab.evaluate(SINCE) / 1000)
            numbers = [int(row.get_attribute("data-trial")) for row in tab.locator("#trials tr[data-trial]").all()]
            clicks += [tab.evaluate(CLICK, number) for number in numbers[1:6]]
    return min(ready), float(np.median(clicks))


def large(browser: Any, folder: Path) -> tuple[int, float]:
    """Nodes of a large network, and milliseconds to draw it with all scopes open."""
    genotype = zoo.build("resnet152", input=(3, 64, 64))
    if len(genotype.nodes) < 1000:
        genotype = zoo.build("densenet201", input=(3, 64, 64))
    cost = analyse(genotype)
    metrics = {"error": 0.1, "params": float(cost.params)}
    run = Summary("large", "", "", "", 0, GOALS, (Trial(0, {}, "0" * 32, metrics, (0.1, metrics["params"])),), (0,))
    page = write_report(run, folder / "large.html", lambda numbers: iter([(number, genotype.to_json()) for number in numbers]))
    code = """() => { const buttons = [...document.querySelectorAll("#trial .drawing [role=group] button")], start = performance.now();
      buttons[buttons.length - 1].click(); document.querySelector("#trial .drawing svg").getBoundingClientRect();
      return performance.now() - start; }"""
    with opened(browser, address_of(page)) as tab:
        tab.wait_for_selector("#trial .drawing svg rect[data-box]")
        return len(genotype.nodes), min(tab.evaluate(code) for _ in range(3))


@contextmanager
def peer(study: Path) -> Iterator[str]:
    """The address of the first study of a file in optuna-dashboard, which has read it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", PEER, str(study), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/dashboard/studies/1"
    finally:
        server.terminate()
        server.wait()


def first_plot(browser: Any, address: str) -> tuple[float, int]:
    """Seconds until the first chart has its data, and bytes that the browser was given until nothing more came; of files their size."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        tab = context.new_page()
        tab.add_init_script(PLOTTED)
        session, sizes = context.new_cdp_session(tab), list[float]()
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
        tab.goto(address)
        tab.wait_for_selector(".js-plotly-plot .trace path", state="attached", timeout=60_000)
        tab.wait_for_load_state("networkidle")
        return tab.evaluate("performance.getEntriesByName('plotted')[0].startTime") / 1000, int(sum(sizes))
    finally:
        context.close()


def beside(browser: Any, scratch: Path, drawn: list[tuple[dict[str, Any], Genotype]]) -> None:
    """Print a table of the page, and of the same study in optuna-dashboard, in turn; each was opened once before."""
    from archsearch.optuna import write_study

    folder, page, file = scratch / "beside", scratch / "beside.html", scratch / "beside.db"
    study(folder, SIZES[0], drawn)
    size = written(folder, page)[0]
    write_study(open_run(folder), file)
    with peer(file) as other:
        first_plot(browser, other)
        first_plot(browser, address_of(page))
        found = [(first_plot(browser, address_of(page))[0], *first_plot(browser, other)) for _ in range(ROUNDS)]
    ours, theirs = ([each[place] for each in found] for place in (0, 1))
    sizes = (size, min(each[2] for each in found))  # of theirs without what it asks for again and again
    rows = [
        [name, f"{np.median(times):.2f} s", f"{min(times):.2f}", f"{max(times):.2f}", f"{got / 1e6:.1f} MB"]
        for name, times, got in zip(("this page", f"optuna-dashboard {version('optuna-dashboard')}"), (ours, theirs), sizes, strict=True)
    ]
    rows.append(
        [
            "theirs, ours being 1",
            f"{np.median([b / a for a, b in zip(ours, theirs, strict=True)]):.1f}",
            "",
            "",
            f"{sizes[1] / sizes[0]:.1f}",
        ]
    )
    show(f"the same {SIZES[0]:,} trials", ["", "first plot (median)", "least", "most", "bytes"], rows)


def pages(browser: Any, scratch: Path, drawn: list[tuple[dict[str, Any], Genotype]]) -> None:
    """Print a table of pages of several sizes, and one of a large network."""
    rows = []
    for count in SIZES:
        folder, page = scratch / str(count), scratch / f"{count}.html"
        study(folder, count, drawn)
        size, memory, took = written(folder, page)
        ready, click = used(browser, page)
        rows.append([f"{count:,}", f"{size / 1e6:.1f} MB", f"{memory / 1e6:.0f} MB", f"{took:.1f} s", f"{ready:.1f} s", f"{click:.0f} ms"])
    nodes, drawn_ms = large(browser, scratch)
    heads = ["trials", "page", "memory to write", "to write", "usable after", "click to drawing"]
    show("the page of a run", heads, rows)
    show("a large network", ["nodes", "all scopes open"], [[f"{nodes:,}", f"{drawn_ms:.0f} ms"]])


def main() -> None:
    """Print the tables."""
    if ABSENT:
        raise SystemExit(ABSENT)
    drawn = networks()
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        for part in sys.argv[1:] or ("pages", "beside"):
            PARTS[part](browser, Path(name), drawn)


PARTS = {"pages": pages, "beside": beside}

if __name__ == "__main__":
    main()
