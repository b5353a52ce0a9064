"""Blocks that lead from convolutions to relative attention, of CoAtNet (arXiv:2106.04803) and MaxViT (arXiv:2204.01697)."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.blocks.transformer import added, heads_of
from archsearch.network.builder import Builder, Value
from archsearch.ops import (
    GELU,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    FromWindows,
    Image,
    LayerNorm,
    LayerNorm2d,
    Linear,
    Op,
    RelativeAttention,
    SiLU,
    Tokens,
    Windows,
)

NORM, ACTIVATION, GATE_ACTIVATION, POOL = BatchNorm2d(), GELU(), SiLU(), AvgPool2d(2)


@dataclass(frozen=True)
class Style:
    """How an inverted residual is built where the definitions differ.

    `expand_input`: the inner width is 4 times that of the input, not of the output, and the gate's a quarter of it; `pool_first`: the image
    is pooled before the first convolution, instead of a stride in the depthwise one; `gate_early`: squeeze and excite before the norm that
    follows the depthwise convolution; `active_norm`: an activation after the first norm; `bias`: of the last convolution and the shortcut;
    `project`: a pooled shortcut has a convolution even where the channels stay.
    """

    norm: Op = NORM
    activation: Op = ACTIVATION
    gate_activation: Op = GATE_ACTIVATION
    pool: Op = POOL
    expand_input: bool = False
    pool_first: bool = False
    gate_early: bool = False
    active_norm: bool = False
    bias: bool = True
    project: bool = False


PAPER = Style()


def mbconv(b: Builder, x: Value, channels: int, stride: int = 1, *, style: Style = PAPER, absent: float = 0.0) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride), stride 1 or 2: an inverted residual with norms first, and squeeze and excite."""
    inner = 4 * (x.channels if style.expand_input else channels)
    squeezed = (inner if style.expand_input else channels) // 4
    around = shortcut(b, x, channels, stride, pool=style.pool, bias=style.bias, project=style.project)
    pooled = style.pool_first and stride > 1
    with b.scope("layers"):
        y = b(style.norm, x, name="pre_norm")
        y = b(style.activation, y, name="pre_act") if style.active_norm else y
        y = b(style.pool, y, name="pool") if pooled else y
        with b.scope("conv_a"):
            y = numbered(b, y, [Conv2d(inner, 1, bias=False), style.norm, style.activation])
        with b.scope("conv_b"):
            y = b(DepthwiseConv2d(3, 1 if pooled else stride, bias=False), y, name="0")
            y = y if style.gate_early else numbered(b, y, [style.norm, style.activation], first=1)
        with b.scope("squeeze_excitation"):
            y = squeeze_excite(b, y, squeezed, activation=style.gate_activation)
        y = chain(b, y, [("norm_b", style.norm), ("act_b", style.activation)]) if style.gate_early else y
        y = b(Conv2d(channels, 1, bias=style.bias), y, name="conv_c")
    return added(b, around, y, absent)


def shortcut(b: Builder, x: Value, channels: int, stride: int, *, pool: Op, bias: bool = True, project: bool = False) -> Value:
    """The input, pooled where there is a stride, then a 1x1 convolution where channels change (with `project`: wherever it is pooled)."""
    with b.scope("proj"):
        y = b(pool, x, name="0") if stride > 1 else x
        if x.channels == channels and not (project and stride > 1):
            return y
        return b(Conv2d(channels, 1, bias=bias), y, name="1" if stride > 1 else "0")


def attention2d(b: Builder, x: Value, channels: int, width: int, *, head: int = 32) -> Value:
    """(C, H, W) -> (channels, H, W): every position reads every other, with a learned bias for the distance; `width` features inside."""
    _, height, wide = x.shape
    y = b(Tokens(), b(Conv2d(3 * width, 1), x, name="qkv"))
    y = b(RelativeAttention(heads_of(width, head), (height, wide)), y, name="relative_position")
    return b(Conv2d(channels, 1), b(Image(height, wide), y), name="proj")


def transformer2d(
    b: Builder, x: Value, channels: int, stride: int = 1, *, head: int = 32, expand_late: bool = False, bias: bool = True
) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride), stride 1 or 2: relative attention over the whole image, then a perceptron.

    `head`: features of a head; `expand_late`: attention has the input's width, and the linear map after it changes that;
    `bias`: of the shortcut's convolution.
    """
    around = shortcut(b, x, channels, stride, pool=POOL, bias=bias)
    y = b(LayerNorm2d(), x, name="norm1")
    y = b(POOL, y, name="pool") if stride > 1 else y
    with b.scope("attn"):
        y = attention2d(b, y, channels, x.channels if expand_late else channels, head=head)
    x = added(b, around, y)
    with b.scope("mlp"):
        y = numbered(b, b(LayerNorm2d(), x, name="norm"), [Conv2d(4 * channels, 1), GELU(), Conv2d(channels, 1)])
    return added(b, x, y)


def partition_attention(
    b: Builder, x: Value, *, size: int = 7, strided: bool = False, head: int = 32, hidden: int = 0, absent: float = 0.0
) -> Value:
    """(C, H, W) -> the same: attention within windows of size * size positions, then a perceptron, each added to what it reads.

    `strided`: a window has positions from all over the image, equally far apart (grid attention). `hidden`: features inside the
    perceptron, 4 * C where not given.
    """
    channels, height, width = x.shape
    if height % size or width % size:
        raise ValueError(
            f"an image of {height}x{width} has no windows of size={size}; give an input whose sides make multiples of {size} there"
        )
    x = b(Windows(height, width, size, strided=strided), b(Tokens(), x))
    with b.scope("attn_layer"):
        y = b(LayerNorm(), x, name="0")
        with b.scope("1"):
            y = b(Linear(3 * channels), y, name="to_qkv")
            y = b(RelativeAttention(heads_of(channels, head), size, scale_by_all=True), y, name="relative_position")
            y = b(Linear(channels), y, name="merge")
    x = added(b, x, y, absent)
    with b.scope("mlp_layer"):
        y = numbered(b, b(LayerNorm(), x, name="0"), [Linear(hidden or 4 * channels), GELU(), Linear(channels)], first=1)
    x = added(b, x, y, absent)
    return b(Image(height, width), b(FromWindows(height, width, size, strided=strided), x))
