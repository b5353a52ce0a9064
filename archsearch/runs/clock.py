"""How far the trials under way are, and about how long a run still takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from statistics import fmean
from typing import NamedTuple

RECENT = 100
"""Trials whose durations tell of those to come."""


class Running(NamedTuple):
    """A trial under way: its seconds so far, epochs done, of how many where that is known, seconds of one, and since the last was done.

    `usual` are the seconds of an evaluation on its rung, where they are known.
    """

    trial: int
    seconds: float
    epochs: int = 0
    of: int | None = None
    epoch_seconds: float | None = None
    since: float = 0.0
    usual: float | None = None

    @property
    def whole(self) -> float | None:
        """Seconds of all its epochs; None while that is not known."""
        return None if self.of is None or self.epoch_seconds is None else self.of * self.epoch_seconds

    def rest(self, typical: float) -> float:
        """Seconds until it is done: by its epochs, or as long as a typical trial."""
        if self.of is None or self.epoch_seconds is None:
            return max(0.0, (typical if self.usual is None else self.usual) - self.seconds)
        return max(0.0, (self.of - self.epochs) * self.epoch_seconds - self.since)


def seconds_left(
    mean: float | None, workers: int, waiting: int, running: Sequence[Running], above: Sequence[tuple[float, int]] = ()
) -> float | None:
    """Seconds until all trials are done, those `running` and then `waiting` more, `workers` at a time; None while nothing is known.

    A trial takes the `mean` of those that are done; before the first is, what the epochs of those under way come to. Of rungs `above`
    the first come the seconds of an evaluation, and how many wait.
    """
    known = [one.whole for one in running if one.whole is not None]
    if mean is None and not known:
        return None
    typical = fmean(known) if mean is None else mean
    rests = [one.rest(typical) for one in running]
    free = [*rests, *[0.0] * (max(1, workers) - len(rests))]
    heapify(free)
    for each, count in ((typical, waiting), *above):
        while each and count and (count % len(free) or max(free) - free[0] > each):
            heapreplace(free, free[0] + each)
            count -= 1
        free = [taken + count // len(free) * each for taken in free]  # when they are in step, all take one each in turn
    return max(free)


@dataclass
class _Mark:
    heard: float
    epochs: int
    began: float
    of: int | None
    rung: int = 0
    first: tuple[int, float] | None = None


@dataclass
class Clock:
    """Hears of beginnings, epochs and ends of trials; `epochs` are those of every trial, where that is known.

    `costs` say how much longer an evaluation takes on each rung: what is measured on one foretells those above until they are measured.
    """

    workers: int
    epochs: int | None = None
    costs: Sequence[float] = (1.0,)
    began: float = field(default_factory=time.perf_counter)
    _took: list[_Took] = field(init=False)
    _latest: float = field(default_factory=time.perf_counter)
    _marks: dict[int, _Mark] = field(default_factory=dict)
    _worked: float = 0.0

    def __post_init__(self) -> None:
        self._took = [_Took() for _ in self.costs]

    def hear(self, trial: int, epochs: int, of: int | None = None, rung: int = 0) -> None:
        """So many epochs of a trial are done; fewer than before mean that it begins again, epochs without a beginning that it went on."""
        now, mark = time.perf_counter(), self._marks.get(trial)
        if mark is None or epochs < mark.epochs:
            began = self._latest if epochs else now
            mark = self._marks[trial] = _Mark(now, epochs, began, of or self.epochs, rung)
        if epochs and mark.first is None:
            mark.first = epochs, now
        mark.heard, mark.epochs, self._latest = now, epochs, now

    def end(self, trial: int, seconds: float | None, rung: int = 0) -> None:
        """A trial is done after so many seconds; None for what says nothing of those to come."""
        mark, self._latest = self._marks.pop(trial, None), time.perf_counter()
        self._worked += 0.0 if mark is None else self._latest - mark.began
        if seconds is not None:
            self._took[rung].add(seconds, max(1, self.workers) if rung == 0 else 0)

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self.began

    @property
    def busy(self) -> float | None:
        """The share of the workers' time that went into evaluations; None before the first has begun."""
        now = time.perf_counter()
        worked = self._worked + sum(now - mark.began for mark in self._marks.values())
        return min(1.0, worked / (now - self.began) / max(1, self.workers)) if worked else None

    def running(self) -> tuple[Running, ...]:
        """The trials under way, in order of their beginnings."""
        now = time.perf_counter()
        return tuple(running(trial, mark, now, self.usual(mark.rung)) for trial, mark in self._marks.items())

    def usual(self, rung: int) -> float | None:
        """Seconds of an evaluation on a rung, as measured there, or on the nearest one below; None while nothing is."""
        for below in range(rung, -1, -1):
            mean = self._took[below].mean
            if mean is not None:
                return mean * self.costs[rung] / self.costs[below]
        return None

    def left(self, waiting: Sequence[int]) -> float | None:
        """Seconds until those under way and so many more on each rung are done; None while nothing is known."""
        above = [(self.usual(rung) or 0.0, count) for rung, count in enumerate(waiting) if rung]
        return seconds_left(self.usual(0), self.workers, waiting[0], self.running(), above)


@dataclass
class _Took:
    """Seconds of the evaluations on a rung; the first of a worker are longer, as torch and data are loaded."""

    first: list[float] = field(default_factory=list)
    later: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add(self, seconds: float, longer: int) -> None:
        """One more, of which so many are the first of a worker."""
        (self.first if len(self.first) < longer else self.later).append(seconds)

    @property
    def mean(self) -> float | None:
        """Of the recent ones; None where there is none."""
        return fmean(self.later or self.first) if self.later or self.first else None


def running(trial: int, mark: _Mark, now: float, usual: float | None) -> Running:
    """How far a trial is; its first epoch tells nothing of the others, as torch and data are loaded in it."""
    epochs, heard = mark.first or (0, mark.began)
    passed = mark.epochs - epochs
    epoch_seconds = (mark.heard - heard) / passed if passed else None
    return Running(trial, now - mark.began, mark.epochs, mark.of, epoch_seconds, now - mark.heard, usual)
