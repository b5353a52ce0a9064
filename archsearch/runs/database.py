"""The files of a run folder: its database (SQLite), its lock, and what else is written there; nothing that is read is trusted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from archsearch.support.reading import one_line, place, reason

SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    number INTEGER PRIMARY KEY, choices TEXT NOT NULL, fingerprint TEXT NOT NULL, genotype TEXT NOT NULL,
    metrics TEXT NOT NULL, objectives TEXT, failure TEXT, message TEXT);
CREATE TABLE IF NOT EXISTS curves (trial INTEGER, step INTEGER, metrics TEXT NOT NULL, PRIMARY KEY (trial, step));
CREATE TABLE IF NOT EXISTS refusals (trial INTEGER, reason TEXT, count INTEGER NOT NULL, PRIMARY KEY (trial, reason));
CREATE TABLE IF NOT EXISTS tests (trial INTEGER PRIMARY KEY, metrics TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notes (trial INTEGER PRIMARY KEY, notes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS timings (trial INTEGER PRIMARY KEY, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS rungs (
    step INTEGER PRIMARY KEY, trial INTEGER NOT NULL, rung INTEGER NOT NULL, known INTEGER NOT NULL, epochs INTEGER NOT NULL,
    metrics TEXT NOT NULL, objectives TEXT, failure TEXT, message TEXT);
CREATE TABLE IF NOT EXISTS refused (trial INTEGER PRIMARY KEY, costs TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shared (checksum INTEGER PRIMARY KEY, genotype BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS latencies (
    fingerprint TEXT, place TEXT, metrics TEXT NOT NULL, PRIMARY KEY (fingerprint, place));
"""
TABLES = {part.split()[5]: " ".join(part.split()).replace("IF NOT EXISTS ", "") for part in SCHEMA.split(";") if part.strip()}
"""How the database itself words each table, by name."""
LATER = ("notes", "rungs", "refused", "shared", "latencies")
"""Tables that a run of an earlier version has not."""
FILES = (
    "run.json",
    "run.json.part",
    "run.db",
    "run.db-wal",
    "run.db-shm",
    "run.db-journal",
    "supernet.safetensors",
    "run.lock-journal",
    "run.owner",
    "run.lock",
)
"""What a run writes, besides the weights; the lock last."""
DRAFTS = (".run.json.", ".run.owner.")
"""What drafts of these begin with, which stay where a process was killed while it wrote one."""
ASKING = 0.5
"""Seconds to wait for a folder that is held: who only asks whether it is lets go at once."""
MOST_BYTES = 64 * 2**20
"""Of one value."""
Query = tuple[str, tuple[Any, ...]]


class StoreError(Exception):
    """A run folder that cannot be written or read; one line that says what, where and what to do."""


class LockedError(StoreError):
    """Another process is writing the run."""


class RunExistsError(StoreError):
    """A new run was to be written where something stands already."""


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk or the database into one clear StoreError."""
    try:
        yield
    except (OSError, sqlite3.Error, UnicodeError) as error:
        if type(error) is sqlite3.DatabaseError:  # neither the disk nor a lock
            words = f"{place(folder / 'run.db')} is damaged ({reason(error)}); put back a copy of it, or begin a new run"
            raise StoreError(one_line(words)) from error
        hint = f"what was recorded stays readable: free space or rights, then `archsearch resume {folder}`"
        raise StoreError(f"{folder}: {reason(error)}; {hint}") from error


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a run's database."""
    if read_only:
        # Not mode=ro: a writer that was killed while it opened or closed leaves a journal that a reader has to roll back.
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=30)
        db.execute("PRAGMA query_only=ON")
    else:
        db = sqlite3.connect(path, timeout=30)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA trusted_schema=OFF")
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    return db


def check_schema(db: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError unless the tables are as archsearch makes them: a view or a trigger could do anything."""
    found = {name: (kind, " ".join(str(sql).split())) for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master")}
    odd = next((name for name, (kind, _) in found.items() if kind in ("view", "trigger")), None)
    if odd is None:
        wanted = {name: ("table", sql) for name, sql in TABLES.items() if name in found or name not in LATER}
        odd = next((name for name, how in wanted.items() if found.get(name) != how), None)
    if odd is not None:
        raise sqlite3.DatabaseError(f"{str(odd)[:60]!r} in it is not as archsearch makes it")


def check_whole(folder: Path) -> None:
    """Raise sqlite3.DatabaseError when the database of a run is not there, or damaged: what is written to such a one may be lost."""
    path = folder / "run.db"
    if not path.is_file() or not path.stat().st_size:
        raise sqlite3.DatabaseError("it is empty or not there")
    with closing(connect(path, read_only=True)) as db:
        check_schema(db)
        [(found,)] = db.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))


def read(path: Path, *queries: Query) -> list[list[Any]]:
    """The rows of all queries, as they are at one moment. Raises StoreError."""
    try:
        if not path.is_file():
            raise sqlite3.DatabaseError("there is no such file")
        db = connect(path, read_only=True)
        try:
            db.execute("BEGIN")  # one transaction: a writer between two queries is not seen by the second alone
            check_schema(db)
            return [db.execute(sql, values).fetchall() for sql, values in queries]
        finally:
            db.close()
    except (sqlite3.Error, OSError, UnicodeError) as error:
        raise StoreError(one_line(f"{place(path)} cannot be read: {reason(error)}")) from error


def hold(folder: Path) -> sqlite3.Connection | None:
    """Hold a folder until the connection, or this process, ends; None where another process does."""
    # A transaction on a database of its own: works on every system, and the system itself lets go when a process dies.
    holder = sqlite3.connect(folder / "run.lock", timeout=ASKING, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except BaseException as error:
        holder.close()
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return None
        raise
    return holder


def is_written(folder: Path) -> bool:
    """Whether a process holds the folder to write it; to ask is to hold it for a moment, which `hold` waits for."""
    path = folder / "run.lock"
    try:
        if not path.is_file():
            return False
        asking = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0)
    except (OSError, sqlite3.Error):
        return False  # who may not look cannot say
    try:
        asking.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        return "locked" in str(error)
    finally:
        asking.close()
    return False


def copy_database(source: Path, target: Path) -> None:
    """Copy what a database holds at this moment, its journal included, into one new file."""
    with closing(connect(source, read_only=True)) as before, closing(sqlite3.connect(target)) as copy:
        before.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def weights_file(folder: Path, number: int, rung: int | None = None) -> Path:
    """Where the trained weights of a trial are kept while it is on the front; of a lower rung, while it may climb."""
    return folder / "weights" / f"{number:06d}{'' if rung is None else f'.rung{rung}'}.safetensors"


def checkpoint_file(folder: Path) -> Path:
    """Where a supernet search keeps how far it is."""
    return folder / "supernet.safetensors"


def unused(folder: Path) -> bool:
    """Whether a folder is empty, or holds only what a run that was ended while it began left behind."""
    found = {path.name for path in folder.iterdir() if not path.name.startswith(DRAFTS)} if folder.is_dir() else {"run.json"}
    return found <= {"weights", *FILES} - {"run.json"}


def missing(folder: Path) -> list[Path]:
    """The folders that are to be made for this one, itself included, the innermost first."""
    return [path for path in (folder.absolute(), *folder.absolute().parents) if not path.exists()]


def clear(folder: Path, made: Iterable[Path]) -> None:
    """Remove the files of a run that never began, and the folders that were made for it; what others put there stays."""
    trained = [path for pattern in ("*.safetensors", ".*.safetensors.*") for path in (folder / "weights").glob(pattern)]
    with suppress(OSError):
        own = [path for path in trained if path.name.lstrip(".")[:6].isdigit()]
        drafts = [path for path in folder.iterdir() if path.name.startswith(DRAFTS)]
        for path in [*own, *drafts, *(folder / name for name in FILES)]:
            path.unlink(missing_ok=True)
    for path in (folder / "weights", *made):
        with suppress(OSError):  # not empty: then it is somebody's
            path.rmdir()
