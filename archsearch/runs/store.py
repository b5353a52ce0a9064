"""A run on disk: `run.json` says what is searched, `run.db` (SQLite, WAL) what came out. One writer; readers never block it."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archsearch.evaluators.base import checkpoint_of, retrained_of
from archsearch.network.genotype import Genotype
from archsearch.pareto import front
from archsearch.runs.database import (
    SCHEMA,
    LockedError,
    RunExistsError,
    StoreError,
    check_schema,
    checkpoint_file,
    clear,
    connect,
    disk_errors,
    lock,
    missing,
    read,
    unused,
    weights_file,
)
from archsearch.runs.front_table import as_html
from archsearch.runs.record import Record
from archsearch.runs.rows import Placed, V, by_trial, counts_of, curves_of, damage, parsed_metrics, read_step, read_trial, seconds_of
from archsearch.support.reading import at, place, read_text, reason
from archsearch.support.writing import write_text
from archsearch.trial import Trial, to_json

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["LockedError", "Run", "RunExistsError", "Store", "StoreError", "checkpoint_file", "connect", "disk_errors", "open_run"]


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
        with disk_errors(folder):
            self._lock = lock(folder)
            try:
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

    def add(self, trial: Trial, genotype: Genotype, refusals: Mapping[str, int], seconds: float, place: Place | None = None) -> None:
        """Record a trial with its curve, the refusals before it, and its place among the steps of a climb, all or nothing."""
        with disk_errors(self.folder), self._db:
            self._add(trial, genotype, seconds, place)
            self._refuse(trial.number, refusals)

    def renew(
        self, trial: Trial, genotype: Genotype, refusals: Mapping[str, int], seconds: float, place: Place | None = None,
        before: int | None = None,
    ) -> None:  # fmt: skip
        """As `add`, in the place of what was recorded of the trial: it took `seconds` more; the refusals may stand `before` another one."""
        with disk_errors(self.folder), self._db:
            for (earlier,) in self._db.execute("SELECT seconds FROM timings WHERE trial = ?", (trial.number,)).fetchall():
                seconds += earlier
            self._db.execute("DELETE FROM trials WHERE number = ?", (trial.number,))
            for table in ("timings", "tests"):
                self._db.execute(f"DELETE FROM {table} WHERE trial = ?", (trial.number,))
            self._add(trial, genotype, seconds, place)
            self._refuse(trial.number if before is None else before, refusals)

    def _add(self, trial: Trial, genotype: Genotype, seconds: float, place: Place | None) -> None:
        metrics, objectives = to_json(trial.metrics), None if trial.values is None else to_json(trial.values)
        failed = (trial.failure.kind, trial.failure.message) if trial.failure else (None, None)
        row = (trial.number, to_json(trial.choices), trial.fingerprint, genotype.to_json(), metrics, objectives, *failed)
        self._db.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.execute("DELETE FROM curves WHERE trial = ?", (trial.number,))  # what was reported while it was under way
        self._db.executemany("INSERT INTO curves VALUES (?, ?, ?)", [(trial.number, i, to_json(m)) for i, m in enumerate(trial.curve)])
        self._db.execute("INSERT INTO timings VALUES (?, ?)", (trial.number, seconds))
        if place is not None:
            step = (place.step, trial.number, trial.rung, place.known, len(trial.curve), metrics, objectives, *failed)
            self._db.execute("INSERT OR REPLACE INTO rungs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", step)

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


@dataclass(frozen=True)
class Run:
    """A run as read from its folder; every property reads once and keeps what it read."""

    folder: Path
    record: Record

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All recorded trials, by number."""
        curves, rows = self._read(
            ("SELECT trial, metrics FROM curves ORDER BY trial, step", ()),
            ("SELECT number, choices, fingerprint, metrics, objectives, failure, message FROM trials ORDER BY number", ()),
        )
        with damage(self.folder):
            by_number, goals = curves_of(curves), len(self.record.objectives)
            found = [read_trial(row, by_number.get(row[0], ()), self.folder, goals) for row in rows]
        last = {step.trial.number: step.trial for step in self.steps}  # whose curves end where it was recorded, whatever is under way
        own = (last.get(each.number, each) for each in found)
        return tuple(replace(each, rung=at.rung, curve=at.curve) for each, at in zip(found, own, strict=True))

    @cached_property
    def steps(self) -> tuple[Placed, ...]:
        """Every evaluation of a search of several fidelities, by number, with what was known of its trial after it; else none."""
        if self.record.fidelity is None or not self._has("rungs"):
            return ()
        curves, rows = self._read(
            ("SELECT trial, metrics FROM curves ORDER BY trial, step", ()),
            ("SELECT r.step, r.known, r.rung, r.epochs, r.trial, t.choices, t.fingerprint, r.metrics, r.objectives, r.failure, r.message"
             " FROM rungs r JOIN trials t ON t.number = r.trial ORDER BY r.step", ()),
        )  # fmt: skip
        with damage(self.folder):
            by_number, goals = curves_of(curves), len(self.record.objectives)
            return tuple(read_step(row, by_number.get(row[4], ()), self.folder, goals, self.record.top) for row in rows)

    @cached_property
    def tests(self) -> dict[int, dict[str, float]]:
        """Metrics on the test part, by trial; only for trials of the final front, and none for one whose final training failed."""
        return self._by_trial("SELECT trial, metrics FROM tests ORDER BY trial", parsed_metrics)

    @cached_property
    def refusals(self) -> Counter[str]:
        """How many proposals were refused before evaluation, by reason."""
        return self._counts("SELECT reason, SUM(count) FROM refusals GROUP BY reason ORDER BY reason")

    def refusals_before(self, number: int) -> Counter[str]:
        """How many proposals were refused on the way to one trial, by reason."""
        return self._counts("SELECT reason, count FROM refusals WHERE trial = ?", (number,))

    @cached_property
    def notes(self) -> dict[int, dict[str, float]]:
        """What the strategy said of itself, such as how well its model ranked unseen trials, by the trial that it was told of then."""
        if not self._has("notes"):
            return {}
        return self._by_trial("SELECT trial, notes FROM notes ORDER BY trial", parsed_metrics)

    @cached_property
    def failures(self) -> Counter[str]:
        """How many trials failed, by kind."""
        return Counter(trial.failure.kind for trial in self.trials if trial.failure)

    @cached_property
    def seconds(self) -> dict[int, float]:
        """Wall-clock seconds of every trial."""
        return self._by_trial("SELECT trial, seconds FROM timings", seconds_of)

    def front(self) -> list[Trial]:
        """Trials that none dominates in the objectives, best first objective first; of several rungs those on the top one."""
        found = [(trial.values, trial.number, trial) for trial in self.trials if trial.values is not None and trial.rung == self.record.top]
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
        if not isinstance(text, str):
            raise StoreError(f"{self.folder / 'run.db'} is damaged: trial {number}: its genotype is no text")
        return Genotype.from_json(text)

    def weights(self, number: int) -> Path | None:
        """File of a trial's trained weights, kept for trials of the front."""
        path = weights_file(self.folder, number)
        return path if path.is_file() else None

    def frame(self) -> pd.DataFrame:
        """All trials as a pandas table, a column for every metric."""
        from archsearch.figures.frame import frame  # pandas is slow to import: only now

        return frame(self.trials, [trial.number for trial in self.front()], self.tests)

    def figure(self, name: str = "pareto", x: str = "", y: str = "") -> go.Figure:
        """A plotly figure by name, of the metrics x and y where it is of any. Raises ValueError, which lists what there is."""
        from archsearch.figures.named import Shown, figure  # plotly likewise

        return figure(name, Shown(self.trials, [trial.number for trial in self.front()], self.record.objectives), x, y)

    def _repr_html_(self) -> str:
        """The front with tests and costs, for notebooks."""
        return as_html(self)

    def _has(self, table: str) -> bool:
        """Whether there is a table, which a run of an earlier version may lack."""
        return bool(self._query("SELECT name FROM sqlite_master WHERE name = ?", (table,)))

    def _by_trial(self, sql: str, read: Callable[[Any], V]) -> dict[int, V]:
        rows = self._query(sql)
        with damage(self.folder):
            return by_trial(rows, read)

    def _counts(self, sql: str, values: tuple[Any, ...] = ()) -> Counter[str]:
        rows = self._query(sql, values)
        with damage(self.folder):
            return Counter(counts_of(rows))

    def _query(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._read((sql, values))[0]

    def _read(self, *queries: tuple[str, tuple[Any, ...]]) -> list[list[Any]]:
        return read(self.folder / "run.db", *queries)


def open_run(path: str | os.PathLike[str]) -> Run:
    """The run in a folder.

    Raises:
        StoreError: no run there, or one that cannot be read.
    """
    folder = Path(path)
    try:
        text = read_text(folder / "run.json")
    except (OSError, ValueError) as error:
        why = f"it has no readable run.json ({reason(error)})" if (folder / "run.json").exists() else "it has no readable run.json"
        raise StoreError(f"{place(folder)} is no run: {why}; give the folder that a search wrote") from None
    try:
        return Run(folder, Record.from_json(text))
    except ValueError as error:
        raise StoreError(at(folder / "run.json", str(error))) from error
