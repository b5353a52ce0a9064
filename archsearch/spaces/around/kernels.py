"""Kernels of convolutions, whose padding follows so that shapes stay."""

from __future__ import annotations

from archsearch.ops.base import Op, Size, pair
from archsearch.ops.convolution import Convolution


def odd_side(op: Op) -> int:
    """The side of a convolution's square, odd kernel of more than one place; 0 for any other op."""
    side = op.kernel if isinstance(op, Convolution) else 1
    return side if isinstance(side, int) and side % 2 == 1 < side else 0


def fits(op: Convolution, side: int, image: int) -> bool:
    """Whether a kernel can have that side with the result's shape kept, and reads more than zeros at its border."""
    if side == op.kernel:
        return True
    reach = pair(op.dilation)[0] * (side - 1) // 2
    return reach < image and min(pair(paddings(op, side))) >= 0


def paddings(op: Convolution, side: int) -> Size:
    """The padding that goes with another side."""
    more = side - pair(op.kernel)[0]
    down, across = (p + d * more // 2 for p, d in zip(pair(op.padding or 0), pair(op.dilation), strict=True))
    return down if down == across else (down, across)


def with_side(op: Convolution, side: int) -> dict[str, Size]:
    """The fields of a convolution for another side."""
    return {"kernel": side, "padding": paddings(op, side)}
