"""Durations in words, and how a run stands on one line of a screen."""

from __future__ import annotations

from rich.cells import cell_len

GAP = "  "
"""What parts the pieces of a line about a run, the most important first."""


def duration(seconds: float) -> str:
    """Seconds as 0:07, 12:34, 1:02:03 or 3 d 04:05 h."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days} d {hours_left:02}:{minutes:02} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def timing(elapsed: float, left: float | None) -> str:
    """Time that has passed and, where it is known, is left."""
    return duration(elapsed) if left is None else f"{duration(elapsed)}, {duration(left)} left"


def fitted(text: str, room: int) -> str:
    """The first pieces of a line that have room, each of them whole; after one that has none, shorter ones."""
    kept: list[str] = []
    for piece in text.split(GAP):
        if cell_len(GAP.join([*kept, piece])) <= room:
            kept.append(piece)
    return GAP.join(kept)
