"""A run on disk: `run.json` says what is searched, `run.db` (SQLite, WAL) what came out. One writer; readers never block it."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsearch.genotype import Genotype
from archsearch.genotype_json import parse
from archsearch.pareto import front
from archsearch.record import Record
from archsearch.trial import Failure, Trial, to_json

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    number INTEGER PRIMARY KEY, choices TEXT NOT NULL, fingerprint TEXT NOT NULL, genotype TEXT NOT NULL,
    metrics TEXT NOT NULL, objectives TEXT, failure TEXT, message TEXT);
CREATE TABLE IF NOT EXISTS curves (trial INTEGER, step INTEGER, metrics TEXT NOT NULL, PRIMARY KEY (trial, step));
CREATE TABLE IF NOT EXISTS refusals (trial INTEGER, reason TEXT, count INTEGER NOT NULL, PRIMARY KEY (trial, reason));
CREATE TABLE IF NOT EXISTS tests (trial INTEGER PRIMARY KEY, metrics TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notes (trial INTEGER PRIMARY KEY, notes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS timings (trial INTEGER PRIMARY KEY, seconds REAL NOT NULL);
"""


class StoreError(Exception):
    """A run folder that cannot be written or read; one line that says what, where and what to do."""


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk or the database into one clear StoreError."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = f"what was recorded stays readable: free space or rights, then `archsearch resume {folder}`"
        raise StoreError(f"{folder}: {reason}; {hint}") from error


class RunExistsError(StoreError):
    """A new run was to be written where something stands already."""


class Store:
    """The writing side of a run folder; holds it locked until it is closed.

    Raises:
        StoreError: the folder cannot be written, or another process is writing it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with disk_errors(folder):
            self._lock = lock(folder)
            self._db = connect(folder / "run.db")
            self._db.executescript(SCHEMA)

    @classmethod
    def create(cls, folder: Path, record: Record) -> Store:
        """A new run folder. Raises RunExistsError when something is there already, StoreError when it cannot be written."""
        if folder.exists() and not unused(folder):
            hint = f"`archsearch resume {folder}` goes on with it" if (folder / "run.json").is_file() else "choose another --out"
            raise RunExistsError(f"{folder} exists already; {hint}")
        with disk_errors(folder):
            (folder / "weights").mkdir(parents=True, exist_ok=True)
        store = cls(folder)
        store.write_record(record)
        return store

    def write_record(self, record: Record) -> None:
        """Write `run.json`, whole or not at all."""
        with disk_errors(self.folder):
            draft = self.folder / "run.json.part"
            draft.write_text(record.to_json(), encoding="utf-8")
            draft.replace(self.folder / "run.json")

    def add(self, trial: Trial, genotype: Genotype, refusals: Mapping[str, int], seconds: float) -> None:
        """Record a trial with its curve and the refusals before it, all or nothing."""
        with disk_errors(self.folder), self._db:
            self._add(trial, genotype, seconds)
            self._refuse(trial.number, refusals)

    def renew(self, trial: Trial, genotype: Genotype, refusals: Mapping[str, int], number: int, seconds: float) -> None:
        """Record a trial again, which took `seconds` more, with the refusals that stand before trial `number`, all or nothing."""
        with disk_errors(self.folder), self._db:
            for (before,) in self._db.execute("SELECT seconds FROM timings WHERE trial = ?", (trial.number,)).fetchall():
                seconds += before
            self._db.execute("DELETE FROM trials WHERE number = ?", (trial.number,))
            for table in ("curves", "timings", "tests"):
                self._db.execute(f"DELETE FROM {table} WHERE trial = ?", (trial.number,))
            self._add(trial, genotype, seconds)
            self._refuse(number, refusals)

    def _add(self, trial: Trial, genotype: Genotype, seconds: float) -> None:
        objectives = None if trial.values is None else to_json(trial.values)
        failure = trial.failure
        row = (trial.number, to_json(trial.choices), trial.fingerprint, genotype.to_json(), to_json(trial.metrics), objectives,
               failure.kind if failure else None, failure.message if failure else None)  # fmt: skip
        self._db.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.executemany("INSERT INTO curves VALUES (?, ?, ?)", [(trial.number, i, to_json(m)) for i, m in enumerate(trial.curve)])
        self._db.execute("INSERT INTO timings VALUES (?, ?)", (trial.number, seconds))

    def refuse(self, number: int, refusals: Mapping[str, int]) -> None:
        """Record refusals that led to no trial."""
        with disk_errors(self.folder), self._db:
            self._refuse(number, refusals)

    def _refuse(self, number: int, refusals: Mapping[str, int]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", [(number, reason, n) for reason, n in refusals.items()])

    def add_test(self, number: int, metrics: Mapping[str, float]) -> None:
        """Record metrics on the test part for a trial of the final front."""
        with disk_errors(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO tests VALUES (?, ?)", (number, to_json(dict(metrics))))

    def note(self, number: int, notes: Mapping[str, float]) -> None:
        """Record what the strategy said of itself when it was told of a trial; a replay says the same again."""
        with disk_errors(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (number, to_json(dict(notes))))

    def weights(self, number: int) -> Path:
        """File of a trial's trained weights."""
        return weights_file(self.folder, number)

    def drop_weights(self, number: int) -> None:
        """Delete the weights of a trial, if there are any."""
        with disk_errors(self.folder):
            self.weights(number).unlink(missing_ok=True)

    def forget_empty(self) -> None:
        """Take back a run that has no trial, so that its folder can be used again."""
        with disk_errors(self.folder):
            if not open_run(self.folder).trials:
                with self._db:
                    self._db.execute("DELETE FROM refusals")
                (self.folder / "run.json").unlink()

    def close(self) -> None:
        """Let go of the folder; what stays is one file, which can be read where nothing can be written."""
        with suppress(sqlite3.Error):  # a reader holds it, or the disk is full: then it stays as it is, whole too
            self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.close()
        self._lock.close()


def unused(folder: Path) -> bool:
    """Whether a folder is empty, or holds only what a run that was ended while it began left behind."""
    begun = {"weights", "supernet.safetensors", "run.lock", "run.db", "run.db-wal", "run.db-shm", "run.json.part"}
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= begun


def weights_file(folder: Path, number: int) -> Path:
    """Where the trained weights of a trial are kept while it is on the front."""
    return folder / "weights" / f"{number:06d}.safetensors"


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a run's database."""
    if read_only:
        # Not mode=ro: a writer that was killed while it opened or closed leaves a journal that a reader has to roll back.
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=30)
        db.execute("PRAGMA query_only=ON")
        return db
    db = sqlite3.connect(path, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


def lock(folder: Path) -> sqlite3.Connection:
    """Hold the folder against other writers until the connection, or this process, ends."""
    # A transaction on a database of its own: works on every system, and the system itself lets go when a process dies.
    holder = sqlite3.connect(folder / "run.lock", timeout=0, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        holder.close()
        if "locked" not in str(error):
            raise
        raise StoreError(f"{folder} is being written by another process; wait for it, or end it") from error
    return holder


@dataclass(frozen=True)
class Run:
    """A run as read from its folder; every property reads once and keeps what it read."""

    folder: Path
    record: Record

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All recorded trials, by number."""
        curves: dict[int, list[dict[str, float]]] = {}
        for number, metrics in self._query("SELECT trial, metrics FROM curves ORDER BY trial, step"):
            curves.setdefault(number, []).append(read_metrics(metrics, number))
        rows = self._query("SELECT number, choices, fingerprint, metrics, objectives, failure, message FROM trials ORDER BY number")
        return tuple(read_trial(row, tuple(curves.get(row[0], ())), self.folder) for row in rows)

    @cached_property
    def tests(self) -> dict[int, dict[str, float]]:
        """Metrics on the test part, by trial; only for trials of the final front, and none for one whose final training failed."""
        return {number: read_metrics(metrics, number) for number, metrics in self._query("SELECT trial, metrics FROM tests ORDER BY trial")}

    @cached_property
    def refusals(self) -> Counter[str]:
        """How many proposals were refused before evaluation, by reason."""
        return Counter(dict(self._query("SELECT reason, SUM(count) FROM refusals GROUP BY reason ORDER BY reason")))

    def refusals_before(self, number: int) -> Counter[str]:
        """How many proposals were refused on the way to one trial, by reason."""
        return Counter(dict(self._query("SELECT reason, count FROM refusals WHERE trial = ?", (number,))))

    @cached_property
    def notes(self) -> dict[int, dict[str, float]]:
        """What the strategy said of itself, such as how well its model ranked unseen trials, by the trial that it was told of then."""
        if not self._query("SELECT name FROM sqlite_master WHERE name = 'notes'"):
            return {}  # a run of an earlier version
        return {number: read_metrics(notes, number) for number, notes in self._query("SELECT trial, notes FROM notes ORDER BY trial")}

    @cached_property
    def failures(self) -> Counter[str]:
        """How many trials failed, by kind."""
        return Counter(trial.failure.kind for trial in self.trials if trial.failure)

    @cached_property
    def seconds(self) -> dict[int, float]:
        """Wall-clock seconds of every trial."""
        return dict(self._query("SELECT trial, seconds FROM timings"))

    def front(self) -> list[Trial]:
        """Trials that none dominates in the objectives, best first objective first."""
        found = [(trial.values, trial.number, trial) for trial in self.trials if trial.values is not None]
        return [found[i][2] for i in sorted(front([values for values, _, _ in found]), key=lambda i: found[i][:2])]

    def best(self) -> int | None:
        """Number of the best trial of the front whose weights are there, in the first objective."""
        return next((trial.number for trial in self.front() if self.weights(trial.number)), None)

    def trial(self, number: int) -> Trial:
        """One trial. Raises KeyError when it is not recorded."""
        for trial in self.trials:
            if trial.number == number:
                return trial
        raise KeyError(f"run {self.folder} has no trial {number}; it has {len(self.trials)}, numbered from 0")

    def genotype(self, number: int) -> Genotype:
        """The network of a trial, in canonical form. Raises KeyError when it is not recorded."""
        self.trial(number)
        [(text,)] = self._query("SELECT genotype FROM trials WHERE number = ?", (number,))
        return Genotype.from_json(text)

    def weights(self, number: int) -> Path | None:
        """File of a trial's trained weights, kept for trials of the front."""
        path = weights_file(self.folder, number)
        return path if path.is_file() else None

    def frame(self) -> pd.DataFrame:
        """All trials as a pandas table, a column for every metric."""
        # The one arrow that points up, at the moment of the call: a reader without pandas on its mind does not load it.
        report = import_module("archsearch.report.frame")
        table: pd.DataFrame = report.frame(self.trials, [trial.number for trial in self.front()], self.tests)
        return table

    def _query(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            db = connect(self.folder / "run.db", read_only=True)
            try:
                return db.execute(sql, values).fetchall()
            finally:
                db.close()
        except sqlite3.Error as error:
            raise StoreError(f"{self.folder / 'run.db'} cannot be read: {error}") from error


def read_trial(row: tuple[Any, ...], curve: tuple[dict[str, float], ...], folder: Path) -> Trial:
    """A trial from a row of the database."""
    number, choices, fingerprint, metrics, objectives, failure, message = row
    try:
        made = parse(choices)
        values = None if objectives is None else tuple(map(float, parse(objectives)))
        if not isinstance(made, dict) or (values is None) == (failure is None):
            raise ValueError("neither result nor failure")
        kind = None if failure is None else Failure(failure, str(message))
        return Trial(number, made, fingerprint, read_metrics(metrics, number), values, kind, curve, folder)
    except (ValueError, TypeError) as error:
        raise StoreError(f"{folder / 'run.db'}: trial {number} is damaged: {error}") from error


def read_metrics(text: str, number: int) -> dict[str, float]:
    """Metrics of a trial from their JSON. Raises StoreError."""
    try:
        metrics = parse(text)
        if not isinstance(metrics, dict) or not all(type(value) in (int, float) for value in metrics.values()):
            raise ValueError("metrics must be numbers by name")
    except (ValueError, TypeError) as error:
        raise StoreError(f"metrics of trial {number} are damaged: {error}") from error
    else:
        return metrics


def open_run(path: str | os.PathLike[str]) -> Run:
    """The run in a folder.

    Raises:
        StoreError: no run there, or one that cannot be read.
    """
    folder = Path(path)
    try:
        text = (folder / "run.json").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise StoreError(f"{folder} is no run: it has no readable run.json; give the folder that a search wrote") from None
    try:
        return Run(folder, Record.from_json(text))
    except ValueError as error:
        raise StoreError(f"{folder / 'run.json'}: {error}") from error
