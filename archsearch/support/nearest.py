"""What an unknown name may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(name: str, known: Sequence[str]) -> str:
    """Words that end an error about an unknown name: the nearest known ones, or all of a few."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    most = 16
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"known: {', '.join(sorted(known)[:most])}{more}"
