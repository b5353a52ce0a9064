"""How busy workers and the GPU were, in a line at the end of a search."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import NamedTuple

from archsearch.cli.progress import Tick
from archsearch.cli.timing import duration
from archsearch.runs.standing import Standing
from archsearch.units import prefixed

EVERY_SECONDS = 5
MOST_BYTES = 16_000_000
"""Of what is read back: some weeks."""


class Sample(NamedTuple):
    """Of one moment: the share of its time that the GPU computed, and bytes of its memory in use."""

    busy: float
    memory_bytes: int


@dataclass
class Utilisation:
    """What is seen while a search runs; samples of the GPU stand in the open `file`."""

    file: int | None = None
    latest: Standing | None = None

    def through(self, tick: Tick) -> Tick:
        """As `tick`, and what it is told last is kept."""

        def update(at: Standing) -> None:
            self.latest = at
            tick(at)

        return update

    def words(self) -> str:
        """The line; empty where nothing was evaluated."""
        if self.latest is None or self.latest.busy is None:
            return ""
        workers = f"workers were busy {100 * self.latest.busy:.0f} % of {duration(self.latest.elapsed)}"
        samples = [] if self.file is None else read_samples(os.pread(self.file, MOST_BYTES, 0))  # where the other writes stays
        if not samples:
            return workers
        busy, most = sum(sample.busy for sample in samples) / len(samples), max(sample.memory_bytes for sample in samples)
        return f"{workers}, the GPU {100 * busy:.0f} %; of its memory {prefixed(most, 'B')} were in use at most"


@contextmanager
def utilisation(device: str) -> Iterator[Utilisation]:
    """Watch the GPU, where the search uses one and NVIDIA's own program is there to ask, until the block ends."""
    program = None if device == "cpu" else shutil.which("nvidia-smi")
    if program is None:
        yield Utilisation()
        return
    index = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0] or "0"
    asked = [
        program,
        f"--id={index}",
        "--query-gpu=utilization.gpu,memory.used",
        "--format=csv,noheader,nounits",
        f"--loop={EVERY_SECONDS}",
    ]
    with TemporaryFile() as file:
        watching = subprocess.Popen(asked, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL)
        try:
            yield Utilisation(file.fileno())
        finally:
            watching.kill()
            watching.wait()


def read_samples(text: bytes) -> list[Sample]:
    """Samples as NVIDIA's program writes them, percent and MiB a line; lines of another kind say nothing."""
    found = []
    for line in text.splitlines():
        with suppress(ValueError):
            busy, memory = line.split(b",")
            found.append(Sample(int(busy) / 100, int(memory) * 2**20))
    return found
