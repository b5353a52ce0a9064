"""Networks that others wrote, imported: how many come in, right, with which costs, how fast: `python -m benchmarks.importing`.

The smallest member of every family of seven libraries, with random weights and norms that have seen images, on one thread, in a process
of its own. The libraries are those of the extra `wild`, which brings no torch of its own: pip install -c constraints.txt ".[wild]"
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from archsearch import compile_network, zoo
from archsearch.design.importer import imported
from benchmarks.importing.families import LIBRARIES, prepare
from benchmarks.importing.one import LIMIT
from benchmarks.timing import interleaved, ratio, show

BUILDING = 300.0
"""Seconds for loading a library and building the network besides."""
ROUNDS = 3
Row = dict[str, Any]


def run(library: str, name: str, what: str = "one") -> Row:
    """One network: imported (`one`), or taken through every command (`onward`)."""
    command = [sys.executable, "-P", "-m", f"benchmarks.importing.{what}", library, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT + BUILDING, check=False, env=environment())
    except subprocess.TimeoutExpired:
        return {"library": library, "name": name, "status": "hangs", "why": f"over {LIMIT + BUILDING:g} s", "seconds": LIMIT + BUILDING}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"library": library, "name": name, "status": "traceback", "why": done.stderr.strip()[-200:] or f"exit {done.returncode}"}
    row: Row = json.loads(lines[-1])
    return row


def environment() -> dict[str, str]:
    """That of this process, with one thread."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])),
    }


def known(file: Path | None) -> list[Row]:
    """Rows of an earlier run; a line that is not whole, because that was stopped, is left out."""
    if file is None or not file.exists():
        return []
    whole = file.read_text().rpartition("\n")[0]
    file.write_text(f"{whole}\n" if whole else "")
    return [json.loads(line) for line in whole.splitlines()]


def rows(libraries: Sequence[str], file: Path | None) -> Iterator[Row]:
    """A row for every network, those of an earlier run first."""
    before = [row for row in known(file) if row["library"] in libraries]
    yield from before
    done = {(row["library"], row["name"]) for row in before}
    for library in libraries:
        for name in LIBRARIES[library][0]():
            if (library, name) in done:
                continue
            row = run(library, name)
            if file is not None:
                with file.open("a") as out:
                    out.write(json.dumps(row) + "\n")
            print(f"{library} {name}: {row['status']} {row.get('why', '')}"[:150], file=sys.stderr)
            yield row


def told(name: str, own: Sequence[Row]) -> list[str]:
    """A line of the table."""
    came = [row for row in own if row["status"] == "imported"]
    nodes, borrowed = sum(row["nodes"] for row in came), sum(row["borrowed"] for row in came)
    seconds = [row["seconds"] for row in own if "seconds" in row]
    counts = [
        len(own),
        len(came),
        sum(row["status"] == "wrong" for row in own),
        sum(row["params"] for row in came),
        sum(row["macs"] for row in came),
    ]
    slow = sum(taken > LIMIT for taken in seconds)
    share = f"{1 - borrowed / nodes:.1%}" if nodes else ""
    return [name, *map(str, counts), share, f"{median(seconds):.1f}" if seconds else "", f"{max(seconds, default=0):.0f}", str(slow)]


def main() -> None:
    """Print the table, why the others did not come in, and how long a ResNet-50 takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", action="append", choices=[*LIBRARIES])
    parser.add_argument("--out", type=Path, help="JSON lines, one a network; what stands there is not run again")
    parser.add_argument("--list", action="store_true", help="names alone")
    parser.add_argument("--onward", type=int, metavar="COUNT", help="take so many of the networks that --out lists through every command")
    given = parser.parse_args()
    prepare()
    libraries = given.library or [*LIBRARIES]
    if given.list:
        print("\n".join(f"{library} {name}" for library in libraries for name in LIBRARIES[library][0]()))
        return
    if given.onward and given.out is None:
        parser.error("--onward takes networks from a run before: give its --out FILE")
    if given.onward:
        onward([row for row in known(given.out) if row["status"] == "imported" and row["library"] in libraries], given.onward)
        return
    found = [row for row in rows(libraries, given.out) if row["status"] != "not built"]
    table = [told(library, [row for row in found if row["library"] == library]) for library in libraries]
    columns = ["library", "networks", "come in", "wrong", "params", "MACs", "own ops", "median s", "most s", "over 60 s"]
    show("Networks imported", columns, [*table, told("all", found)])
    for row in found:
        if row["status"] != "imported":
            print(f"{row['library']} {row['name']}: {row['status']}: {row.get('why', row.get('off'))}")
    resnet()


def onward(came: Sequence[Row], count: int) -> None:
    """Networks from all over the list, through the commands that a network of our own goes through."""
    chosen = [came[place * len(came) // count] for place in range(min(count, len(came)))]
    found = [run(row["library"], row["name"], "onward") for row in chosen]
    for row in found:
        if row.get("failed", True):
            print(f"{row['library']} {row['name']}: {row.get('failed') or row}")
    through = sum(row.get("failed") == {} for row in found)
    print(f"{through} of {len(found)} go through show, lint, draw, diff, export and around with 20 samples")


def resnet() -> None:
    """A ResNet-50: its import beside the trace alone."""
    torch.set_num_threads(1)
    module: nn.Module = compile_network(zoo.build("resnet50")).eval()
    x = torch.zeros(2, 3, 224, 224)
    times = interleaved({"import": lambda: imported(module, x), "torch.export": lambda: torch.export.export(module, (x,))}, ROUNDS)
    line = [f"{median(taken):.1f}" for taken in times.values()]
    show("ResNet-50", ["import s", "torch.export s", "ratio"], [[*line, f"{ratio(times['import'], times['torch.export']):.2f}"]])


if __name__ == "__main__":
    main()
