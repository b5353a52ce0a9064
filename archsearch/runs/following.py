"""A run that another process writes, followed as it grows: a look asks when its files were written, and reads what is new if they were."""

from __future__ import annotations

import json
import stat
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from archsearch.pareto import front
from archsearch.runs.database import StoreError, is_written, read
from archsearch.runs.rows import (
    by_trial,
    counts_of,
    curves_of,
    damage,
    is_number,
    of_trial,
    parsed_metrics,
    read_step,
    read_trial,
    read_values,
    seconds_of,
)
from archsearch.runs.store import Run, open_run
from archsearch.support.reading import place
from archsearch.trial import Trial

State = Literal["running", "done", "stopped"]
FRESH_NS = 100_000_000
"""A file that was written so short a time ago may be written again within the same tick of its clock."""
GIVEN = "(SELECT value FROM json_each(?))"
"""Numbers of trials as one value of a query: their JSON."""
BEHIND = 200
"""So many numbers behind the last recorded trial one may be under way; farther back nobody looks, so that a look stays short."""
UNDER_WAY = f"""
SELECT trial, step, metrics FROM curves WHERE trial > (SELECT IFNULL(MAX(trial), 0) - {BEHIND} FROM timings)
AND trial NOT IN (SELECT trial FROM timings) ORDER BY trial, step"""
CLIMBING = """
SELECT c.trial, c.step, c.metrics FROM (SELECT trial, MAX(epochs) AS done FROM rungs GROUP BY trial) r
JOIN curves c ON c.trial = r.trial AND c.step >= r.done ORDER BY c.trial, c.step"""
"""Steps of curves that no trial has yet: of new trials, and of those that train on for a further rung."""


class Going(NamedTuple):
    """What a trial that is being trained has told: its curve from epoch `first` on, counted from 0."""

    first: int
    curve: tuple[dict[str, float], ...]


class Mark(NamedTuple):
    """What tells whether anything was written: of a file its number, size and time; None where it is not."""

    record: tuple[int, int, int] | None
    database: tuple[int, int, int] | None
    log: tuple[int, int, int] | None


@dataclass(frozen=True)
class Growth:
    """What a look found: trials that are new or not as they were, those `noted` since; whether `another` run stands there now."""

    trials: tuple[int, ...] = ()
    noted: tuple[int, ...] = ()
    another: bool = False


@dataclass
class Follower:
    """What is known of a run, brought up to date by `look`; it holds no file open, so that the writer may end as if nobody looked.

    `seconds` of every trial; `values`: objectives of those that count, on the top rung; `failed`: which failed; `tests` and `notes` as they
    were read, by trial; `refusals` by reason; `held`: whether a process is writing the run; `under_way`: trials that it trains, as far as
    they have told anything; `mark`: of the files as they were read.
    """

    folder: Path
    run: Run | None = None
    seconds: dict[int, float] = field(default_factory=dict)
    values: dict[int, tuple[float, ...]] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    tests: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    held: bool = False
    under_way: dict[int, Going] = field(default_factory=dict)
    mark: Mark | None = None
    _settled: bool = False
    _to_note: set[int] = field(default_factory=set)

    def look(self) -> Growth | None:
        """What is new since the look before; None where nothing was written.

        Raises:
            StoreError: no run there, or one that cannot be read, as while it is being made; the next look tries again.
        """
        self.held = is_written(self.folder)
        mark, before = mark_of(self.folder), self.mark
        if mark == before and self._settled:
            return None
        self._settled = False
        if mark.record is None:
            raise StoreError(f"{place(self.folder)} is no run, or not yet one: it has no run.json")
        run = self.run
        if run is None or before is None or mark.record != before.record:
            run = open_run(self.folder)
        found = self._read(run, is_another(self.run, run) or moved(before, mark))
        self.run = run
        self.mark, self._settled = mark, settled(mark)
        return found

    @property
    def state(self) -> State:
        """Whether the run is being written, is done, or has stopped before that."""
        if self.held:
            return "running"
        return "done" if self.run is not None and len(self.seconds) >= self.run.record.trials else "stopped"

    @property
    def began(self) -> float:
        """When the run began or went on, in seconds of the system's clock; 0 while that is not known."""
        return 0.0 if self.mark is None or self.mark.record is None else self.mark.record[2] / 1e9

    def front(self) -> list[int]:
        """Numbers of the trials that none dominates, best first objective first."""
        numbers = list(self.values)
        found = [numbers[place] for place in front([self.values[number] for number in numbers])]
        return sorted(found, key=lambda number: (self.values[number], number))

    def _read(self, run: Run, another: bool) -> Growth:
        """Read what is new, and only then know it: whatever cannot be read is as unknown as before."""
        timings, tests, refusals, tables, *going = read(
            run.folder / "run.db",
            ("SELECT trial, seconds FROM timings", ()),
            ("SELECT trial, metrics FROM tests", ()),
            ("SELECT reason, SUM(count) FROM refusals GROUP BY reason ORDER BY reason", ()),
            ("SELECT name FROM sqlite_master", ()),
            *[(query, ()) for query in (UNDER_WAY, *[CLIMBING] * (run.record.fidelity is not None)) if self.held],
        )
        with damage(run.folder):
            seconds, refused = by_trial(timings, seconds_of), Counter(counts_of(refusals))
            under_way = going_of(row for rows in going for row in rows)
        tested = {number: text for number, text in tests if number in seconds}
        another = another or not self.seconds.keys() <= seconds.keys()
        known = Follower(self.folder) if another else self
        changed = {number for number, taken in seconds.items() if known.seconds.get(number) != taken} | new(tested, known.tests)
        awaited = changed | known._to_note
        said = said_of(run, awaited) if ("notes",) in tables else {}
        fresh = new(said, known.notes)
        values, failed = results_of(run, changed)
        self.values = {number: found for number, found in known.values.items() if number not in changed} | values
        self.failed = (known.failed - changed) | failed
        self.notes, self._to_note = known.notes | said, awaited - fresh
        self.seconds, self.tests, self.refusals, self.under_way = seconds, tested, refused, under_way
        return Growth(tuple(sorted(changed)), tuple(sorted(fresh)), another)


def going_of(rows: Iterable[tuple[Any, ...]]) -> dict[int, Going]:
    """Curves under way by trial, from rows in the order of their steps. Raises ValueError."""
    found = dict[int, Going]()
    for number, step, text in rows:
        if not (is_number(number) and is_number(step)):
            raise ValueError("a step of a curve has no number")
        with of_trial(number):
            first, curve = found.get(number, Going(step, ()))
            found[number] = Going(first, (*curve, parsed_metrics(text)))
    return found


def said_of(run: Run, numbers: Collection[int]) -> dict[int, str]:
    """What the strategy said of trials, some time after they were recorded."""
    query = f"SELECT trial, notes FROM notes WHERE trial IN {GIVEN} ORDER BY trial", (json.dumps(sorted(numbers)),)
    return dict(read(run.folder / "run.db", query)[0]) if numbers else {}


def refused_before(run: Run, numbers: Collection[int]) -> dict[int, dict[str, float]]:
    """As `Run.refused`, of these trials. Raises StoreError."""
    file, query = run.folder / "run.db", f"SELECT trial, costs FROM refused WHERE trial IN {GIVEN}"
    if not read(file, ("SELECT name FROM sqlite_master WHERE name = 'refused'", ()))[0]:
        return {}
    rows = read(file, (query, (json.dumps(sorted(numbers)),)))[0]
    with damage(run.folder):
        return by_trial(rows, parsed_metrics)


def results_of(run: Run, numbers: Collection[int]) -> tuple[dict[int, tuple[float, ...]], set[int]]:
    """Values of those of these trials that have a result which counts, on the top rung; and those that failed."""
    values, failed = dict[int, tuple[float, ...]](), set[int]()
    given = (json.dumps(sorted(numbers)),)
    queries = [(f"SELECT number, metrics, objectives, failure FROM trials WHERE number IN {GIVEN}", given)]
    if run.record.fidelity is not None:
        queries.append((f"SELECT trial, MAX(rung) FROM rungs WHERE trial IN {GIVEN} GROUP BY trial", given))
    rows, *rungs = read(run.folder / "run.db", *queries) if numbers else [[]]
    with damage(run.folder):
        at = dict(rungs[0]) if rungs else {}
        for number, metrics, objectives, failure in rows:
            if failure is not None:
                failed.add(number)
            elif at.get(number, 0) == run.record.top:
                values[number] = read_values(objectives, parsed_metrics(metrics), run.record.objectives)
    return values, failed


def new(now: Mapping[int, str], before: Mapping[int, str]) -> set[int]:
    """Numbers of what was not there before, or is not as it was."""
    return {number for number, text in now.items() if before.get(number) != text}


def mark_of(folder: Path) -> Mark:
    """The mark of a run's files."""
    return Mark(*(glance(folder / name) for name in ("run.json", "run.db", "run.db-wal")))


def glance(path: Path) -> tuple[int, int, int] | None:
    """Number, size and time of a file; None where there is none, or something else."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def is_another(before: Run | None, now: Run) -> bool:
    """Whether a run is not that of before, or is extended so that values that were read mean something else."""
    if before is None:
        return False
    a, b = before.record, now.record
    return (a.space_sha256, a.seed, a.objectives, a.budget, a.fidelity) != (b.space_sha256, b.seed, b.objectives, b.budget, b.fidelity)


def moved(before: Mark | None, now: Mark) -> bool:
    """Whether the database is another file than before."""
    return before is not None and before.database is not None and now.database is not None and before.database[0] != now.database[0]


def settled(mark: Mark) -> bool:
    """Whether the files are old enough that whatever is written next shows."""
    return all(file is None or abs(time.time_ns() - file[2]) > FRESH_NS for file in mark)


def some_trials(run: Run, numbers: Collection[int]) -> list[Trial]:
    """Trials of a run by number, as `Run.trials` gives them; those that are not recorded are left out. Raises StoreError."""
    given = (json.dumps(sorted(numbers)),)
    columns = "choices, fingerprint, metrics, objectives, failure, message"
    queries: list[tuple[str, tuple[Any, ...]]] = [
        (f"SELECT trial, metrics FROM curves WHERE trial IN {GIVEN} ORDER BY trial, step", given),
        (f"SELECT number, {columns} FROM trials WHERE number IN {GIVEN} ORDER BY number", given),
    ]
    if run.record.fidelity is not None:  # of a climb the last step says how far it got
        named = ", ".join(f"{'t' if name in ('choices', 'fingerprint') else 'r'}.{name}" for name in columns.split(", "))
        steps = f"SELECT r.step, r.known, r.rung, r.epochs, r.trial, {named} FROM rungs r JOIN trials t ON t.number = r.trial"
        queries.append((f"{steps} WHERE r.trial IN {GIVEN} ORDER BY r.step", given))
    curves, rows, *climbs = read(run.folder / "run.db", *queries)
    with damage(run.folder):
        known, goals, last = curves_of(curves), run.record.objectives, dict[int, Trial]()
        for row in (row for steps in climbs for row in steps):
            placed = read_step(row, known.get(row[4], ()), run.folder, goals, run.record.top)
            last[placed.trial.number] = placed.trial
        found = [read_trial(row, known.get(row[0], ()), run.folder, goals) for row in rows]
    own = [last.get(each.number, each) for each in found]
    return [replace(each, rung=at.rung, curve=at.curve) for each, at in zip(found, own, strict=True)]
