"""ConvNeXt blocks: a convolution with the habits of a transformer (Liu et al. 2022, arXiv:2201.03545)."""

from __future__ import annotations

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.transformer import added
from archsearch.network.builder import Builder, Value
from archsearch.ops import GELU, Conv2d, DepthwiseConv2d, Image, LayerNorm, LayerNorm2d, LayerScale, Linear, Tokens


def convnext(b: Builder, x: Value, *, kernel: int = 7, expansion: int = 4, scale: float = 1e-6, absent: float = 0.0) -> Value:
    """(C, H, W) -> the same: a depthwise convolution, then a perceptron on every position, learned scales, and a shortcut.

    `expansion`: of the channels inside the perceptron; `scale`: the learned scales at first; `absent`: probability of stochastic depth.
    """
    channels, height, width = x.shape
    with b.scope("block"):
        y = b(Tokens(), b(DepthwiseConv2d(kernel), x, name="0"), name="1")
        y = numbered(b, y, [LayerNorm(1e-6), Linear(expansion * channels), GELU(), Linear(channels), Image(height, width)], first=2)
    return added(b, x, b(LayerScale(scale), y, name="layer_scale"), absent)


def downsample(b: Builder, x: Value, channels: int, stride: int = 2) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): a norm, then a convolution whose windows do not overlap."""
    return chain(b, x, [("0", LayerNorm2d()), ("1", Conv2d(channels, stride, stride, 0))])
