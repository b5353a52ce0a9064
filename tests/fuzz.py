"""Damaged files for every reader: python -m tests.fuzz --inputs 100000 --seed 0. Sizes are only ever declared, never made."""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from archsearch.archive import BROKEN

MOST_SECONDS, MOST_BYTES, MOST_LETTERS = 1.0, 500 * 2**20, 300
HANG_SECONDS = 10
Change = Callable[[bytes, np.random.Generator], bytes]


class Reader(NamedTuple):
    """What reads a folder, which files in it are damaged, and what it may raise."""

    read: Callable[[Path], Any]
    make: Callable[[Path], None]
    files: tuple[str, ...]
    errors: tuple[str, ...]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    found = bytearray(data)
    for place in rng.integers(0, max(1, len(found)), rng.integers(1, 9)):
        if found:
            found[place] = rng.integers(0, 256)
    return bytes(found)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(0, len(data) + 1)]


def splice(data: bytes, rng: np.random.Generator) -> bytes:
    a, b = sorted(rng.integers(0, len(data) + 1, 2))
    place = rng.integers(0, len(data) + 1)
    return data[:place] + data[a : min(b, a + 4096)] + data[place if rng.random() < 0.5 else min(len(data), place + b - a) :]


ODD = [
    b"1" * 250,
    b"1" * 400,
    b"1e400",
    b"-1",
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\ud800"',
    b'"\\u001b[31m"',
    b"1e308",
    b"9223372036854775808",
    b"2147483648",
    b"1000000000",
    b"[" * 300,
    b'{"a":' * 150,
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xff\xfe",
    b'"' + b"a" * 5000 + b'"',
    b"100000",
    b"65536",
    b"0",
]


def odd(data: bytes, rng: np.random.Generator) -> bytes:
    word = ODD[rng.integers(len(ODD))]
    digits = [place for place, byte in enumerate(data) if chr(byte).isdigit()]
    if digits and rng.random() < 0.7:
        place = int(digits[rng.integers(len(digits))])
        end = place
        while end < len(data) and chr(data[end]).isdigit():
            end += 1
        return data[:place] + word + data[end:]
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + word + data[place:]


def words(data: bytes, rng: np.random.Generator) -> bytes:
    """Numbers of 4 and 8 bytes in heads of binary files, set to what is huge."""
    found = bytearray(data)
    size = int(rng.choice([2, 4, 8]))
    place = int(rng.integers(0, max(1, min(len(found), 600) - size)))
    value = int(rng.choice([0, 1, 2**16 - 1, 2**24, 2**31 - 1]))
    found[place : place + size] = (value & (256**size - 1)).to_bytes(size, ["little", "big"][rng.integers(2)])
    return bytes(found)


def structure(data: bytes, rng: np.random.Generator) -> bytes:
    """JSON with a value replaced by another of its own, or by what is odd."""
    try:
        made = json.loads(data)
    except ValueError:
        return flip(data, rng)
    places = list(walk(made))
    if not places:
        return flip(data, rng)
    (holder, key), (other, name) = (places[rng.integers(len(places))] for _ in range(2))
    oddities = [
        None,
        True,
        -1,
        0,
        2**70,
        1.5,
        "",
        "x" * 6000,
        [],
        {},
        [[[]]],
        {"a": 1},
        "\x1b[2J",
        10**9,
        json.loads(json.dumps(other[name])),
    ]
    if isinstance(holder, dict) and rng.random() < 0.2:
        holder.pop(key)
    else:
        holder[key] = oddities[rng.integers(len(oddities))]
    return json.dumps(made).encode()


def walk(data: Any) -> Any:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield data, key
        yield from walk(value)


def archive(data: bytes, rng: np.random.Generator) -> bytes:
    """An .npz whose arrays have damaged heads, other packing, or other names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            members = {name: found.read(name) for name in found.namelist()}
    except BROKEN:
        return flip(data, rng)
    target = list(members)[rng.integers(len(members))]
    change = [flip, cut, odd, words][rng.integers(4)]
    members[target] = change(members[target][:200], rng) + members[target][200:]
    out = io.BytesIO()
    pack = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA][rng.choice(4, p=[0.4, 0.4, 0.1, 0.1])]
    with zipfile.ZipFile(out, "w", pack) as made:
        for name, content in members.items():
            made.writestr(name if rng.random() < 0.98 else f"x{name}", content)
    return out.getvalue()


def tensors(data: bytes, rng: np.random.Generator) -> bytes:
    """Safetensors with another head."""
    length = int.from_bytes(data[:8], "little")
    head = [structure, odd, flip][rng.integers(3)](data[8 : 8 + length], rng)
    return len(head).to_bytes(8, "little") + head + data[8 + length :]


def database(data: bytes, rng: np.random.Generator) -> bytes:
    """A run's database with a damaged value, made by SQLite itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.db")
        path.write_bytes(data)
        db = sqlite3.connect(path)
        try:
            table, column = [
                ("trials", "choices"),
                ("trials", "metrics"),
                ("trials", "objectives"),
                ("trials", "failure"),
                ("curves", "metrics"),
                ("trials", "genotype"),
                ("trials", "number"),
                ("timings", "seconds"),
                ("trials", "fingerprint"),
            ][rng.integers(9)]
            old = db.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
            new: Any = structure(str(old[0] if old else "").encode(), rng).decode("utf-8", "surrogateescape")
            new = [new.encode("utf-8", "surrogateescape"), None, 10**15, -1, 1.5, new.encode("utf-8", "replace").decode()][rng.integers(6)]
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT min(rowid) FROM {table})", (new,))
            db.commit()
        except (sqlite3.Error, OverflowError, UnicodeError):
            return flip(data, rng)
        finally:
            db.close()
        return path.read_bytes()


CHANGES: tuple[Change, ...] = (flip, cut, splice, odd, words)
OWN: dict[str, tuple[Change, ...]] = {
    ".json": (structure,), ".npz": (archive,), ".safetensors": (tensors,), ".db": (database,),
}  # fmt: skip


def damaged(data: bytes, name: str, rng: np.random.Generator) -> bytes:
    """The content of a file after one change or two; half of all changes know the file's form."""
    for _ in range(rng.integers(1, 3)):
        known = OWN.get(Path(name).suffix, ())
        changes = known if known and rng.random() < 0.5 else CHANGES
        data = changes[rng.integers(len(changes))](data, rng)
    return data


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
        whole, folder = Path(place, "whole"), Path(place, "w")
        whole.mkdir()
        reader.make(whole)
        reader.read(whole)
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
    pipe.send((faults, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
    pipe.close()


def fuzz(inputs: int, seed: int) -> list[str]:
    """All readers in turn, each in a process of its own. Returns what went wrong, a line each."""
    from tests.fuzz_readers import READERS

    faults: list[str] = []
    context = multiprocessing.get_context("fork")  # what is imported once serves all
    for name in READERS:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(name, -(-inputs // len(READERS)), seed, theirs))
        process.start()
        theirs.close()
        try:
            found, peak = ours.recv()
        except EOFError:
            process.join()
            found, peak = [f"{name}: the process ended with {process.exitcode}"], 0
        process.join()
        print(f"{name:12} {-(-inputs // len(READERS)):7,} inputs  {len(found):4} faults  peak {peak / 2**20:,.0f} MB", flush=True)
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
