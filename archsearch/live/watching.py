"""One run as all browsers that look at it see it: what is new is read once, and told to each from where it is."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from archsearch.live.standing import going, row, status
from archsearch.report.rows import rows
from archsearch.report.side_by_side import Side
from archsearch.runs.database import StoreError
from archsearch.runs.following import Follower, Growth, Mark, refused_before, some_trials
from archsearch.runs.rows import damage, parsed_metrics

TICK_S, LONGEST_S = 0.5, 10.0
SHARE = 0.01
"""Of one core, for looking at a run: after a look nothing is done for so much longer than it took; a browser waits LONGEST_S at most."""
AT_ONCE = 100
"""Trials in one message."""
BEAT_S = 15.0
"""After so long a silence a sign of life, which also finds out who is gone."""
PLACE = re.compile(r"[0-9]{1,18}")
RETRY = b"retry: 2000\n\n"
BEAT = b":\n\n"


class Watch:
    """A run that is looked at while anybody watches it, and only then.

    A place in it is a word for `stream`: which watch, and how many changes were seen. Of every trial it is known with which change it came
    to be as it is, so that whoever comes back hears nothing twice and misses nothing, and nothing is kept for anyone who stays away.
    """

    def __init__(self, name: bytes, folder: Path) -> None:
        self.name = name
        self.follower = Follower(folder)
        self.trouble = ""
        self.pause = TICK_S
        self.spent = 0.0
        self._begin()
        self._looked = float("-inf")
        self._lock = asyncio.Lock()
        self._reading = threading.Lock()  # a reader goes on in its thread although the browser that asked for it is gone
        self._unreadable: tuple[Mark | None, str] = (None, "")
        self._row: tuple[Any, dict[str, Any]] = ((), {})

    def _begin(self) -> None:
        self.key, self.changes = secrets.token_hex(4), 0
        self.touched: dict[int, int] = {}
        self.noted: dict[int, int] = {}
        self._facts: dict[str, Any] = {}
        self._told: tuple[int, int, list[bytes]] = (-1, 0, [])

    @property
    def place(self) -> str:
        """Where a browser is that knows all there is."""
        return f"{self.key}-{self.changes}"

    async def look(self) -> None:
        """Look at the run, unless somebody did a moment ago."""
        async with self._lock:
            if time.monotonic() - self._looked >= self.pause:
                await asyncio.to_thread(self._look)

    async def row(self) -> dict[str, Any]:
        """The run as texts for a list, as it was at the last look."""
        async with self._lock:
            return await asyncio.to_thread(self._list)

    def _list(self) -> dict[str, Any]:
        with self._reading:
            now = (self.place, self.trouble)
            if self._row[0] != now:
                self._row = (now, row(self.name, self.follower, self.trouble))
            return self._row[1]

    async def side(self) -> Side | None:
        """The run for a comparison; None while it cannot be read."""
        async with self._lock:
            return await asyncio.to_thread(self._side)

    def _side(self) -> Side | None:
        with self._reading:
            follower = self.follower
            if follower.run is None or self.trouble:
                return None
            name, goals = self.name.decode("utf-8", "replace"), follower.run.record.objectives
            return Side(name, goals, dict(follower.values), dict(follower.seconds))

    def _look(self) -> None:
        with self._reading:
            began, first = time.thread_time(), self.changes == 0
            try:
                growth = self.follower.look() or Growth()
                self.trouble = self._unreadable[1] if self._unreadable[0] == self.follower.mark else ""
            except StoreError as error:
                growth, self.trouble = Growth(), str(error)
            if growth.another:
                self._begin()
            self._take_in(growth)
            self._rest(0.0 if first else time.thread_time() - began)
            self._looked = time.monotonic()

    def refuse(self, trouble: str) -> None:
        """What was read cannot be told or shown; so it stays until something else is written."""
        self.trouble, self._unreadable = trouble, (self.follower.mark, trouble)

    def _take_in(self, growth: Growth) -> None:
        """Note with which change a trial came to be as it is."""
        follower = self.follower
        facts = {"status": status(follower), "refusals": dict(follower.refusals), "under_way": going(follower)}
        now = self._facts if self.trouble else facts
        if growth.trials or growth.noted or now != self._facts:
            self.changes, self._facts = self.changes + 1, now
            self.touched.update(dict.fromkeys(growth.trials, self.changes))
            self.noted.update(dict.fromkeys(growth.noted, self.changes))

    def _rest(self, spent: float) -> None:
        """What was spent is made up for by a pause."""
        self.spent = spent
        self.pause = min(max(TICK_S, spent / SHARE), LONGEST_S)

    async def stream(self, place: str, closing: asyncio.Event) -> AsyncIterator[bytes]:
        """Messages of server-sent events from a place on, to the end of the server; `again` asks for the page anew.

        Whoever has no place waits for the run to be readable.
        """
        yield RETRY
        await self.look()
        key, _, seen = place.partition("-")
        at, told, quiet = int(seen) if PLACE.fullmatch(seen) else -1, "", 0.0
        while not closing.is_set():
            if self.trouble != told:
                told, quiet = self.trouble, 0.0
                yield event(told, "trouble")
            elif not told and (key != self.key or not 0 <= at <= self.changes):
                yield event("", "again")
                return
            elif not told and at < self.changes:
                messages, at, quiet = *await self._since(at), 0.0
                for message in messages:
                    yield message
            else:
                quiet += self.pause
                if quiet >= BEAT_S:
                    quiet = 0.0
                    yield BEAT
            await rest(closing, self.pause)
            await self.look()

    async def _since(self, at: int) -> tuple[list[bytes], int]:
        """The messages from a place on, and where they lead to; the next browser at the same place gets the same ones."""
        async with self._lock:
            if self._told[:2] != (at, self.changes):
                await asyncio.to_thread(self._tell, at)
            return (self._told[2], self._told[1]) if self._told[0] == at else ([], at)

    def _tell(self, at: int) -> None:
        with self._reading:
            began = time.thread_time()
            touched, noted = (sorted(number for number, change in of.items() if change > at) for of in (self.touched, self.noted))
            try:
                told = [{"rows": self._rows(some)} for some in portions(touched)]
                with damage(self.follower.folder):
                    notes = {str(number): parsed_metrics(self.follower.notes[number]) for number in noted}
            except StoreError as error:
                self.refuse(str(error))
                return
            last = {**(told.pop() if told else {}), "run": {**self._facts, "notes": notes}}
            self._rest(self.spent + time.thread_time() - began)
            self._told = (at, self.changes, [*(event(message) for message in told), event(last, place=self.place)])

    def _rows(self, numbers: Sequence[int]) -> dict[str, Any]:
        follower = self.follower
        assert follower.run is not None
        trials = some_trials(follower.run, numbers)
        with damage(follower.folder):
            tests = {number: parsed_metrics(follower.tests[number]) for number in numbers if number in follower.tests}
        return rows(trials, follower.seconds, tests, refused_before(follower.run, numbers))


def portions(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Numbers in portions of AT_ONCE."""
    for first in range(0, len(numbers), AT_ONCE):
        yield numbers[first : first + AT_ONCE]


def event(data: Any, name: str = "", place: str = "") -> bytes:
    """One server-sent event; a browser that loses the connection comes back with the place of the last that has one."""
    head = f"event: {name}\n" * bool(name) + f"id: {place}\n" * bool(place)
    return f"{head}data: {json.dumps(data, allow_nan=False, separators=(',', ':'))}\n\n".encode()


async def rest(closing: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the server ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), seconds)
