"""Damaged files for every reader: python -m tests.fuzz --inputs 100000 --seed 0. Sizes are only ever declared, never made."""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.fuzz_changes import damaged

MOST_SECONDS, MOST_BYTES, MOST_LETTERS = 1.0, 500 * 2**20, 300
HANG_SECONDS = 10


class Reader(NamedTuple):
    """What reads a folder, which files in it are damaged, what it may raise; one in `every` inputs of others where it takes long."""

    read: Callable[[Path], Any]
    make: Callable[[Path], None]
    files: tuple[str, ...]
    errors: tuple[str, ...]
    every: int = 1


class TooLongError(BaseException):
    """A reader that does not come back."""


def late(number: int, frame: Any) -> None:
    raise TooLongError


def tried(reader: Reader, folder: Path) -> str:
    """What is wrong with how a reader takes a folder; nothing when all is well."""
    start = time.thread_time()
    try:
        signal.alarm(HANG_SECONDS)
        reader.read(folder)
        fault = ""
    except TooLongError:
        return f"over {HANG_SECONDS} s"
    except Exception as error:
        fault = fault_of(error, reader)
    finally:
        signal.alarm(0)
    spent = time.thread_time() - start
    return fault or (f"{spent:.1f} s" if spent > MOST_SECONDS else "")


def fault_of(error: Exception, reader: Reader) -> str:
    name, text = type(error).__name__, str(error)
    if name not in reader.errors:
        return f"{name}: {text[:150]}"
    if len(text) > MOST_LETTERS or len(text.splitlines()) > 1 or not text:
        return f"{name} of {len(text)} letters, {len(text.splitlines())} lines: {text[:80]!r}"
    return ""


def guard() -> None:
    """From here on this process gets so much memory more, and no more."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, late)


def work(name: str, count: int, seed: int, pipe: Any) -> None:
    """Damage the files of one reader so often, and send what went wrong, with how many inputs were read as if nothing was wrong."""
    from tests.fuzz_readers import READERS

    reader = READERS[name]
    with tempfile.TemporaryDirectory() as place:
        whole, folder, here = (Path(place, name) for name in ("whole", "w", "here"))
        whole.mkdir()
        here.mkdir()
        os.chdir(here)
        reader.make(whole)
        shutil.copytree(whole, folder)  # some readers go on with what they read
        reader.read(folder)
        shutil.rmtree(folder)
        guard()
        faults: list[str] = []
        for number in range(count):
            rng = np.random.default_rng([seed, number])
            shutil.copytree(whole, folder, dirs_exist_ok=True)
            target = folder / reader.files[rng.integers(len(reader.files))]
            target.write_bytes(damaged(target.read_bytes(), target.name, rng))
            if fault := tried(reader, folder):
                faults.append(f"{name} {target.name} seed {seed} number {number}: {fault}")
            shutil.rmtree(folder)
        if written := sorted(
            str(path.relative_to(place)) for path in Path(place).glob("**/*") if not path.is_relative_to(whole) and path != here
        ):
            faults.append(f"{name} wrote outside of its folder: {', '.join(written[:5])}")
    pipe.send((faults, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
    pipe.close()


def fuzz(inputs: int, seed: int) -> list[str]:
    """All readers in turn, each in a process of its own. Returns what went wrong, a line each."""
    from tests.fuzz_readers import READERS

    faults: list[str] = []
    whole = sum(1 / reader.every for reader in READERS.values())
    context = multiprocessing.get_context("fork")  # what is imported once serves all
    for name, reader in READERS.items():
        count = math.ceil(inputs / whole / reader.every)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(name, count, seed, theirs))
        process.start()
        theirs.close()
        try:
            found, peak = ours.recv()
        except EOFError:
            process.join()
            found, peak = [f"{name}: the process ended with {process.exitcode}"], 0
        process.join()
        print(f"{name:12} {count:7,} inputs  {len(found):4} faults  peak {peak / 2**20:,.0f} MB", flush=True)
        faults += found
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faults = fuzz(given.inputs, given.seed)
    print("\n".join(faults[:100]))
    print(Counter(fault.split()[0] for fault in faults))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
