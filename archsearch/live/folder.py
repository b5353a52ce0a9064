"""The runs that are served: one, or all that lie in a folder, by name."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from archsearch.live.watching import LONGEST_S, SHARE, TICK_S, Watch

MOST = 500
"""Runs of one folder; of more those with the first names."""


class Runs:
    """Runs by the name of their folder, as bytes, as a browser asks for it; no other folder is ever opened.

    `alone`: the root itself is the one run, whether it is there already or not.
    """

    def __init__(self, root: Path, alone: bool) -> None:
        self.root, self.alone = root, alone
        self.watches: dict[bytes, Watch] = {}
        self.rows: list[dict[str, Any]] = []
        self.pause = TICK_S
        self._looked = float("-inf")
        self._lock = asyncio.Lock()

    @property
    def title(self) -> str:
        """Name of the root."""
        return os.fsencode(self.root.resolve().name or "runs").decode("utf-8", "replace")

    def names(self) -> list[bytes]:
        """Names of the runs that are there; the one run has a name although it is not there yet."""
        if self.alone:
            return [os.fsencode(self.root.resolve().name or "run")]
        try:
            with os.scandir(self.root) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError:
            return []
        home = self.root.resolve()
        return [os.fsencode(name) for name in names if is_run(self.root / name, home)][:MOST]

    def watch(self, name: bytes) -> Watch | None:
        """The watch of a run; None for a name that no run here has or had."""
        if name not in self.watches and name in self.names():
            self._watch(name)
        return self.watches.get(name)

    def _watch(self, name: bytes) -> Watch:
        if name not in self.watches:
            self.watches[name] = Watch(name, self.root if self.alone else self.root / os.fsdecode(name))
        return self.watches[name]

    async def look(self) -> None:
        """Bring all rows up to date, unless somebody did a moment ago; the latest first."""
        async with self._lock:
            if time.monotonic() - self._looked < self.pause:
                return
            began = time.thread_time()
            watches = [self._watch(name) for name in await asyncio.to_thread(self.names)]
            for watch in watches:
                await watch.look()
            rows = [await watch.row() for watch in watches]
            spent = sum(watch.spent for watch in watches)
            self.rows = sorted(rows, key=lambda one: (one["began"], one["name"]), reverse=True)
            self.pause = min(max(TICK_S, (spent + time.thread_time() - began) / SHARE), LONGEST_S)
            self._looked = time.monotonic()


def is_run(folder: Path, home: Path) -> bool:
    """Whether a folder has what a run begins with, and lies in its home: no link leads elsewhere."""
    try:
        return (folder / "run.json").is_file() and folder.resolve().parent == home
    except (OSError, RuntimeError):  # no right to look, or links in a circle
        return False
