"""Runs beside each other as they grow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from archsearch.live.watching import LONGEST_S, RETRY, Watch, event, rest
from archsearch.report.side_by_side import Side, beside, data

MOST = 8
"""Runs at once, as many as there are colours."""
SLOWEST_S, QUICKEST_S = 30.0, 1.0
DRAWING = 0.05
"""Of one core, for drawing: more than for looking, as long as somebody has this page."""


async def stream(watches: Sequence[Watch], left_out: int, closing: asyncio.Event) -> AsyncIterator[bytes]:
    """Server-sent events that hold the comparison whole, whenever a run has grown."""
    yield RETRY
    told: list[str] | None = None
    said = ""
    while not closing.is_set():
        for watch in watches:
            await watch.look()
        words = remarks(watches, left_out)
        places, pause = [watch.place for watch in watches], QUICKEST_S
        if places != told:
            sides = [side for watch in watches if (side := await watch.side()) is not None]
            message, spent = await asyncio.to_thread(compared, sides)
            told, pause = places, min(max(QUICKEST_S, spent / DRAWING), SLOWEST_S)
            yield message
        if words != said:
            said = words
            yield event(words, "trouble")
        await rest(closing, min(pause, LONGEST_S) if said else pause)


def compared(sides: Sequence[Side]) -> tuple[bytes, float]:
    """The message, and the seconds of computing that it took."""
    began = time.thread_time()
    found: dict[str, Any] = data(beside(sides)) if sides else EMPTY
    message = event(found)
    return message, time.thread_time() - began


def remarks(watches: Sequence[Watch], left_out: int) -> str:
    """What is to be said besides: which runs cannot be read, and how many are too many."""
    words = [watch.trouble for watch in watches if watch.trouble]
    if left_out:
        words.append(f"At most {MOST} runs are compared at once; {left_out} more are left out.")
    if not watches:
        words.append("Choose runs in the list of all runs.")
    return " ".join(words)


EMPTY: dict[str, Any] = {
    "run": {"objectives": [], "units": {}},
    "courses": [],
    "notes": {"line": "", "hypervolume": ""},
    "heads": [],
    "rows": [],
}
