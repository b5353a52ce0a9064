"""Forms: what the edges and the places of a fabric are made of; here what all have, and the plain one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from archsearch.blocks.basic import chain
from archsearch.blocks.fabric.grid import START, Edge, Place
from archsearch.network.builder import Builder, Value
from archsearch.ops import (
    Add,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Crop2d,
    MaxPool2d,
    Op,
    ReLU,
    SparseConv2d,
    Upsample,
)

Size = tuple[int, int]
NORM_RELU: tuple[Op, Op] = (BatchNorm2d(), ReLU())


class Parts(NamedTuple):
    """What an edge brings: values handed on as they are (a row, a shortcut), and values that are new."""

    kept: tuple[Value, ...] = ()
    made: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Form(ABC):
    """Makes the nodes of edges and places; `widths`: channels of every scale, `first`: of the value at START."""

    widths: tuple[int, ...]
    first: int

    @abstractmethod
    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        """What an edge makes of the value of its source; `size`: height and width at the target."""

    @abstractmethod
    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        """The value of a place, of all that arrives: first what is handed on, then what is new."""

    def passes(self, edge: Edge) -> bool:
        """Whether an edge that is dropped hands its value on: only what it has learned goes."""
        return False

    def is_bare(self, edge: Edge) -> bool:
        """Whether an edge hands its value on and does nothing else, so that it is no choice."""
        return False

    @property
    def closing(self) -> tuple[Op, ...]:
        """What a head begins with: norm and ReLU where values come without them."""
        return ()

    def sizes(self, size: Size) -> list[Size]:
        """Height and width of every scale; `size` is that of the first. Raises ValueError for an image with nothing left to halve."""
        found = [size]
        for _ in self.widths[1:]:
            if max(size) == 1:
                at = f"the image is 1x1 at scale {len(found) - 1}"
                raise ValueError(f"fabric: scales={len(self.widths)} are too many: {at}; use fewer, or stem='conv'")
            size = (ceil(size[0] / 2), ceil(size[1] / 2))
            found.append(size)
        return found

    def width(self, place: Place) -> int:
        """Channels at a place where they do not grow."""
        return self.first if place == START else self.widths[place.scale]

    def is_row(self, edge: Edge) -> bool:
        """Whether an edge changes neither scale nor channels."""
        return edge.steps == 0 and self.width(edge.source) == self.width(edge.target)


def total(b: Builder, values: Sequence[Value]) -> Value:
    """Sum of the values; one stays as it is."""
    return b(Add(), *values) if len(values) > 1 else values[0]


def enlarged(b: Builder, x: Value, size: Size, steps: int, mode: str) -> Value:
    """An image up-sampled by 2**steps, or straight to `size` where that is smaller."""
    scale = 2**steps
    fits = (x.shape[1] * scale, x.shape[2] * scale) == size
    return b(Upsample(scale, mode=mode) if fits else Upsample(size=size, mode=mode), x)


def cropped(b: Builder, x: Value, size: Size) -> Value:
    """The top left of an image that is larger than `size`."""
    return x if x.shape[1:] == size else b(Crop2d(0, 0, *size), x, name="crop")


def transposed(channels: int, steps: int) -> ConvTranspose2d:
    """A transposed 3x3 convolution that makes an image 2**steps times as large."""
    return ConvTranspose2d(channels, 3, 2**steps, 1, 2**steps - 1)


@lru_cache(maxsize=256)
def sparse(inputs: int, channels: int, stride: int, bias: bool) -> SparseConv2d:
    """A 3x3 convolution in which channel c reads c-1, c and c+1, or those around its place where there are fewer or more inputs."""
    centres = (channel * inputs // channels for channel in range(channels))
    table = tuple(tuple(range(max(centre - 1, 0), min(centre + 2, inputs))) for centre in centres)
    return SparseConv2d(table, 3, stride, bias=bias)


@dataclass(frozen=True)
class Plain(Form):
    """One 3x3 convolution an edge, with norm; places add up (Saxena & Verbeek 2016, arXiv:1606.02492).

    `order`: post puts norm behind the convolution and ReLU behind the sum, pre puts both before the convolution. `sparse`: channel c
    reads c-1, c and c+1. `up`: nearest or bilinear before the convolution, or a transposed convolution; `down`: stride or pool.
    """

    order: str = "post"
    norm: bool = True
    sparse: bool = False
    up: str = "nearest"
    down: str = "stride"

    def __post_init__(self) -> None:
        if self.sparse and self.up == "transposed":
            raise ValueError("fabric: up='transposed' has no sparse form; use up='nearest' or sparse=false")

    @property
    def closing(self) -> tuple[Op, ...]:
        return () if self.order == "post" else NORM_RELU if self.norm else (ReLU(),)

    def carry(self, b: Builder, x: Value, edge: Edge, size: Size) -> Parts:
        norm = [BatchNorm2d()] if self.norm else []
        x = chain(b, x, self.closing)
        strided = edge.steps > 0 and self.down == "stride"
        learned_up = edge.steps < 0 and self.up == "transposed"
        if edge.steps > 0 and not strided:
            x = b(pooling(x, 2**edge.steps), x)
        if edge.steps < 0 and not learned_up:
            x = enlarged(b, x, size, -edge.steps, self.up)
        channels = self.widths[edge.target.scale]
        if learned_up:
            x = cropped(b, b(transposed(channels, -edge.steps), x), size)
        else:
            x = b(self._conv(x.channels, channels, 2**edge.steps if strided else 1), x, name="conv")
        return Parts(made=(chain(b, x, norm) if self.order == "post" else x,))

    def _conv(self, inputs: int, channels: int, stride: int) -> Op:
        return sparse(inputs, channels, stride, not self.norm) if self.sparse else Conv2d(channels, 3, stride, bias=not self.norm)

    def join(self, b: Builder, place: Place, values: Sequence[Value]) -> Value:
        x = total(b, values)
        return b(ReLU(), x) if self.order == "post" else x


def pooling(x: Value, factor: int) -> MaxPool2d:
    """Max pooling that reaches the last row and column."""
    return MaxPool2d(factor, ceil=any(side % factor for side in x.shape[1:]))
