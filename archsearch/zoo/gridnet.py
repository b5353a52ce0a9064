"""GridNet: streams of several sizes, joined at every column, down first and then up (Fourure et al. 2017, arXiv:1707.07958)."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.blocks.basic import Named, chain
from archsearch.blocks.decoder import crop_to
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, BatchNorm2d, Conv2d, ConvTranspose2d, ReLU, StochasticDepth

Conv = type[Conv2d] | type[ConvTranspose2d]


def gridnet(
    widths: Sequence[int] = (16, 32, 64, 128, 256),
    *,
    columns: int = 3,
    drop: float = 0.1,
    classes: int = 19,
    input: tuple[int, int, int] = (3, 512, 512),
) -> Genotype:
    """Section 3: `widths` are the channels of the streams, each at half the size of the one before; `columns` go down, as many up.

    `drop`: the probability that a residual along a stream is left out in training.
    """
    b = Builder(input)
    grid = [b(BatchNorm2d(), b.input, name="norm")]
    with b.scope("in0"):
        grid = [closed(b, grid[0], widths[0], Conv2d, last=True)]
    for stream in range(1, len(widths)):
        with b.scope(f"in{stream}"):
            grid.append(step(b, grid[-1], widths[stream], down=True))
    for column in range(1, columns):
        for stream in range(len(widths)):
            above = grid[stream - 1] if stream else None
            with b.scope(f"down{column}/{stream}"):
                grid[stream] = point(b, grid[stream], above, Conv2d, drop)
    for column in range(columns):
        conv: Conv = ConvTranspose2d if column else Conv2d
        for stream in reversed(range(len(widths))):
            below = grid[stream + 1] if stream + 1 < len(widths) else None
            with b.scope(f"up{column}/{stream}"):
                grid[stream] = point(b, grid[stream], below, conv, drop)
    with b.scope("out"):
        return b.genotype(closed(b, grid[0], classes, ConvTranspose2d, last=False))


def point(b: Builder, x: Value, other: Value | None, conv: Conv, drop: float) -> Value:
    """One point of the grid: the stream, a residual of it, and what comes from the stream next to it (figure 3)."""
    with b.scope("along"):
        parts = [x, b(StochasticDepth(drop), convolutions(b, x, x.channels, conv))]
    if other is not None:
        with b.scope("across"):
            crossing = step(b, other, x.channels, down=other.shape[1] > x.shape[1])
            parts.append(crop_to(b, crossing, x, centre=False))
    return b(Add(), *parts)


def step(b: Builder, x: Value, channels: int, *, down: bool) -> Value:
    """To the next stream: half or twice the size."""
    if down:
        return convolutions(b, x, channels, Conv2d, first=Conv2d(channels, 3, 2))
    return convolutions(b, x, channels, ConvTranspose2d, first=ConvTranspose2d(channels, 3, 2, 1, 1))


def same(conv: Conv, channels: int) -> Conv2d | ConvTranspose2d:
    """A 3x3 convolution, plain or transposed, that keeps the size."""
    return Conv2d(channels) if conv is Conv2d else ConvTranspose2d(channels, 3, 1, 1)


def convolutions(b: Builder, x: Value, channels: int, conv: Conv, first: Conv2d | ConvTranspose2d | None = None) -> Value:
    """Norm, ReLU and a 3x3 convolution, twice."""
    pairs = ((1, first or same(conv, channels)), (2, same(conv, channels)))
    ops: list[Named] = []
    for number, op in pairs:
        ops += [(f"bn{number}", BatchNorm2d()), (f"relu{number}", ReLU()), (f"conv{number}", op)]
    return chain(b, x, ops)


def closed(b: Builder, x: Value, channels: int, conv: Conv, *, last: bool) -> Value:
    """A 3x3 convolution, norm and ReLU, twice; not `last`, the last ReLU is left out."""
    for number in (1, 2):
        x = chain(b, x, [(f"conv{number}", same(conv, channels)), (f"bn{number}", BatchNorm2d())])
        x = b(ReLU(), x, name=f"relu{number}") if number == 1 or last else x
    return x


NETWORKS = {"gridnet": gridnet}
