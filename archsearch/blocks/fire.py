"""Fire modules: few channels, then many again, half of them by 1x1 (Iandola et al. 2016, arXiv:1602.07360)."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, Concat, Conv2d, ReLU

BYPASSES = ("none", "simple", "complex")


def fire(b: Builder, x: Value, squeezed: int, ones: int, threes: int, *, bypass: str = "none") -> Value:
    """(C, H, W) -> (ones + threes, H, W): 1x1 to `squeezed` channels, then `ones` by 1x1 beside `threes` by 3x3.

    `bypass`: the input is added, "simple" where its channels are as many, "complex" elsewhere too, by a 1x1 convolution.

    Raises:
        ValueError: a bypass that is not known.
    """
    if bypass not in BYPASSES:
        raise ValueError(f"fire: bypass={bypass!r} must be one of {', '.join(BYPASSES)}")
    s = chain(b, x, [("squeeze", Conv2d(squeezed, 1)), ("squeeze_activation", ReLU())])
    one = chain(b, s, [("expand1x1", Conv2d(ones, 1)), ("expand1x1_activation", ReLU())])
    three = chain(b, s, [("expand3x3", Conv2d(threes, 3)), ("expand3x3_activation", ReLU())])
    y = b(Concat(), one, three)
    if bypass == "none" or (bypass == "simple" and x.channels != y.channels):
        return y
    around = x if x.channels == y.channels else b(Conv2d(y.channels, 1), x, name="bypass")
    return b(Add(), y, around)
