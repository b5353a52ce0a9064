"""Which positions of its input a position of an op's result depends on: the local facts of the receptive field."""

from __future__ import annotations

from math import gcd, prod
from typing import Literal, NamedTuple

from archsearch.ops.tensor import TensorSpec


class Taps(NamedTuple):
    """Along one axis, position `period * m + r` of the result reads from `advance * m + lows[r]` to `advance * m + highs[r]`.

    Of these it reads every `step`-th; None where it reads none.
    """

    period: int
    advance: int
    lows: tuple[int | None, ...]
    highs: tuple[int | None, ...]
    step: int = 1


SAME_PLACE = Taps(1, 1, (0,), (0,))
Kind = Literal["same", "window", "whole", "nothing", "unknown", "rows", "grid", "apart", "turned", "tiles", "untiled", "groups", "pieces"]


class Reads(NamedTuple):
    """How the positions of a result depend on those of the inputs; several inputs are read alike.

    `same`: on that very position. `window`: as `down` and `across` say, of a grid of `sides` where it reads tokens. `whole`: on all.
    `nothing`: on none, no gradient comes back. `unknown`: an op that does not say. Ways between images and tokens: `rows` makes tokens,
    row by row, of an image of `sides`, `grid` goes back; `apart`: tokens no longer in that order; `turned`: tokens and features change
    places. `tiles` orders tokens by windows, as `tiling` says, `untiled` goes back, and in `groups` so many neighbours read each other;
    `masked`: not across the borders of the image. `pieces`: the inputs lie one behind the other. `features`: the features of a position
    read each other.
    """

    kind: Kind
    down: Taps = SAME_PLACE
    across: Taps = SAME_PLACE
    sides: tuple[int, int] = (1, 1)
    tiling: tuple[int, ...] = ()
    group: int = 1
    masked: bool = False
    features: bool = False


SAME, WHOLE_INPUT, NO_GRADIENT, UNSTATED = Reads("same"), Reads("whole"), Reads("nothing"), Reads("unknown")
MIXED, TURNED, APART, PIECES = Reads("same", features=True), Reads("turned"), Reads("apart"), Reads("pieces")


def positions(x: TensorSpec) -> int:
    """How many positions a value has: pixels of an image or boxes, tokens."""
    return {1: 1, 2: x.shape[0]}.get(len(x.shape)) or prod(x.shape[-2:]) * (x.shape[0] if len(x.shape) == 4 else 1)


def all_of(positions: int) -> Reads:
    """An op that reads so many positions, all of them."""
    return WHOLE_INPUT if positions > 1 else SAME


def sliding(kernel: int, stride: int, padding: int, dilation: int) -> Taps:
    """A window that slides."""
    return Taps(1, stride, (-padding,), (dilation * (kernel - 1) - padding,), dilation)


def spreading(kernel: int, stride: int, padding: int, dilation: int) -> Taps:
    """The way back of a window that slides: the windows that cover a position."""
    lows: list[int | None] = []
    highs: list[int | None] = []
    for place in range(stride):
        hit = [(place + padding - dilation * tap) // stride for tap in range(kernel) if (place + padding - dilation * tap) % stride == 0]
        lows.append(min(hit, default=None))
        highs.append(max(hit, default=None))
    return Taps(stride, 1, tuple(lows), tuple(highs))


def sharing(size: int, places: int) -> Taps:
    """So many windows that share out positions evenly."""
    common = gcd(size, places)
    period, advance = places // common, size // common
    lows = tuple([place * size // places for place in range(period)])
    return Taps(period, advance, lows, tuple([-(-(place + 1) * size // places) - 1 for place in range(period)]))


def sampling(size: int, places: int, mode: str, corners: bool) -> Taps:
    """Samples between positions; those of weight 0 are not read."""
    first, last = (size - 1, places - 1) if corners else (size, places)
    if size == 1 or last < 1:
        return Taps(1, 0, (0,), (0,))
    common = gcd(first, last)
    period, advance = last // common, first // common
    lows, highs = [], []
    for place in range(period):
        if mode in ("nearest", "nearest-exact"):
            at, rest = divmod((2 * place + (mode == "nearest-exact")) * first, 2 * last)[0], 0
        elif corners:
            at, rest = divmod(place * first, last)
        else:
            at, rest = divmod((2 * place + 1) * first - last, 2 * last)
        more = 0 if mode == "bilinear" else 1
        lows.append(at - more if rest else at)
        highs.append(at + 1 + more if rest else at)
    return Taps(period, advance, tuple(lows), tuple(highs))


def tiled(size: int, shift: int) -> Taps:
    """Positions that read all of their tile; the first tile starts at `shift`."""
    lows = tuple([place - (place - shift) % size for place in range(size)])
    return Taps(size, size, lows, tuple([low + size - 1 for low in lows]))


def strewn(tiles: int, size: int) -> Taps:
    """Positions that read those that lie `tiles` apart, `size` of them."""
    return Taps(tiles, 0, tuple(range(tiles)), tuple([place + tiles * (size - 1) for place in range(tiles)]), tiles)


def line(size: int) -> Taps:
    """Every position reads all."""
    return Taps(1, 0, (0,), (size - 1,))


def in_groups(tokens: int, group: int) -> Reads:
    """Attention among so many neighbours."""
    return all_of(group) if tokens == group else Reads("groups", group=group)
