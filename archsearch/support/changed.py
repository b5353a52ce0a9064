"""What is no longer as it was, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from archsearch.support.option_json import loosened
from archsearch.support.reading import one_line


def first_change(before: Mapping[str, Any], now: Mapping[str, Any], but: Collection[str] = ()) -> str:
    """The first of the things by name that differs, as `name=old, now given new`; empty where nothing does, those in `but` aside.

    Lists and tuples of the same things count as equal, since JSON knows only one of them.
    """
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if name not in but and loosened(old) != loosened(new):
            return f"{one_line(name, 60)}={one_line(str(old), 60)}, now given {one_line(str(new), 60)}"
    return ""
