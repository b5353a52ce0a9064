"""One axis of a receptive field: for every position, the first and the last position of the input that it depends on."""

from __future__ import annotations

from math import lcm
from typing import NamedTuple

from archsearch.ops.reading import Taps

Line = tuple[int, int, int]
MOST_PHASES = 1 << 13


class Phases(NamedTuple):
    """Position `period * m + r` depends on the input from `advance * m + lows[r]` to `advance * m + highs[r]`; None: on nothing.

    `finite`: there are `period` positions in all, and none outside.
    """

    period: int
    advance: int
    lows: tuple[int | None, ...]
    highs: tuple[int | None, ...]
    finite: bool = False

    def at(self, position: int) -> tuple[int, int] | None:
        """First and last position of the input."""
        turn, place = divmod(position, self.period)
        low, high = self.lows[place], self.highs[place]
        if low is None or high is None or (self.finite and turn):
            return None
        return self.advance * turn + low, self.advance * turn + high


Axis = Line | Phases
NOWHERE = Phases(1, 0, (None,), (None,))


def length(axis: Axis) -> int:
    """Positions in the largest region."""
    if not isinstance(axis, Phases):
        return axis[1] - axis[0] + 1
    return max([0, *[high - low + 1 for low, high in zip(axis.lows, axis.highs, strict=True) if low is not None and high is not None]])


def united(axes: list[Axis], size: int) -> Axis | None:
    """The regions of several axes put together; None where there are too many different ones."""
    distinct = list(dict.fromkeys(axes))
    if len(distinct) == 1:
        return distinct[0]
    lines = [axis for axis in distinct if not isinstance(axis, Phases)]
    if len(lines) == len(distinct) and len({stride for _, _, stride in lines}) == 1:
        return min(low for low, _, _ in lines), max(high for _, high, _ in lines), lines[0][2]
    phases = [phased(axis) for axis in distinct if axis != NOWHERE]
    if len(phases) == 1:
        return simple(phases[0])
    period = lcm(*[one.period for one in phases])
    steady = len({one.advance * (period // one.period) for one in phases}) == 1 and not any(one.finite for one in phases)
    period, advance = (period, phases[0].advance * (period // phases[0].period)) if steady else (size, 0)
    if period > MOST_PHASES or not size:
        return None
    regions = [[region for one in phases if (region := one.at(place)) is not None] for place in range(period)]
    return simple(of_regions(regions, period, advance, finite=not steady))


def of_regions(regions: list[list[tuple[int, int]]], period: int, advance: int, finite: bool) -> Phases:
    """Phases, given all that each position depends on."""
    lows = tuple([min((low for low, _ in found), default=None) for found in regions])
    return Phases(period, advance, lows, tuple([max((high for _, high in found), default=None) for found in regions]), finite)


def phased(axis: Axis) -> Phases:
    """An axis as phases."""
    if isinstance(axis, Phases):
        return axis
    low, high, stride = axis
    return Phases(1, stride, (low,), (high,))


def simple(axis: Phases) -> Axis:
    """A line where it is one."""
    low, high, rest = axis.lows[0], axis.highs[0], axis.advance % axis.period
    if axis.finite or rest or low is None or high is None:
        return axis
    stride = axis.advance // axis.period
    wanted = [(low + stride * place, high + stride * place) for place in range(axis.period)]
    return (low, high, stride) if wanted == list(zip(axis.lows, axis.highs, strict=True)) else axis


def tapped(axis: Axis, taps: Taps, size: int) -> Axis | None:
    """An axis after an op that reads it; None where positions differ too much."""
    before = phased(axis)
    turns = 1
    while taps.advance * turns % before.period:
        turns += 1
    period = taps.period * turns
    advance = taps.advance * turns // before.period * before.advance
    if before.finite:
        period, advance = size, 0
    if period > MOST_PHASES or not period:
        return None
    regions = []
    for position in range(period):
        turn, place = divmod(position, taps.period)
        low, high = taps.lows[place], taps.highs[place]
        read = () if low is None or high is None else range(taps.advance * turn + low, taps.advance * turn + high + 1, taps.step)
        regions.append([region for at in read if (region := before.at(at)) is not None])
    return simple(of_regions(regions, period, advance, before.finite))
