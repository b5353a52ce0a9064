"""Split attention: several convolutions of one input, mixed channel by channel (Zhang et al. 2020, arXiv:2004.08955)."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.blocks.mobile import divisible
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, BatchNorm2d, Conv2d, GlobalAvgPool2d, Mul, RadixSoftmax, ReLU, Sigmoid, Slice


def split_attention(b: Builder, x: Value, channels: int, stride: int = 1, *, radix: int = 2, groups: int = 1) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): a 3x3 convolution to `radix` splits, and their sum weighted by a softmax among them.

    The weights see the mean of every channel; with one split they are gates.
    """
    squeezed = max(32, divisible(x.channels * radix / 4))
    conv = Conv2d(radix * channels, 3, stride, groups=groups * radix, bias=False)
    y = chain(b, x, [("conv", conv), ("bn0", BatchNorm2d()), ReLU()])
    splits = parted(b, y, radix)
    s = b(GlobalAvgPool2d(), summed(b, splits))
    s = chain(b, s, [("fc1", Conv2d(squeezed, 1, groups=groups)), ("bn1", BatchNorm2d()), ReLU()])
    s = b(Conv2d(radix * channels, 1, groups=groups), s, name="fc2")
    weights = parted(b, b(RadixSoftmax(radix, groups) if radix > 1 else Sigmoid(), s), radix)
    return summed(b, [b(Mul(), split, weight) for split, weight in zip(splits, weights, strict=True)])


def parted(b: Builder, x: Value, parts: int) -> list[Value]:
    """Equal parts of the channels."""
    size = x.channels // parts
    return [b(Slice(part * size, (part + 1) * size), x) for part in range(parts)] if parts > 1 else [x]


def summed(b: Builder, values: list[Value]) -> Value:
    """The sum of several values, or the only one."""
    return b(Add(), *values) if len(values) > 1 else values[0]
