"""Which ops bring the axes of a value into another order: a search over the ops that move elements and change none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, pairwise

from archsearch.design.importer.layout import Group, Groups, flat, size_of, sizes_of
from archsearch.ops import (
    BoxRows,
    ChannelShuffle,
    Flatten,
    FlattenBoxes,
    FromWindows,
    Image,
    PatchMerge,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Tokens,
    Transpose,
    Windows,
)
from archsearch.ops.attention import filled
from archsearch.ops.base import Op

MOST_MOVES, MOST_TRIED = 3, 20_000
"""Ops one behind the other, and ops that are looked at: axes in many pieces can be put together in too many ways to try all."""
Move = tuple[Op, Groups]
"""An op and the axes after it."""


def moves_to(own: Groups, target: Groups) -> list[Move] | None:
    """The fewest ops that bring a value's axes into the target's order and grouping; None when no few do, or none is soon found."""
    reached: dict[Groups, list[Move]] = {own: []}
    newest, tried = [own], 0
    for _ in range(MOST_MOVES + 1):
        if target in reached:
            return reached[target]
        latest, newest = newest, []
        for groups in latest:
            for op, after in single_moves(groups, target):
                tried += 1
                if tried > MOST_TRIED:
                    return None
                if after not in reached:
                    reached[after] = [*reached[groups], (op, after)]
                    newest.append(after)
    return None


def natural_move(own: Groups, target: Groups) -> list[Move]:
    """The one op that reaches the target and says more than that the shape changes; nothing where there is none."""
    for op, after in single_moves(own, target):
        if after == target and (not isinstance(op, Reshape) or len(own) == 1):
            return [(op, after)]
    return []


def single_moves(own: Groups, target: Groups) -> Iterator[Move]:
    """Ops that read such axes, the most telling first."""
    yield from BY_RANK[len(own)](own)
    if flat(own) == flat(target) and own != target:
        yield reshaping(own, target), target
    if len(own) == 3:
        channels, height, width = own
        merged = (channels, (*height, *width))
        yield Reshape(sizes_of(merged)), merged
    if len(own) < 3:
        image = (own[0], own[1] if len(own) > 1 else (), ())
        yield Reshape(sizes_of(image)), image


def reshaping(own: Groups, target: Groups) -> Op:
    """The op that keeps the order of the elements."""
    if len(target) == 1:
        return Flatten()
    if len(own) == 4 and len(target) == 2 and own[0] == target[0]:
        return FlattenBoxes()
    return Reshape(sizes_of(target))


def cuts_of(group: Group, pieces: int) -> Iterator[Groups]:
    """All ways to part an axis between its atoms."""
    for places in combinations_with_replacement(range(len(group) + 1), pieces - 1):
        edges = (0, *places, len(group))
        yield tuple(group[a:b] for a, b in pairwise(edges))


def of_vector(own: Groups) -> Iterator[Move]:
    """Ops over vectors that move elements: none."""
    yield from ()


def of_tokens(own: Groups) -> Iterator[Move]:
    """Ops over tokens (T, D)."""
    tokens, features = own
    yield Transpose(), (features, tokens)
    for high, wide in cuts_of(tokens, 2):
        yield Image(size_of(high), size_of(wide)), (features, high, wide)
    for a, b, c, d in cuts_of(tokens, 4):
        yield from of_windows(a, b, c, d, features)


def of_windows(a: Group, b: Group, c: Group, d: Group, features: Group) -> Iterator[Move]:
    """Ops over the tokens of an image in two rows of two axes each."""
    if not ((a or b) and (c or d)):
        return
    sizes = (size_of((*a, *b)), size_of((*c, *d)))
    apart = ((*a, *c, *b, *d), features)
    if b or d:
        yield Windows(*sizes, size=(size_of(b), size_of(d))), apart
    if a or c:
        yield Windows(*sizes, size=(size_of(a), size_of(c)), strided=True), ((*b, *d, *a, *c), features)
    sizes = (size_of((*a, *c)), size_of((*b, *d)))
    yield FromWindows(*sizes, size=(size_of(c), size_of(d))), ((*a, *c, *b, *d), features)
    yield FromWindows(*sizes, size=(size_of(c), size_of(d)), strided=True), ((*c, *a, *d, *b), features)
    if size_of(b) == size_of(d) == 2:
        yield PatchMerge(size_of((*a, *b)), size_of((*c, *d))), ((*a, *c), (*d, *b, *features))


def of_image(own: Groups) -> Iterator[Move]:
    """Ops over images (C, H, W)."""
    channels, height, width = own
    yield Tokens(), ((*height, *width), channels)
    for first, second in cuts_of(channels, 2):
        if first and second:
            yield ChannelShuffle(size_of(first)), ((*second, *first), height, width)
            yield BoxRows(size_of(second)), ((*height, *width, *first), second)
    for kept, down, across in cuts_of(channels, 3):
        if down and size_of(down) == size_of(across):
            yield PixelShuffle(size_of(down)), (kept, (*height, *down), (*width, *across))
    for high, down in cuts_of(height, 2):
        for wide, across in cuts_of(width, 2):
            if down and size_of(down) == size_of(across):
                yield PixelUnshuffle(size_of(down)), ((*channels, *down, *across), high, wide)


def of_boxes(own: Groups) -> Iterator[Move]:
    """Ops over boxes (N, C, H, W) that move elements: none."""
    yield from ()


BY_RANK = {1: of_vector, 2: of_tokens, 3: of_image, 4: of_boxes}


def unrolled(own: Groups, shifts: tuple[int, int], order: Group) -> Windows | None:
    """The way into windows that puts the tokens of a rolled image (H, W) into an order; None where no windows do."""
    height, width = own[:2]
    for high, down in cuts_of(height, 2):
        for wide, across in cuts_of(width, 2):
            if (*high, *wide, *down, *across) == order and max(shifts) <= 0:
                size = (size_of(down), size_of(across))
                return Windows(size_of(height), size_of(width), size, (-shifts[0], -shifts[1]))
    return None


def unwindowed(tokens: Group, height: Group, width: Group, shifts: tuple[int, int]) -> FromWindows | None:
    """The way out of windows that leads from tokens to a rolled image; None where the tokens are in no windows."""
    for high, down in cuts_of(height, 2):
        for wide, across in cuts_of(width, 2):
            if (*high, *wide, *down, *across) == tokens and min(shifts) >= 0:
                return FromWindows(size_of(height), size_of(width), (size_of(down), size_of(across)), shifts)
    return None


def back_from(tiling: Windows, own: Groups, after: Groups) -> FromWindows | None:
    """The way back from windows, where that is what brings tokens into an order; None where it does not."""
    wanted = FromWindows(*filled(tiling), tiling.size, strided=tiling.strided)
    return next((op for op, reached in of_tokens(own) if reached == after and op == wanted and isinstance(op, FromWindows)), None)
