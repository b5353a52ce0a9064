"""Windows that slide over images: which positions they read, and which of their weights meet an image at all."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

from archsearch.ops import Op
from archsearch.ops.base import pair
from archsearch.ops.convolution import Convolution
from archsearch.ops.pooling import Pooling
from archsearch.ops.tensor import TensorSpec


class Slide(NamedTuple):
    """A window along one axis: `size` positions of the image, `places` of the window."""

    size: int
    places: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def extent(self) -> int:
        """Positions from the first to the last that a window reads."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def is_whole(self) -> bool:
        """Whether one place reads the whole axis and no padding: a linear map or global pooling in another form."""
        return self.places == 1 and self.padding == 0

    @property
    def unread(self) -> int:
        """Positions of the image behind the last place."""
        return max(0, self.size - ((self.places - 1) * self.stride + self.extent - self.padding))

    @property
    def share_read(self) -> float:
        """Share of the positions that places read at all, the border aside: under 1 when the stride is over the kernel."""
        return min(self.kernel, self.stride // gcd(self.dilation, self.stride)) / self.stride

    @property
    def tiling_sizes(self) -> tuple[int, int]:
        """The next smaller and the next larger size of the image that the window tiles."""
        over = (self.size - self.extent + 2 * self.padding) % self.stride
        return self.size - over, self.size - over + self.stride

    def used_taps(self) -> int:
        """Weights along the axis that meet a position of the image at some place; the others read only padding."""
        return sum(self._meets(tap * self.dilation - self.padding) for tap in range(self.kernel))

    def _meets(self, offset: int) -> bool:
        place = max(0, -(offset // self.stride))  # the first place at which the weight is past the near border
        return place < self.places and place * self.stride + offset < self.size


def slides(op: Op, read: TensorSpec, made: TensorSpec) -> tuple[Slide, Slide]:
    """The window of a convolution or pooling down and across the image that it reads."""
    assert isinstance(op, Convolution | Pooling)
    windows = zip(pair(op.kernel), pair(op.stride or 1), pair(op.padding or 0), pair(op.dilation), strict=True)
    (high, wide), (rows, columns) = read.shape[-2:], made.shape[-2:]
    down, across = windows
    return Slide(high, rows, *down), Slide(wide, columns, *across)


def slides_over(op: Op) -> bool:
    """Whether an op slides a window over images."""
    return isinstance(op, Convolution | Pooling)
