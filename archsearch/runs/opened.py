"""A run as it is read from its folder; a writer does not wait for readers, nor they for it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsearch.network.genotype import Genotype
from archsearch.pareto import front
from archsearch.runs.database import StoreError, read, weights_file
from archsearch.runs.front_table import as_html
from archsearch.runs.packing import shared_by, texts_of, unpacked
from archsearch.runs.record import Record
from archsearch.runs.rows import (
    Placed,
    V,
    by_trial,
    counts_of,
    curves_of,
    damage,
    latencies_of,
    of_trial,
    parsed_metrics,
    read_step,
    read_trial,
    seconds_of,
)
from archsearch.support.reading import at, place, read_text, reason
from archsearch.trial import Trial

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


SOME = 200
"""Genotypes that are read at a time."""


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
            by_number, goals = curves_of(curves), self.record.objectives
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
            by_number, goals = curves_of(curves), self.record.objectives
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
    def refused(self) -> dict[int, dict[str, float]]:
        """Costs of the network closest to the budget, of those over it that were refused on the way to a trial, by trial; else none."""
        if not self._has("refused"):
            return {}
        return self._by_trial("SELECT trial, costs FROM refused ORDER BY trial", parsed_metrics)

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

    def latencies(self, fingerprint: str) -> dict[str, dict[str, float]]:
        """What was measured of a network's latency while it was searched, by place: engine, images at once, machine, threads."""
        if not self._has("latencies"):
            return {}
        rows = self._query("SELECT place, metrics FROM latencies WHERE fingerprint = ? ORDER BY rowid", (fingerprint,))
        with damage(self.folder):
            return latencies_of(rows)

    def front(self) -> list[Trial]:
        """Trials within the budget that none dominates, best first objective first; of several rungs those on the top one."""
        on_top = [trial for trial in self.trials if trial.rung == self.record.top and self.record.fits(trial.metrics)]
        found = [(trial.values, trial.number, trial) for trial in on_top if trial.values is not None]
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
        [(kept,)] = self._query("SELECT genotype FROM trials WHERE number = ?", (number,))
        with damage(self.folder), of_trial(number):
            text = self._text(kept)
        return Genotype.from_json(text)

    def genotype_texts(self, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
        """The networks of these trials as JSON, in that order, read some at a time; what is not recorded, or damaged, is left out."""
        shared = dict[int, str]()
        for start in range(0, len(numbers), SOME):
            here = numbers[start : start + SOME]
            kept = dict(self._query(f"SELECT number, genotype FROM trials WHERE number IN ({','.join('?' * len(here))})", tuple(here)))
            for number in here:
                with suppress(ValueError):
                    if number in kept:
                        yield number, self._text(kept[number], shared)

    def _text(self, kept: Any, known: dict[int, str] | None = None) -> str:
        """The JSON text of a genotype: packed, or as earlier versions kept it; `known` keeps what others share. Raises ValueError."""
        if isinstance(kept, str):
            return kept
        if not isinstance(kept, bytes):
            raise ValueError("its genotype is no text")  # noqa: TRY004 one kind of error for all damage
        needed = shared_by(kept)
        if needed is None:
            return unpacked(kept)
        known = {} if known is None else known
        if needed not in known:
            known[needed] = self._shared(needed)
        return unpacked(kept, known[needed])

    def _shared(self, wanted: int) -> str:
        """The text of this checksum, from where it is kept, or else from the trial that it came from. Raises ValueError."""
        kept = "SELECT checksum, genotype FROM shared WHERE checksum = ?"
        found = texts_of(self._query(kept, (wanted,))) if self._has("shared") else {}
        if not found:
            alone = self._query("SELECT genotype FROM trials WHERE typeof(genotype) = 'blob'")
            found = texts_of((wanted, data) for (data,) in alone if shared_by(data) is None)
        if not found:
            raise ValueError("what its genotype shares with others is lost")
        return found[wanted]

    def weights(self, number: int) -> Path | None:
        """File of a trial's trained weights, kept for trials of the front."""
        path = weights_file(self.folder, number)
        return path if path.is_file() else None

    def explanation(self, number: int) -> Path:
        """Where the page goes that explains what a trial does with images, whether it is there or not."""
        return self.folder / f"explanation-{number:04d}.html"

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
