"""The search of `make search`, seed by seed, beside a plain hand-written network trained in the same run: `python -m benchmarks.search`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from archsearch.analysis import analyse
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.network.builder import Builder
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU
from archsearch.runs.store import Run, open_run
from archsearch.trial import Trial
from benchmarks.timing import show

SEEDS = (0, 1, 2)
MAX_PARAMS, BAR_SECONDS, BAR_TRIALS, BAR_ACCURACY = 20_000, 90, 60, 0.985


class Searched(NamedTuple):
    """A run and how long its command took."""

    run: Run
    seconds: float


def plain_network() -> Genotype:
    """The plain CNN that one would write by hand: three convolutions with batch norm, 16,858 params."""
    b = Builder((1, 8, 8))
    x = b.input
    for stage, width in enumerate((16, 32, 40)):
        x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(width, bias=False), x)))
        x = b(MaxPool2d(2), x) if stage < 2 else x
    return b.genotype(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), x))))


def by_hand(folder: Path, seed: int) -> tuple[float, float]:
    """Test accuracy of the plain network with the training that every candidate gets, and its seconds."""
    train = Train()
    candidate = Candidate(0, plain_network(), seed, folder / f"plain{seed}.safetensors")
    began = time.perf_counter()
    train.evaluate(candidate, lambda epoch, metrics: False)
    return 1 - train.test(candidate)["error"], time.perf_counter() - began


def search_command() -> list[str]:
    """The search in the Makefile, without `--seed` and `--out`."""
    make = shutil.which("make") or "make"
    lines = subprocess.run(
        [make, "--dry-run", "--silent", "search"], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    ).stdout
    words = lines.replace("\\\n", " ").strip().splitlines()[-1].split()
    start, end = words.index("search"), words.index("--seed")
    return [sys.executable, "-c", "from archsearch.cli import main; main()", *words[start:end]]


def searched(folder: Path, seed: int) -> Searched:
    """Run the command as a user would: report and export included."""
    out = folder / str(seed)
    began = time.perf_counter()
    subprocess.run([*search_command(), "--seed", str(seed), "--out", str(out), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return Searched(open_run(out), time.perf_counter() - began)


def row(folder: Path, seed: int) -> list[str]:
    """One seed: the search, and the plain network beside it."""
    run, seconds = searched(folder, seed)
    front = [trial for trial in run.front() if trial.metrics["params"] <= MAX_PARAMS]
    best, small = most_accurate(front), smallest(front)
    accuracy, alone = by_hand(folder, seed)
    tested, of_small = (100 * (1 - run.tests[trial.number]["error"]) for trial in (best, small))
    params = small.metrics["params"]
    return [
        str(seed), f"{seconds:.1f}", str(len(run.trials)), f"{tested:.2f}", f"{best.metrics['params']:,}", f"{params:,.0f}",
        f"{of_small:.2f}", f"{100 * accuracy:.2f}", f"{params / analyse(plain_network()).params:.2f}", f"{seconds / alone:.0f}",
    ]  # fmt: skip


def most_accurate(front: Sequence[Trial]) -> Trial:
    """The network with the least validation error, of equal ones the smallest: the test part only says how good the choice was."""
    return min(front, key=lambda trial: (trial.metrics["error"], trial.metrics["params"]))


def smallest(front: Sequence[Trial]) -> Trial:
    """The smallest network that reaches the bar on the validation part, else the most accurate."""
    good = [trial for trial in front if trial.metrics["error"] <= 1 - BAR_ACCURACY]
    return min(good or [most_accurate(front)], key=lambda trial: trial.metrics["params"])


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        rows = [row(Path(scratch), seed) for seed in SEEDS]
    show(
        f"Search as in `make search` (bars: {BAR_SECONDS} s, {BAR_TRIALS} trials, {100 * BAR_ACCURACY} % at {MAX_PARAMS:,} params)",
        ["seed", "seconds", "trials", "test %", "params", "least at 98.5 %", "its test %", "plain %", "params / plain", "time / plain"],
        rows,
    )


if __name__ == "__main__":
    main()
