"""The spatial window of an op: which input positions one output position reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Input positions that one output position reads, as (height, width), the first of them `padding` before it; `whole`: every position.

    `up`: output positions that lie between two neighbouring input positions, of an op that makes images larger.
    """

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    whole: bool = False
    up: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    def growth(self) -> tuple[int, int, int, int, int, int] | None:
        """By how many strides before it the window widens a field, then the factor and the divisor of the stride, each (height, width)."""
        (high, wide), (down, across), (apart_down, apart_across) = self.kernel, self.stride, self.dilation
        grown = (apart_down * (high - 1), apart_across * (wide - 1), down, across, *self.up)
        return None if self.whole or grown == (0, 0, 1, 1, 1, 1) else grown


POINT = Window()
WHOLE = Window(whole=True)
UNSAID = Window()
"""What an op has that does not state its window."""
