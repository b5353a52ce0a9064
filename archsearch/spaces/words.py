"""A survey in words, for the terminal and the page."""

from __future__ import annotations

from inspect import getmodule

from archsearch.analysis import Budget
from archsearch.spaces.space import Space
from archsearch.spaces.survey import Survey, words_of
from archsearch.units import unit

EXACT = 10**9


def about(space: Space) -> str:
    """First line of what the space's module says of itself."""
    return (getmodule(space.function).__doc__ or "").strip().split("\n")[0]


def size_text(space: Space) -> str:
    """How many choices a space holds."""
    size = space.size()
    digits = len(str(size)) - 1
    tenth = 10 ** (digits - 1)
    number = f"{size:,}" if size < EXACT else f"{(size + tenth // 2) // tenth / 10}e{digits}"
    return f"about {number}" if space.is_conditional() else number


def percent(share: float) -> str:
    """A share as a percentage, with a figure behind the point where it says something."""
    scaled = 100 * share
    return (
        f"{scaled:.0f}%"
        if scaled == round(scaled) or scaled >= 99.95
        else f"{scaled:.1f}%"
        if scaled >= 0.05
        else "<0.1%"
        if scaled
        else "0%"
    )


def share_text(found: Survey, count: int) -> tuple[str, str]:
    """A number of draws as a share of all, and how sure that is."""
    share, margin = found.share(count)
    of = f"{count:,} of {len(found.drawn):,}"
    if found.whole:
        return percent(share), of
    if count == 0:
        return f"under {100 * margin:.2g}%", of
    return percent(share), f"{of}, \u00b1 {100 * margin:.2g} points"


def limits_text(budget: Budget) -> str:
    """A budget in words."""
    return ", ".join(f"{words_of(name)} \u2264 {unit(name).text(limit)}" for name, limit in budget.limits().items()) or "none"
