"""Damaged files for readers, led by the code that they reach: python -m tests.fuzz_guided --seconds 10 (pip install atheris)."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

LIMITS = ("-timeout=0", "-handle_alrm=0", "-rss_limit_mb=0", "-max_len=200000", "-print_final_stats=1")
"""Time and memory are looked after by `tests.fuzz` itself."""


def explore(name: str, seconds: int, seed: int, place: Path) -> None:
    """Let one reader read for so many seconds what leads to code not seen before; ends this process."""
    import atheris

    from tests.fuzz import guard, tried
    from tests.fuzz_changes import damaged
    from tests.fuzz_readers import READERS

    reader, whole, folder, corpus = READERS[name], place / "whole", place / "w", place / "corpus"
    whole.mkdir()
    corpus.mkdir()
    reader.make(whole)
    for number, file in enumerate(reader.files):
        (corpus / str(number)).write_bytes(bytes([number]) + (whole / file).read_bytes())

    def read(data: bytes) -> None:
        """The first byte says which file, the others what is in it."""
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        (folder / reader.files[data[0] % len(reader.files) if data else 0]).write_bytes(data[1:])
        fault = tried(reader, folder)
        shutil.rmtree(folder)
        assert not fault, fault

    def change(data: bytes, most: int, seed: int) -> bytes:
        """Bytes turned as any fuzzer does it, or a damage that knows the format."""
        rng = np.random.default_rng(seed)
        if not data or rng.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        file = reader.files[data[0] % len(reader.files)]
        return data[:1] + damaged(data[1:], Path(file).name, rng)[: most - 1]

    guard()
    words = [sys.argv[0], *LIMITS, f"-seed={seed + 1}", f"-max_total_time={seconds}", f"-artifact_prefix={place}/", str(corpus)]
    atheris.Setup(words, read, custom_mutator=change)
    with (place / "said").open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    atheris.Fuzz()


def led(name: str, seconds: int, seed: int) -> tuple[str, str]:
    """What came of one reader in a process of its own: its counts in words, and what went wrong."""
    with tempfile.TemporaryDirectory() as place:
        process = multiprocessing.get_context("fork").Process(target=explore, args=(name, seconds, seed, Path(place)))
        process.start()
        process.join()
        said = Path(place, "said").read_text(errors="replace") if Path(place, "said").is_file() else ""
    count = re.search(r"number_of_executed_units: (\d+)", said)
    reached = re.findall(r"cov: (\d+)", said) or ["0"]
    words = f"{int(count[1]) if count else 0:8,} inputs  {reached[0]:>6} to {reached[-1]:>6} branches"
    return words, "" if process.exitcode == 0 and count else f"exit code {process.exitcode}: {said[-1500:]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "readers", nargs="*", help="those of tests.fuzz_readers; all when left out, but for those that train, which is torch's code"
    )
    parser.add_argument("--seconds", type=int, default=10, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["archsearch"]):
        from tests.fuzz_readers import READERS

    wrong = 0
    for name in given.readers or [name for name, reader in READERS.items() if reader.every == 1]:
        words, fault = led(name, given.seconds, given.seed)
        print(f"{name:26} {words}{fault and '  FAULT'}", flush=True)
        if fault:
            wrong += 1
            print(fault)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
