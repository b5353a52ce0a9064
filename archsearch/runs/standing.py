"""Where a run stands, for who watches it."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.runs.clock import Running
from archsearch.support.progress import Progress


@dataclass(frozen=True)
class Standing(Progress):
    """Where a run stands: at its beginning, when an evaluation begins, after every epoch, and after every trial that is recorded.

    `epoch` of a supernet (done, of all before its next point); the trials `running`; seconds `elapsed` since the run began or went on;
    about how many are `left` to the last trial, None while nobody can know; whether the front is `testing`; the share of the time that
    workers were `busy`.
    """

    best: tuple[float, ...] | None
    front: int
    refused: int
    failed: int
    epoch: tuple[int, int] | None = None
    running: tuple[Running, ...] = ()
    elapsed: float = 0.0
    left: float | None = None
    testing: bool = False
    busy: float | None = None
