"""Longest common subsequences of keys, within bounded time."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence

MAX_TABLE = 40_000
MAX_STEP = 64
"""Keys skipped at once: one far partner must not keep all between from finding theirs."""

Pairs = list[tuple[int, int]]


def common(first: Sequence[Hashable], second: Sequence[Hashable]) -> Pairs:
    """Positions of equal keys, rising in both: the most that there are where the table is small, else those between unique keys."""
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    end = 0
    while end < min(len(first), len(second)) - start and first[-1 - end] == second[-1 - end]:
        end += 1
    inner = middle(first[start : len(first) - end], second[start : len(second) - end])
    return [
        *((i, i) for i in range(start)),
        *((start + i, start + j) for i, j in inner),
        *((len(first) - end + i, len(second) - end + i) for i in range(end)),
    ]


def middle(first: Sequence[Hashable], second: Sequence[Hashable]) -> Pairs:
    """Pairs between two sequences that neither begin nor end alike."""
    if not first or not second:
        return []
    if len(first) * len(second) <= MAX_TABLE:
        return by_table(first, second)
    counts, others = Counter(first), Counter(second)
    place = {key: j for j, key in enumerate(second) if others[key] == 1 and counts[key] == 1}
    anchors = rising([(i, place[key]) for i, key in enumerate(first) if key in place])
    if not anchors:
        return in_order(first, second)
    found: Pairs = []
    for (i, j), (k, m) in zip([(-1, -1), *anchors], [*anchors, (len(first), len(second))], strict=True):
        found += [(i + 1 + a, j + 1 + b) for a, b in common(first[i + 1 : k], second[j + 1 : m])]
        found += [(k, m)] if k < len(first) else []
    return found


def by_table(first: Sequence[Hashable], second: Sequence[Hashable]) -> Pairs:
    """The longest common subsequence by dynamic programming."""
    longest = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in range(len(first) - 1, -1, -1):
        row, below, key = longest[i], longest[i + 1], first[i]
        for j in range(len(second) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if key == second[j] else max(below[j], row[j + 1])
    found: Pairs = []
    i = j = 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def in_order(first: Sequence[Hashable], second: Sequence[Hashable]) -> Pairs:
    """Pairs of equal keys, each as early as it goes: no longest one, in linear time."""
    places: dict[Hashable, list[int]] = {}
    for j in range(len(second) - 1, -1, -1):
        places.setdefault(second[j], []).append(j)
    found: Pairs = []
    last = -1
    for i, key in enumerate(first):
        waiting = places.get(key, [])
        while waiting and waiting[-1] <= last:
            waiting.pop()
        if waiting and waiting[-1] - last <= MAX_STEP:
            last = waiting.pop()
            found.append((i, last))
    return found


def rising(pairs: Sequence[tuple[int, int]]) -> Pairs:
    """The longest part of pairs, sorted by their first number, whose second numbers rise."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, (_, value) in enumerate(pairs):
        at = bisect_left(tails, value)
        before.append(ends[at - 1] if at else -1)
        tails[at : at + 1] = [value]
        ends[at : at + 1] = [place]
    found: Pairs = []
    place = ends[-1] if ends else -1
    while place >= 0:
        found.append(pairs[place])
        place = before[place]
    return found[::-1]
