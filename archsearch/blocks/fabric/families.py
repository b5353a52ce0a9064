"""Forms of the known families: residual networks, GridNet, U-Net, HRNet, and multi-scale dense networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import crop_to, double_conv, pad_to
from archsearch.blocks.fabric.forms import NORM_RELU, Form, Parts, Size, cropped, enlarged, total, transposed
from archsearch.blocks.fabric.grid import Edge, Place
from archsearch.blocks.multi_scale_dense import bottleneck, conv_norm
from archsearch.blocks.residual import SHORTCUTS, basic, basic_convs, changes, convolutions
from archsearch.network.builder import Builder, Value
from archsearch.ops import BatchNorm2d, Concat, Conv2d, ConvTranspose2d, MaxPool2d, Op, ReLU, StochasticDepth

MAX_UNITS = 100


@dataclass(frozen=True)
class Residual(Form):
    """Two 3x3 convolutions an edge with a shortcut around them (He et al. 2015, arXiv:1512.03385; `order` pre: arXiv:1603.05027)."""

    order: str = "post"
    shortcut: str = "projected"
    up: str = "nearest"

    @property
    def closing(self) -> tuple[Op, ...]:
        return NORM_RELU if self.order == "pre" else ()

    def passes(self, edge: Edge) -> bool:
        return self.is_row(edge)

    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        if edge.steps < 0:
            x = enlarged(b, x, size, -edge.steps, self.up)
        channels, stride, shortcut = self.widths[edge.target.scale], 2 ** max(edge.steps, 0), SHORTCUTS[self.shortcut]
        convs = basic_convs(channels, stride)
        if self.order == "post":
            y = convolutions(b, x, convs)
            return Parts((shortcut(b, x, channels, stride),), (y,))
        y = chain(b, x, NORM_RELU)
        around = shortcut(b, y if changes(x, channels, stride) else x, channels, stride)
        return Parts((around,), (chain(b, y, [convs[0], *NORM_RELU, convs[1]]),))

    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        x = total(b, values)
        return b(ReLU(), x) if self.order == "post" else x


@dataclass(frozen=True)
class Grid(Form):
    """Norm, ReLU and a 3x3 convolution, twice on every edge; rows are residual (Fourure et al. 2017, arXiv:1707.07958).

    From layer `turn` on the convolutions of a row are transposed ones, as all on the way up are; `drop`: the probability that the
    residual of a row is left out in training.
    """

    drop: float = 0.1
    turn: int = 0

    @property
    def closing(self) -> tuple[Op, ...]:
        return NORM_RELU

    def passes(self, edge: Edge) -> bool:
        return self.is_row(edge)

    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        channels, steps = self.widths[edge.target.scale], edge.steps
        upwards = steps < 0 or (steps == 0 and edge.target.layer >= self.turn)
        first = Conv2d(channels, 3, 2**steps) if steps > 0 else transposed(channels, -steps) if upwards else Conv2d(channels)
        y = chain(b, x, [*NORM_RELU, first, *NORM_RELU, transposed(channels, 0) if upwards else Conv2d(channels)])
        if not self.is_row(edge):
            return Parts(made=(cropped(b, y, size),))
        return Parts((x,), (b(StochasticDepth(self.drop), y) if self.drop else y,))

    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        return total(b, values)


@dataclass(frozen=True)
class Unet(Form):
    """Pooling down, transposed convolutions up, skips along; every place stacks what arrives and convolves it twice (arXiv:1505.04597).

    Not `padded`, a convolution takes the border away, and larger images are cropped.
    """

    padded: bool = True
    norm: bool = True

    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        if edge.steps == 0:
            return Parts(kept=(x,))
        scale = 2 ** abs(edge.steps)
        op = MaxPool2d(scale) if edge.steps > 0 else ConvTranspose2d(self.widths[edge.target.scale], scale, scale)
        return Parts(made=(b(op, x),))

    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        like = (max if self.padded else min)(values, key=lambda value: value.shape[1:])
        values = [pad_to(b, value, like) if self.padded else crop_to(b, value, like) for value in values]
        x = b(Concat(), *values) if len(values) > 1 else values[0]
        return double_conv(b, x, self.widths[place.scale], padded=self.padded, norm=self.norm)


@dataclass(frozen=True)
class Hrnet(Form):
    """Odd layers: `units` basic blocks on every edge. Even layers: ReLU of the sum of all branches (Wang et al. 2019, arXiv:1908.07919)."""

    units: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.units <= MAX_UNITS:
            raise ValueError(f"fabric: units={self.units} must be from 1 to {MAX_UNITS}")

    def passes(self, edge: Edge) -> bool:
        return self.is_row(edge)

    def is_bare(self, edge: Edge) -> bool:
        return self.is_row(edge) and edge.target.layer % 2 == 0

    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        if self.is_bare(edge):
            return Parts(kept=(x,))
        channels, along = self.widths[edge.target.scale], edge.target.layer % 2 == 1
        if edge.steps < 0:
            x = enlarged(b, chain(b, x, [Conv2d(channels, 1, bias=False), BatchNorm2d()]), size, -edge.steps, "nearest")
        elif not self.is_row(edge):
            x = coarser(b, x, channels, edge.steps, relu=along)
        if not along:
            return Parts(made=(x,))
        for number in range(1, self.units):
            with b.scope(f"block{number}"):
                x = basic(b, x, channels)
        return Parts((x,), (convolutions(b, x, basic_convs(channels)),))

    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        return b(ReLU(), total(b, values))


def coarser(b: Builder, x: Value, channels: int, steps: int, *, relu: bool) -> Value:
    """A strided 3x3 convolution with norm for every step, ReLU between them; the last one, or the only plain one, changes the channels."""
    for _ in range(steps - 1):
        x = chain(b, x, [Conv2d(x.channels, 3, 2, bias=False), *NORM_RELU])
    x = chain(b, x, [Conv2d(channels, 3, 2 if steps else 1, bias=False), BatchNorm2d()])
    return b(ReLU(), x) if relu else x


@dataclass(frozen=True)
class Dense(Form):
    """Every edge makes new channels, and a place stacks them behind its row (Huang et al. 2018, arXiv:1703.09844).

    A layer adds `growth` channels in units of the finest scale's width, half of them from the finer scale at the places in `halved`.
    In the layers `shrinking` a 1x1 convolution then keeps the share `reduction` of all.
    """

    growth: int = 6
    reduction: float = 0.5
    halved: frozenset[Place] = frozenset()
    shrinking: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if any(width % self.widths[0] for width in self.widths):
            raise ValueError(f"fabric: channels={self.widths} must be multiples of the first in form msdnet")
        if self.growth < 2 or not 0 < self.reduction <= 1:
            raise ValueError(f"fabric: growth={self.growth} must be at least 2, and reduction={self.reduction} over 0 and at most 1")

    def passes(self, edge: Edge) -> bool:
        return edge.steps == 0

    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        place = edge.target
        if place.layer == 0:
            return Parts(made=(conv_norm(b, x, self.widths[place.scale], 3, 2),))
        if edge.steps not in (0, 1):
            raise ValueError(f"fabric: form msdnet has no edge such as {edge.name}; use mask msdnet")
        factor, own = (self.widths[at.scale] // self.widths[0] for at in edge)
        new = self.growth * own // (2 if place in self.halved else 1)
        y = bottleneck(b, x, new, factor, 1 + edge.steps, name="new")
        return Parts((x,) if edge.steps == 0 else (), (y,))

    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        x = b(Concat(), *values) if len(values) > 1 else values[0]
        shrinks = place.layer in self.shrinking and self.reduction < 1
        return conv_norm(b, x, int(x.channels * self.reduction), 1, name="shrink") if shrinks else x
