"""What the live page sends and costs: `python -m benchmarks.live`. Bars: 10 kB for one more trial at 10,000; 1 % of a search's time.

`python -m benchmarks.live cost` measures what it costs a running search alone.
"""

from __future__ import annotations

import http.client
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from archsearch.evaluators.table import Table
from archsearch.live.server import Served, listen
from archsearch.runs.search import search
from archsearch.runs.store import Run, Store, open_run
from archsearch.spaces.space import load_space
from archsearch.strategies import Random
from archsearch.trial import Trial
from benchmarks.timing import show

TRIALS = (100, 1_000, 10_000)
MORE, BROWSERS = 20, 3
SEARCH = "search chain --data digits --strategy random --trials 24 --workers 2 --fidelity none --quiet --evaluator-set epochs=40"
ROUNDS = 3


def grown(folder: Path, count: int) -> Run:
    """A run of so many trials: those of a short search, over and over, with curves of 20 epochs."""
    table = Table()
    run = search(load_space("small_cell", **table.setting()), Random(), table, trials=50, workers=0, out=folder)
    store = Store(folder)
    networks = [run.genotype(trial.number) for trial in run.trials]
    for number in range(len(run.trials), count):
        store.add(another(run, number), networks[number % len(networks)], {"duplicate": 1}, 1.0)
    store.close()
    return open_run(folder)


def another(run: Run, number: int) -> Trial:
    """One more trial of a run."""
    like = run.trials[number % 50]
    error = like.metrics["error"] * (1 + number / 1e6)
    metrics = {**like.metrics, "error": error}
    curve = tuple({"train_loss": 2.0 / (epoch + 1) + number / 1e7, "error": error + 0.3 / (epoch + 1)} for epoch in range(20))
    return Trial(number, like.choices, f"{number:032x}", metrics, (error, *(like.values or ())[1:]), curve=curve)


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """The server of a run, in a thread."""
    served = listen(folder, port=0)
    thread = threading.Thread(target=served.run)
    thread.start()
    yield served
    served.end()
    thread.join()


def connected(address: str, path: str) -> http.client.HTTPResponse:
    """The beginning of an answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", path)
    return connection.getresponse()


def sent(folder: Path, count: int) -> list[str]:
    """Bytes of one more trial, seconds from its record to its arrival, and seconds and bytes of the page, for a run of so many trials."""
    run = grown(folder, count)
    network = run.genotype(0)
    sizes, waits = [], []
    with serving(folder) as served:
        began = time.perf_counter()
        page = connected(served.address, f"/run/{folder.name}/").read()
        opened = time.perf_counter() - began
        place = page.decode().partition('data-place="')[2].partition('"')[0]
        stream = connected(served.address, f"/run/{folder.name}/events?place={place}")
        store = Store(folder)
        for number in range(count, count + MORE):
            told = time.perf_counter()
            store.add(another(run, number), network, {"duplicate": 1}, 1.0)
            sizes.append(event_size(stream))
            waits.append(time.perf_counter() - told)
        store.close()
    return [f"{count:,}", f"{median(sizes):,.0f}", f"{max(sizes):,}", f"{median(waits):.2f}", f"{opened:.1f}", f"{len(page) / 1e6:.1f}"]


def event_size(stream: http.client.HTTPResponse) -> int:
    """Bytes of the next event with trials."""
    size, found = 0, False
    for line in stream:
        size, found = size + len(line), found or b'"rows"' in line
        if found and line == b"\n":
            break
    return size


def cost(scratch: Path) -> list[list[str]]:
    """What a real search takes alone, and followed by browsers, in turn; and what the server computed meanwhile.

    Seconds are of the processor, of the search and its workers: those on the clock change more from one search to the next than what is
    looked for. On a machine with no processor to spare, what the server computed comes to them. What it takes to open the page, once a
    browser as the search begins, is told apart.
    """
    alone, followed, opened, served = list[float](), list[float](), list[float](), list[float]()
    for number in range(ROUNDS):
        alone.append(searched(scratch / f"alone{number}", False)[0])
        computed, opening, following = searched(scratch / f"followed{number}", True)
        followed.append(computed)
        opened.append(opening)
        served.append(following / computed)
    names = ("alone", f"followed by {BROWSERS} browsers")
    measured = zip(names, (alone, followed), strict=True)
    rows = [[name, f"{median(times):.2f}", f"{min(times):.2f}", f"{max(times):.2f}", "", "", ""] for name, times in measured]
    more = median(other / own for own, other in zip(alone, followed, strict=True)) - 1
    rows[1][4:] = [f"{100 * more:+.1f} %", f"{median(opened):.2f} s", f"{100 * median(served):.2f} %"]
    return rows


def searched(out: Path, watched: bool) -> tuple[float, float, float]:
    """Seconds of the processor that a search and its workers took, and those that the server took to open the pages, and after."""
    command = [sys.executable, "-c", "from archsearch.cli import main; main()", *SEARCH.split(), "--out", str(out)]
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(out)], stdout=subprocess.PIPE, text=True) if watched else None
    ended, before, pages = threading.Event(), 0.0, list[float]()
    if server is not None and server.stdout is not None:
        address, before = server.stdout.readline().strip(), processor_seconds(server.pid)
        for _ in range(BROWSERS):
            threading.Thread(target=browse, args=(address, out.name, ended, server.pid, pages), daemon=True).start()
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)  # of what ended meanwhile: the search, and what it waited for
    ended.set()
    opening = following = 0.0
    if server is not None:
        opened = sorted(pages)[BROWSERS - 1]  # those that are asked for again later are part of following
        opening, following = opened - before, processor_seconds(server.pid) - opened
        server.terminate()
        server.wait()
    return spent.ru_utime + spent.ru_stime - began.ru_utime - began.ru_stime, opening, following


SERVER = """
import sys
from pathlib import Path
from archsearch.live.server import listen
served = listen(Path(sys.argv[1]), port=0, alone=True)
print(served.address, flush=True)
served.run()
"""


def browse(address: str, name: str, ended: threading.Event, server: int, pages: list[float]) -> None:
    """As a browser: wait until the run can be read, then follow it from a place without asking for the page again.

    Noted is what the server had computed when the page was there.
    """
    while not ended.is_set():
        page = connected(address, f"/run/{name}/").read().decode()
        place = page.partition('data-place="')[2].partition('"')[0]
        pages += [processor_seconds(server)] if place else []
        for line in connected(address, f"/run/{name}/events?place={place}"):
            if ended.is_set() or line.startswith(b"event: again"):
                break


def processor_seconds(process: int) -> float:
    """Processor time of a process, as Linux counts it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = []
        for count in TRIALS if sys.argv[1:] != ["cost"] else ():
            rows.append(sent(Path(scratch, "run"), count))
            shutil.rmtree(Path(scratch, "run"))
        columns = ["trials", "bytes for one more", "largest", "seconds until it is there", "page, seconds", "page, MB"]
        if rows:
            show("One more trial (bar: 10,000 bytes at 10,000 trials)", columns, rows)
        columns = ["search of 24 trials", "seconds of the processor", "least", "most", "more", "opening", "server after that"]
        show("Cost to a running search (bar: 1 %)", columns, cost(Path(scratch)))


if __name__ == "__main__":
    main()
