"""Receptive field: the input positions that one position of a value depends on, over all paths, as its gradient shows them.

A value is walked as two axes. An axis says, for every position, the first and the last position of the input that it depends on:
`(low, high, stride)` where that is `stride * position + low` and so on, and `Phases` where it differs from position to position.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from archsearch.analysis.axes import NOWHERE, Axis, Line, Phases, length, tapped, united
from archsearch.ops.reading import PIECES, Reads, Taps, line, positions, strewn, tiled

if TYPE_CHECKING:
    from archsearch.analysis.memory import Graph

Extent = Literal["window", "whole input", "unknown"]


class Field(tuple[int, int]):
    """Height and width of a region of the input; `extent`: a window, all of the input, or not known, and then at most all of it."""

    extent: Extent

    def __new__(cls, height: int, width: int, extent: Extent = "window") -> Field:
        """The region."""
        field = super().__new__(cls, (height, width))
        field.extent = extent
        return field

    def __str__(self) -> str:
        return f"{self[0]}x{self[1]}" if self.extent == "window" else self.extent

    def plain(self) -> tuple[int, int] | str:
        """As plain data: the sides of a window, or the word for what is none."""
        return (self[0], self[1]) if self.extent == "window" else self.extent


class Seen(NamedTuple):
    """The axes of a value whose positions are no plain image: `state` is what is known besides.

    `grid`: sides of the image whose positions tokens are, row by row; `tiling`: how windows have ordered them; `turned`: tokens and
    features have changed places; `pieces`: several values one behind the other.
    """

    down: Axis
    across: Axis
    grid: tuple[int, int] = (0, 0)
    tiling: tuple[int, ...] = ()
    turned: bool = False
    pieces: tuple[Any, ...] = ()


Reach = tuple[Axis, Axis] | Seen
HERE: Line = (0, 0, 1)
START: Reach = (HERE, HERE)
ALL = Seen(NOWHERE, NOWHERE, tiling=(-1,))
ANY = Seen(NOWHERE, NOWHERE, tiling=(-2,))
NOTHING = Seen(NOWHERE, NOWHERE, tiling=(-3,))
"""Depends on the whole input, on it is not known what, and on nothing."""


@lru_cache(maxsize=1 << 14)
def field_of(reach: Reach, whole: tuple[int, int]) -> Field:
    """The largest region, given the sides of the input."""
    if reach is ALL:
        return Field(*whole, "whole input")
    if reach is ANY:
        return Field(*whole, "unknown")
    if isinstance(reach, Seen) and reach.pieces:
        return widest([field_of(piece, whole) for piece in reach.pieces])
    return Field(length(reach[0]), length(reach[1]))


def widest(fields: list[Field]) -> Field:
    """The largest height and width of several fields; of words, whole input counts before unknown."""
    words = [field for extent in ("whole input", "unknown") for field in fields if field.extent == extent]
    return words[0] if words else Field(max(high for high, _ in fields), max(wide for _, wide in fields))


def sides_of(genotype: Graph) -> tuple[int, int]:
    """Height and width of the largest input; tokens lie in a column."""
    sides = [(*spec.shape[-2:],) if len(spec.shape) > 2 else (positions(spec), 1) for spec in genotype.inputs]
    return max(high for high, _ in sides), max(wide for _, wide in sides)


def reaches(genotype: Graph) -> list[Reach]:
    """What every value depends on, inputs first."""
    found: list[Any] = [START] * len(genotype.inputs)
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        reads, growth = node.inputs, fact.growth
        here = found[reads[0]] if reads else NOTHING
        if len(reads) > 1 and here is not ALL:
            here = squarely(found, reads, fact.reads) or together([found[read] for read in reads], fact.reads, fact.spec.shape)
        if growth is None or here is ALL:
            found.append(here)
            continue
        if growth is not True and type(here) is tuple:
            down, across = here
            if type(down) is tuple and type(across) is tuple:  # by far the most frequent case, so without calls
                (before, behind, factor), second = growth
                low, high, stride = down
                grown = (low + stride * before, high + stride * behind, stride * factor)
                if across is down and second is growth[0]:
                    found.append((grown, grown))
                    continue
                low, high, stride = across
                found.append((grown, (low + stride * second[0], high + stride * second[1], stride * second[2])))
                continue
        found.append(after(here, fact.reads, fact.spec.shape))
    return found


def squarely(found: list[Reach], reads: tuple[int, ...], said: Reads) -> Reach | None:
    """What depends on several values at the same position, where both axes are one line of one stride; None elsewhere."""
    here = found[reads[0]]
    if isinstance(here, Seen) or said is PIECES:
        return None
    down, across = here
    if down is not across or isinstance(down, Phases):
        return None
    low, high, stride = down
    for read in reads[1:]:
        other = found[read]
        if other is here:
            continue
        if isinstance(other, Seen):
            return ALL if other is ALL else None
        rows, columns = other
        if rows is not columns or isinstance(rows, Phases) or rows[2] != stride:
            return None
        low = rows[0] if rows[0] < low else low  # by far faster than min and max
        high = rows[1] if rows[1] > high else high
    merged = (low, high, stride)
    return here if merged == down else (merged, merged)


def together(reaches: list[Reach], reads: Reads, shape: tuple[int, ...]) -> Reach:
    """What depends on several values at the same position."""
    first, second = reaches[0], reaches[1]
    if len(reaches) == 2 and not isinstance(first, Seen) and first == second:
        return first
    if any(reach is ALL for reach in reaches):
        return ALL
    reaches = list(dict.fromkeys(reach for reach in reaches if reach is not NOTHING))
    if not reaches:
        return NOTHING
    if any(reach is ANY for reach in reaches):
        return ANY
    if len(reaches) == 1:
        return reaches[0]
    if reads.kind == "pieces":
        return Seen(NOWHERE, NOWHERE, pieces=tuple(reaches))
    states = {(reach[2:] if isinstance(reach, Seen) else ((0, 0), (), False, ())) for reach in reaches}
    if len(states) > 1 or any(isinstance(reach, Seen) and reach.pieces for reach in reaches):
        return ANY
    sides = shape[-2:] if len(shape) > 2 else states.copy().pop()[0]
    axes = [(reach.down, reach.across) if isinstance(reach, Seen) else reach for reach in reaches]
    rows, columns = united([down for down, _ in axes], sides[0]), united([across for _, across in axes], sides[-1])
    return ANY if rows is None or columns is None else of_axes(reaches[0], rows, columns)


def of_axes(reach: Reach, down: Axis, across: Axis) -> Reach:
    """The same state with other axes."""
    return reach._replace(down=down, across=across) if isinstance(reach, Seen) else (down, across)


def windowed(reach: Reach, down: Taps, across: Taps, sides: tuple[int, int]) -> Reach:
    """What windows read, given the sides of what they make."""
    rows, columns = tapped(reach[0], down, sides[0]), tapped(reach[1], across, sides[1])
    return ANY if rows is None or columns is None else of_axes(reach, rows, columns)


def after(reach: Reach, reads: Reads, shape: tuple[int, ...]) -> Reach:
    """What the result of an op depends on, given what its inputs together do."""
    if reads.kind == "nothing":
        return NOTHING
    if reach is ALL or reach is NOTHING:
        return reach
    if reads.kind == "whole":
        return ALL
    if reads.kind == "unknown" or reach is ANY:
        return ANY
    if reads.kind == "same" and not (isinstance(reach, Seen) and reach.turned):
        return reach
    if isinstance(reach, Seen) and reach.pieces:
        return of_pieces(reach, reads, shape)
    if reads.kind == "pieces":
        return Seen(NOWHERE, NOWHERE, pieces=(reach,))
    if reads.kind == "window" and reads.tiling:
        return ANY
    if reads.kind == "window" and len(shape) > 2:
        return windowed(reach, reads.down, reads.across, (shape[-2], shape[-1]))
    return of_tokens(reach if isinstance(reach, Seen) else Seen(*reach), reads)


def of_pieces(reach: Seen, reads: Reads, shape: tuple[int, ...]) -> Reach:
    """An op on values that lie one behind the other: each for itself, or it is not known."""
    if reads.kind in ("same", "apart", "pieces") or reads.tiling == (len(reach.pieces),):
        window = Reads("window", reads.down, reads.across)
        pieces = [after(piece, window, shape) if reads.kind == "window" else piece for piece in reach.pieces]
        return ANY if ANY in pieces else reach._replace(pieces=tuple(pieces))
    return ANY


def of_tokens(seen: Seen, reads: Reads) -> Reach:
    """An op on tokens, or between them and images."""
    if seen.turned and (reads.features or reads.kind == "groups"):
        return ALL
    if reads.kind == "turned":
        return seen._replace(turned=not seen.turned)
    if seen.turned:
        return seen if reads.kind == "same" else ANY
    if reads.kind == "rows":
        return seen._replace(grid=reads.sides)
    if reads.kind == "apart":
        return seen._replace(grid=(0, 0), tiling=())
    if reads.kind == "same":
        return seen
    return in_order(seen, reads)


def in_order(seen: Seen, reads: Reads) -> Reach:
    """An op on tokens that goes by their order."""
    known = seen.grid == reads.sides
    if reads.kind == "untiled":
        return seen._replace(tiling=()) if seen.tiling == reads.tiling else ANY
    if reads.kind == "groups":
        return grouped(seen, reads)
    if not known or seen.tiling:
        return ANY
    if reads.kind == "grid":
        return seen.down, seen.across
    if reads.kind == "tiles":
        return seen._replace(tiling=reads.tiling)
    high, wide = (-(-side // taps.advance) for side, taps in zip(reads.sides, (reads.down, reads.across), strict=True))
    merged = windowed(seen, reads.down, reads.across, (high, wide))
    return merged._replace(grid=(high, wide)) if isinstance(merged, Seen) and merged is not ANY else merged


def grouped(seen: Seen, reads: Reads) -> Reach:
    """Neighbours that read each other: tiles of the image, or bands of its rows."""
    group = reads.group
    if seen.tiling:
        height, width, high, wide, down, across, strided = seen.tiling
        if high * wide != group or ((down or across) and not reads.masked):
            return ALL if high * wide == group else ANY
        rows, columns = -(-height // high), -(-width // wide)
        taps = (strewn(rows, high), strewn(columns, wide)) if strided else (tiled(high, down), tiled(wide, across))
        return windowed(seen, *taps, (rows * high, columns * wide))
    height, width = seen.grid
    if width and group % width == 0:
        return windowed(seen, tiled(group // width, 0), line(width), seen.grid)
    if width and width % group == 0:
        return windowed(seen, tiled(1, 0), tiled(group, 0), seen.grid)
    return ANY
