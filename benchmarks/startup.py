"""How long commands take to answer, beside a bare `import torch`: `python -m benchmarks.startup`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from archsearch.spaces.space import load_space
from benchmarks.timing import interleaved, ratio, show

ROUNDS = 7
COMMAND = "import sys; from archsearch.cli import main; sys.argv[0] = 'archsearch'; main()"


def call(code: str, *arguments: str) -> None:
    """A Python process of its own."""
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "genotype.json")
        file.write_text(load_space("cell").sample(np.random.default_rng(0)).genotype.to_json())
        commands = {
            "--help": (0.3, ["--help"]),
            "search --help": (0.5, ["search", "--help"]),
            "show genotype.json": (1.0, ["show", str(file)]),
        }
        calls = {name: partial(call, COMMAND, *arguments) for name, (_, arguments) in commands.items()}
        times = interleaved({**calls, "import torch": partial(call, "import torch")}, ROUNDS)
    bars = {name: f"{bar:g}" for name, (bar, _) in commands.items()}
    rows = [
        [name, f"{median(taken):.3f}", bars.get(name, ""), f"{ratio(taken, times['import torch']):.2f}"] for name, taken in times.items()
    ]
    show("Seconds to an answer", ["command", "seconds", "bar", "/ import torch"], rows)


if __name__ == "__main__":
    main()
