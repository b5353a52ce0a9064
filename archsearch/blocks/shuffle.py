"""Shuffle units: cheap convolutions over groups of channels, which are mixed by dealing them out anew."""

from __future__ import annotations

from archsearch.blocks.basic import numbered
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, AvgPool2d, BatchNorm2d, ChannelShuffle, Concat, Conv2d, DepthwiseConv2d, ReLU, Slice

NORM, RELU = BatchNorm2d(), ReLU()


def shuffle_unit(b: Builder, x: Value, channels: int, stride: int = 1, *, groups: int = 3, first_groups: int | None = None) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): 1x1 in groups, shuffle, depthwise 3x3, 1x1 in groups (arXiv:1707.01083, fig. 2).

    With stride 1 the input is added to that, with stride 2 its average is put beside it. `first_groups` are those of the first 1x1.
    A quarter of `channels` lies between.
    """
    strided = stride > 1
    made = channels - x.channels if strided else channels
    y = b(Conv2d(channels // 4, 1, groups=first_groups or groups, bias=False), x, name="conv1")
    y = b(RELU, b(NORM, y, name="norm1"))
    if groups > 1:
        y = b(ChannelShuffle(groups), y)
    y = b(NORM, b(DepthwiseConv2d(3, stride, bias=False), y, name="depthwise"), name="norm2")
    y = b(NORM, b(Conv2d(made, 1, groups=groups, bias=False), y, name="conv2"), name="norm3")
    return b(RELU, b(Concat(), b(AvgPool2d(3, stride, 1), x), y) if strided else b(Add(), x, y), name="relu2")


def shuffle_unit_v2(b: Builder, x: Value, channels: int, stride: int = 1) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): half of the channels are filtered, then all are shuffled (arXiv:1807.11164, fig. 3).

    With stride 1 the other half passes unchanged; with stride 2 both halves are made from the whole input.

    Raises:
        ValueError: an odd number of channels.
    """
    if channels % 2:
        raise ValueError(f"shuffle_unit_v2: channels={channels} must be even, for two halves")
    half = channels // 2
    if stride == 1:
        kept, x = b(Slice(0, half), x, name="kept"), b(Slice(half), x, name="split")
    else:
        with b.scope("branch1"):
            kept = numbered(b, x, [DepthwiseConv2d(3, stride, bias=False), NORM, Conv2d(half, 1, bias=False), NORM, RELU])
    with b.scope("branch2"):
        y = numbered(b, x, [Conv2d(half, 1, bias=False), NORM, RELU])
        y = numbered(b, y, [DepthwiseConv2d(3, stride, bias=False), NORM, Conv2d(half, 1, bias=False), NORM, RELU], first=3)
    return b(ChannelShuffle(2), b(Concat(), kept, y))
