"""Who writes a run: one process at a time, on whatever machine, and its name for those who come second."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from archsearch.runs.database import LockedError, hold
from archsearch.support.reading import TEXT, at_least, fields, formatted, parse, read_text
from archsearch.support.writing import write_text

FORMAT = "archsearch.owner/1"
MOST = 2000
"""Bytes of a note."""
FIELDS = {"host": TEXT, "boot": TEXT, "pid": at_least(1), "since": TEXT}
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Owner:
    """A process that writes a run; `boot` stands for one start of one machine, whatever containers on it call themselves."""

    host: str
    boot: str
    pid: int
    since: str

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        return cls(platform.node(), boot(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S %z"))

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, where the locks of this machine reach."""
        return self.host == platform.node() or (bool(self.boot) and self.boot == boot())

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host[:60]} (since {self.since[:40]})"


def boot() -> str:
    """What the kernel calls the time since this machine was started; empty where it says nothing."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def owner_file(folder: Path) -> Path:
    """Where the note on the process that writes a run lies."""
    return folder / "run.owner"


def owner_of(folder: Path) -> Owner | None:
    """Who writes a run, or did not come to its end; None where nobody does, or nobody can tell."""
    try:
        data = parse(read_text(owner_file(folder), MOST))
        formatted(data, FORMAT)
        return Owner(**fields(data, FIELDS, "the note"))
    except (OSError, ValueError):
        return None


class Lock:
    """Holds a run folder against other writers until it is closed, or this process ends.

    Where folders are shared by machines, the lock of one may not reach to the other: there the note on the owner holds, until it is
    deleted.

    Raises:
        LockedError: another process writes the run, or did on another machine and has not said that it ended.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._note = folder, Owner.here()
        holder, before = hold(folder), owner_of(folder)
        if holder is None:
            raise LockedError(f"{folder} is being written by {before or 'another process'}; wait for it, or end it")
        self._holder = holder
        try:
            if before is not None and not before.is_here:
                hint = f"when it is no more, delete {owner_file(folder)}"
                raise LockedError(f"{folder} was being written by {before}, which has not said that it ended; {hint}")
            write_text(owner_file(folder), json.dumps({"format": FORMAT, **asdict(self._note)}) + "\n")
        except BaseException:
            holder.close()
            raise

    def close(self) -> None:
        """Let go of the folder."""
        if owner_of(self._folder) == self._note:
            with suppress(OSError):  # a note that stays says that this process did not end well, which is all that it says
                owner_file(self._folder).unlink(missing_ok=True)
        self._holder.close()
