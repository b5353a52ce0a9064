"""Networks that can answer at any time: several exits, the dearer the better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_EXITS = 12
"""So many exits can be objectives by name."""
METRICS = ("anytime_error", *(f"error_exit{number}" for number in range(1, MOST_EXITS + 1)))


def by_exit(found: Sequence[Mapping[str, float]], macs: Sequence[int]) -> dict[str, float]:
    """Metrics of a network from those of its outputs and their cumulative multiply-adds, output by output.

    They are those of the dearest exit; with several exits also `error_exit1`, `error_exit2` and so on, the cheapest first, and
    `anytime_error`.
    """
    if len(found) == 1:
        return dict(found[0])
    order = by_cost(macs)
    errors = [found[place]["error"] for place in order]
    each = {f"error_exit{number}": error for number, error in enumerate(errors, start=1)}
    return {**found[order[-1]], **each, "anytime_error": anytime_error(errors, [macs[place] for place in order])}


def exit_macs(macs: Sequence[int]) -> dict[str, float]:
    """`macs_exit1`, `macs_exit2` and so on, for one sample, the cheapest first; nothing for a single exit."""
    if len(macs) == 1:
        return {}
    return {f"macs_exit{number}": float(macs[place]) for number, place in enumerate(by_cost(macs), start=1)}


def by_cost(macs: Sequence[int]) -> list[int]:
    """Numbers of the outputs, the cheapest first; among equal ones in their order."""
    return sorted(range(len(macs)), key=lambda place: macs[place])


def anytime_error(errors: Sequence[float], macs: Sequence[int]) -> float:
    """Mean error when the multiply-adds that may be spent are anything from 0 to those of the last exit, all equally likely.

    This is the area under the curve through (0, 1) and (macs, error) of every exit, over its width: without an answer all is wrong, and
    between two exits samples are shared out among them (budgeted batches, arXiv:1703.09844). The exits are given with their cost rising.
    """
    if macs[-1] == 0:
        return errors[-1]
    area, before, spent = 0.0, 1.0, 0
    for error, cost in zip(errors, macs, strict=True):
        area += (before + error) / 2 * (cost - spent)
        before, spent = error, cost
    return area / macs[-1]
