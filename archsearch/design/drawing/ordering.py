"""The order of the cells in their layers, for few crossings: barycentres and exchanges of neighbours (Sugiyama et al. 1981)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

from archsearch.design.drawing.layering import Layered, Link

SWEEPS, FEW = 12, 4
EXCHANGED = 600
"""Above so many cells neighbours are not exchanged, and sweeps are few."""

Neighbours = list[list[int]]


def order(drawn: Layered, spine: Sequence[int], ins: Sequence[int], outs: Sequence[int]) -> None:
    """Put the cells of every layer in order; the `ins` and `outs` keep theirs."""
    upper, lower = neighbours(drawn)
    start_order(drawn, spine, upper, lower)
    pin(drawn, ins, outs)
    best, fewest = [list(layer) for layer in drawn.layers], all_crossings(drawn)
    for sweep in range(SWEEPS if len(drawn.cells) <= EXCHANGED else FEW):
        if not fewest:
            break
        barycentres(drawn, upper if sweep % 2 == 0 else lower, sweep % 2 == 0)
        pin(drawn, ins, outs)
        if len(drawn.cells) <= EXCHANGED:
            exchange(drawn, upper, lower, bool(ins), bool(outs))
        now = all_crossings(drawn)
        if now < fewest:
            best, fewest = [list(layer) for layer in drawn.layers], now
    drawn.layers[:] = best


def neighbours(drawn: Layered) -> tuple[Neighbours, Neighbours]:
    """For every cell those that it is linked with in the layer above, and in the one below."""
    upper: Neighbours = [[] for _ in drawn.cells]
    lower: Neighbours = [[] for _ in drawn.cells]
    for links in drawn.links:
        for link in links:
            upper[link.lower].append(link.upper)
            lower[link.upper].append(link.lower)
    return upper, lower


def pin(drawn: Layered, ins: Sequence[int], outs: Sequence[int]) -> None:
    """Bring the ports back into the order that they are given in."""
    for layer, values in ((drawn.layers[0], ins), (drawn.layers[-1], outs)):
        place = {value: number for number, value in enumerate(values)}
        if values:
            layer.sort(key=lambda cell: place.get(drawn.cells[cell].number, 0))


def start_order(drawn: Layered, spine: Sequence[int], upper: Neighbours, lower: Neighbours) -> None:
    """The spine in the middle; what hangs on it to both sides, short parts within, long ones without, bare trunks to the right."""
    middle, rank = set(spine), dict.fromkeys(spine, 0.0)
    layer_of = {cell: number for number, layer in enumerate(drawn.layers) for cell in layer}
    used = [[0, 0] for _ in drawn.layers]
    parts = sorted(components(drawn, middle, upper, lower), key=lambda part: (len({layer_of[cell] for cell in part}), part[0]))
    for part in parts:
        spans = {layer_of[cell] for cell in part}
        bare = all(drawn.cells[cell].role == "trunk" for cell in part)
        left, right = (max(used[span][side] for span in spans) for side in (0, 1))
        side = 1 if bare or right <= left else 0
        reach = max(used[span][side] for span in spans)
        widest = max(sum(layer_of[cell] == span for cell in part) for span in spans)
        for span in spans:
            used[span][side] = reach + widest
        for cell in part:
            rank[cell] = (reach + 1) * (1 if side else -1)
    for layer in drawn.layers:
        layer.sort(key=lambda cell: (rank[cell], cell))


def components(drawn: Layered, without: set[int], upper: Neighbours, lower: Neighbours) -> list[list[int]]:
    """Cells that hang together when the spine is taken out."""
    found, seen = [], set(without)
    for start in range(len(drawn.cells)):
        if start in seen:
            continue
        part = [start]
        seen.add(start)
        for cell in part:
            for other in (*upper[cell], *lower[cell]):
                if other not in seen:
                    seen.add(other)
                    part.append(other)
        found.append(sorted(part))
    return found


def barycentres(drawn: Layered, near: Neighbours, down: bool) -> None:
    """Sort every layer by the mean place of what its cells are linked with in the layer before, going down or up."""
    layers = drawn.layers if down else drawn.layers[::-1]
    for before, layer in pairwise(layers):
        place = {cell: (number + 0.5) / len(before) for number, cell in enumerate(before)}
        own = {cell: (number + 0.5) / len(layer) for number, cell in enumerate(layer)}
        layer.sort(key=lambda cell: sum(place[other] for other in near[cell]) / len(near[cell]) if near[cell] else own[cell])


def all_crossings(drawn: Layered) -> int:
    """Crossings of links."""
    return sum(crossings(links, above, below) for links, (above, below) in zip(drawn.links, pairwise(drawn.layers), strict=True))


def crossings(links: Sequence[Link], above: Sequence[int], below: Sequence[int]) -> int:
    """Crossings between two layers: inversions of the lower ends when the links are sorted by the upper ones."""
    high = {cell: number for number, cell in enumerate(above)}
    low = {cell: number for number, cell in enumerate(below)}
    seen: list[int] = []
    total = 0
    for _, end in sorted((high[link.upper], low[link.lower]) for link in links):
        total += len(seen) - bisect_right(seen, end)
        insort(seen, end)
    return total


def exchange(drawn: Layered, upper: Neighbours, lower: Neighbours, first: bool, last: bool) -> None:
    """Exchange neighbours in a layer while that saves crossings; the first and the last layer stay where they are pinned."""
    place = {cell: number for layer in drawn.layers for number, cell in enumerate(layer)}
    layers = drawn.layers[int(first) : len(drawn.layers) - int(last)]
    for _ in range(4):
        better = False
        for layer in layers:
            for number in range(len(layer) - 1):
                left, right = layer[number], layer[number + 1]
                gain = sum(crossed(near[left], near[right], place) - crossed(near[right], near[left], place) for near in (upper, lower))
                if gain > 0:
                    layer[number], layer[number + 1] = right, left
                    place[left], place[right] = number + 1, number
                    better = True
        if not better:
            break


def crossed(left: Sequence[int], right: Sequence[int], place: dict[int, int]) -> int:
    """Crossings of the links of two neighbours with one layer, the first one standing to the left."""
    return sum(place[one] > place[other] for one in left for other in right)
