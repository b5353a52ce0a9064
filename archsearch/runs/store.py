"""A run on disk: `run.json` says what is searched, `run.db` (SQLite, WAL) what came out. One writer; readers never block it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from archsearch.evaluators.base import checkpoint_of, retrained_of
from archsearch.network.genotype import Genotype
from archsearch.runs.database import (
    SCHEMA,
    LockedError,
    RunExistsError,
    StoreError,
    check_schema,
    check_whole,
    checkpoint_file,
    clear,
    connect,
    disk_errors,
    missing,
    unused,
    weights_file,
)
from archsearch.runs.earlier import keep_original
from archsearch.runs.opened import Run, open_run
from archsearch.runs.owner import Lock
from archsearch.runs.packing import checksum, packed, texts_of
from archsearch.runs.record import Record
from archsearch.runs.rows import damage, latencies_of, parsed_metrics
from archsearch.support.writing import write_text
from archsearch.trial import Objective, Trial, to_json

__all__ = ["LockedError", "Run", "RunExistsError", "Store", "StoreError", "checkpoint_file", "connect", "disk_errors", "open_run"]

NOTHING: Mapping[str, float] = MappingProxyType({})


class Place(NamedTuple):
    """Which step of a climb an evaluation was, and how many steps were known when it was decided."""

    step: int
    known: int


class Store:
    """The writing side of a run folder; holds it locked until it is closed.

    Raises:
        StoreError: the folder cannot be written, or another process is writing it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Path] | None = None
        self._shared = self._first = ""
        with disk_errors(folder):
            self._lock = Lock(folder)
            try:
                if (folder / "run.json").is_file():
                    check_whole(folder)
                    keep_original(folder)
                self._db = connect(folder / "run.db")
                self._db.executescript(SCHEMA)
                check_schema(self._db)
            except BaseException:
                self._lock.close()  # an exception that is kept, as in a notebook, keeps this object alive
                raise

    @classmethod
    def create(cls, folder: Path, record: Record) -> Store:
        """A new run folder; when that fails nothing stays. Raises RunExistsError where something is already, else StoreError."""
        if folder.exists() and not unused(folder):
            hint = f"`archsearch resume {folder}` goes on with it" if (folder / "run.json").is_file() else "choose another --out"
            raise RunExistsError(f"{folder} exists already; {hint}")
        made = missing(folder)
        try:
            with disk_errors(folder):
                (folder / "weights").mkdir(parents=True, exist_ok=True)
            store = cls(folder)
        except LockedError:
            raise
        except BaseException:
            clear(folder, made)
            raise
        store._made = made
        try:
            with disk_errors(folder):
                checkpoint_file(folder).unlink(missing_ok=True)  # of a run that was ended while it began
            store.write_record(record)
        except BaseException:
            store.take_back()
            raise
        return store

    def write_record(self, record: Record) -> None:
        """Write `run.json`, whole or not at all."""
        with disk_errors(self.folder):
            write_text(self.folder / "run.json", record.to_json())

    def share(self, genotype: Genotype) -> None:
        """All networks are kept by what they share with the first one that is said, whichever is recorded first."""
        if not self._first:
            self._first = genotype.to_json()

    def add(
        self, trial: Trial, genotype: Genotype, refusals: Mapping[str, int], seconds: float, place: Place | None = None,
        over: Mapping[str, float] = NOTHING,
    ) -> None:  # fmt: skip
        """Record a trial with its curve, the refusals before it, and its place among the steps of a climb, all or nothing.

        `over`: costs of the network closest to the budget, of those that were refused because they are over it.
        """
        with disk_errors(self.folder), self._db:
            self._add(trial, genotype, seconds, place)
            self._refuse(trial.number, refusals, over)

    def renew(
        self, trial: Trial, genotype: Genotype, refusals: Mapping[str, int], seconds: float, place: Place | None = None,
        before: int | None = None, over: Mapping[str, float] = NOTHING,
    ) -> None:  # fmt: skip
        """As `add`, in the place of what was recorded of the trial: it took `seconds` more; the refusals may stand `before` another one."""
        with disk_errors(self.folder), self._db:
            for (earlier,) in self._db.execute("SELECT seconds FROM timings WHERE trial = ?", (trial.number,)).fetchall():
                seconds += earlier
            self._db.execute("DELETE FROM trials WHERE number = ?", (trial.number,))
            for table in ("timings", "tests"):
                self._db.execute(f"DELETE FROM {table} WHERE trial = ?", (trial.number,))
            self._add(trial, genotype, seconds, place)
            self._refuse(trial.number if before is None else before, refusals, over)

    def _add(self, trial: Trial, genotype: Genotype, seconds: float, place: Place | None) -> None:
        metrics, objectives = to_json(trial.metrics), None if trial.values is None else to_json(trial.values)
        failed = (trial.failure.kind, trial.failure.message) if trial.failure else (None, None)
        kept = self._kept(genotype.to_json())
        row = (trial.number, to_json(trial.choices), trial.fingerprint, kept, metrics, objectives, *failed)
        self._db.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.execute("DELETE FROM curves WHERE trial = ?", (trial.number,))  # what was reported while it was under way
        self._db.executemany("INSERT INTO curves VALUES (?, ?, ?)", [(trial.number, i, to_json(m)) for i, m in enumerate(trial.curve)])
        self._db.execute("INSERT INTO timings VALUES (?, ?)", (trial.number, seconds))
        if place is not None:
            step = (place.step, trial.number, trial.rung, place.known, len(trial.curve), metrics, objectives, *failed)
            self._db.execute("INSERT OR REPLACE INTO rungs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", step)

    def _kept(self, text: str) -> bytes:
        """A genotype as it is kept: the run's first one whole, and a second time as what all others share with it."""
        if not self._shared:
            self._shared = next(iter(texts_of(self._db.execute("SELECT checksum, genotype FROM shared")).values()), "")
        shared = self._shared or self._first or text
        if not self._shared:  # nor is it before this is recorded
            self._db.execute("INSERT OR REPLACE INTO shared VALUES (?, ?)", (checksum(shared), packed(shared)))
        return packed(text) if text == shared else packed(text, shared)

    def refuse(self, number: int, refusals: Mapping[str, int], over: Mapping[str, float] = NOTHING) -> None:
        """Record refusals that led to no trial."""
        with disk_errors(self.folder), self._db:
            self._refuse(number, refusals, over)

    def _refuse(self, number: int, refusals: Mapping[str, int], over: Mapping[str, float]) -> None:
        if over:
            self._db.execute("INSERT OR REPLACE INTO refused VALUES (?, ?)", (number, to_json(dict(over))))
        self._db.executemany("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", [(number, reason, n) for reason, n in refusals.items()])

    def add_test(self, number: int, metrics: Mapping[str, float]) -> None:
        """Record metrics on the test part for a trial of the final front."""
        with disk_errors(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO tests VALUES (?, ?)", (number, to_json(dict(metrics))))

    def note(self, number: int, notes: Mapping[str, float]) -> None:
        """Record what the strategy said of itself when it was told of a trial; a replay says the same again."""
        with disk_errors(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (number, to_json(dict(notes))))

    def keep_latency(self, fingerprint: str, place: str, metrics: Mapping[str, float]) -> None:
        """Record what was measured of a network's latency, for all that comes later of the same network in the same place."""
        with disk_errors(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO latencies VALUES (?, ?, ?)", (fingerprint, place, to_json(dict(metrics))))

    def latencies(self, fingerprint: str) -> dict[str, dict[str, float]]:
        """What was measured of a network's latency, by place. Raises StoreError."""
        with disk_errors(self.folder):
            rows = self._db.execute("SELECT place, metrics FROM latencies WHERE fingerprint = ?", (fingerprint,)).fetchall()
        with damage(self.folder):
            return latencies_of(rows)

    def value_anew(self, objectives: Sequence[Objective], costs: Mapping[int, Mapping[str, float]]) -> None:
        """Value all results by these objectives, all or none; `costs` of trials come to what was recorded of them."""
        with disk_errors(self.folder), self._db:
            for name, key, trial in (("trials", "number", "number"), ("rungs", "step", "trial")):
                rows = self._db.execute(f"SELECT {key}, {trial}, metrics FROM {name} WHERE objectives IS NOT NULL").fetchall()
                found = [({**parsed_metrics(text), **costs.get(number, {})}, place) for place, number, text in rows]
                values = [
                    (to_json(metrics), to_json([float(each.value(metrics)) for each in objectives]), place) for metrics, place in found
                ]
                self._db.executemany(f"UPDATE {name} SET metrics = ?, objectives = ? WHERE {key} = ?", values)

    def report(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """Record a step of the curve of a trial under way; the whole curve takes its place in the end."""
        with disk_errors(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO curves VALUES (?, ?, ?)", (number, step, to_json(dict(metrics))))

    def weights(self, number: int, rung: int | None = None) -> Path:
        """File of a trial's trained weights, or of those that a lower rung left it with."""
        return weights_file(self.folder, number, rung)

    def drop_weights(self, number: int, rung: int | None = None, checkpoint: bool = True) -> None:
        """Delete the weights of a trial, if there are any, and the place that its training kept."""
        path = self.weights(number, rung)
        with disk_errors(self.folder):
            path.unlink(missing_ok=True)
            if checkpoint:
                checkpoint_of(path).unlink(missing_ok=True)

    def adopt(self, number: int) -> None:
        """Put the weights that a trial of the front was trained to anew in the place of those that it had, if there are any."""
        anew = retrained_of(self.weights(number))
        with disk_errors(self.folder):
            if anew.is_file():
                anew.replace(self.weights(number))

    def take_back(self, keep_checkpoint: bool = True) -> None:
        """Close, and remove what `create` made; a run with a trial, or one that was there before, stays, and one with a checkpoint may."""
        if self._made is None or self._holds_trials() or (keep_checkpoint and checkpoint_file(self.folder).exists()):
            return
        self._db.close()
        clear(self.folder, self._made)  # before the lock is let go: nobody else's files can be among these
        self._lock.close()

    def _holds_trials(self) -> bool:
        try:
            return bool(self._db.execute("SELECT 1 FROM trials LIMIT 1").fetchall())
        except sqlite3.Error:
            return True  # nobody knows: keep it

    def close(self) -> None:
        """Let go of the folder; what stays is one file, which can be read where nothing can be written."""
        with suppress(sqlite3.Error):  # a reader holds it, or the disk is full: then it stays as it is, whole too
            self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.close()
        self._lock.close()
