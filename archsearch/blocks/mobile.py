"""Blocks of mobile networks: depthwise separable convolutions, inverted residuals and their kin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, BatchNorm2d, Conv2d, DepthwiseConv2d, Op, ReLU6, SiLU, StochasticDepth

Part = Op | Sequence[Op | None] | Callable[[Builder, Value], Value]
NORM, RELU6, SILU = BatchNorm2d(), ReLU6(), SiLU()


def divisible(channels: float, by: int = 8) -> int:
    """The multiple of `by` nearest to `channels`, or the next one where that would lose over a tenth (arXiv:1801.04381).

    Raises:
        ValueError: no channels are asked for.
    """
    if not channels > 0:
        raise ValueError(f"a width of {channels} channels is too small; scale widths by a factor over 0")
    nearest = max(by, int(channels + by / 2) // by * by)
    return nearest if nearest >= 0.9 * channels else nearest + by


def sequential(b: Builder, x: Value, parts: Iterable[Part]) -> Value:
    """One part after the other, named 0, 1, 2 and so on; a part that is no single op has a scope of its own."""
    for number, part in enumerate(parts):
        if isinstance(part, Op):
            x = b(part, x, name=str(number))
            continue
        with b.scope(str(number)):
            x = part(b, x) if callable(part) else numbered(b, x, part)
    return x


def depthwise_separable(
    b: Builder, x: Value, channels: int, *, kernel: int = 3, stride: int = 1, activation: Op = RELU6, linear: bool = False
) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): every channel by itself, then a 1x1 convolution (arXiv:1704.04861).

    `linear`: no activation at the end.
    """
    x = chain(b, x, [("depthwise", DepthwiseConv2d(kernel, stride, bias=False)), ("norm1", NORM), ("act1", activation)])
    x = chain(b, x, [("pointwise", Conv2d(channels, 1, bias=False)), ("norm2", NORM)])
    return x if linear else b(activation, x, name="act2")


def inverted_residual(
    b: Builder,
    x: Value,
    channels: int,
    expanded: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    activation: Op = RELU6,
    norm: Op = NORM,
    excite: Part | None = None,
    drop: Op | None = None,
    scope: str = "block",
    flat: int = 0,
) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): expand, filter every channel, project (Sandler et al. 2018, arXiv:1801.04381).

    No expansion where `expanded` is C. `excite` stands before the projection, such as `partial(squeeze_excite, squeezed=16)`; `drop`
    before the sum with the input, which is there if the shape stays. The last `flat` parts stand in `scope` without a scope of their own.
    """
    parts: list[Part] = [] if expanded == x.channels else [[Conv2d(expanded, 1, bias=False), norm, activation]]
    parts.append([DepthwiseConv2d(kernel, stride, dilation=dilation, bias=False), norm, activation])
    parts += [] if excite is None else [excite]
    parts.append([Conv2d(channels, 1, bias=False), norm])
    return residual_parts(b, x, parts, shortcut=stride == 1 and channels == x.channels, drop=drop, scope=scope, flat=flat)


def mbconv(
    b: Builder, x: Value, channels: int, expansion: float = 6, *, kernel: int = 3, stride: int = 1, drop: float = 0.0, norm: Op = NORM
) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): an inverted residual with squeeze-and-excite (Tan & Le 2019, arXiv:1905.11946).

    `expansion` of C between the 1x1 convolutions; `drop`: chance that a sample skips the block in training.
    """
    return inverted_residual(
        b,
        x,
        channels,
        divisible(x.channels * expansion),
        kernel=kernel,
        stride=stride,
        activation=SILU,
        norm=norm,
        excite=partial(squeeze_excite, squeezed=max(1, x.channels // 4), activation=SILU),
        drop=StochasticDepth(drop) if drop else None,
    )


def fused_mbconv(
    b: Builder, x: Value, channels: int, expansion: float = 4, *, kernel: int = 3, stride: int = 1, drop: float = 0.0, norm: Op = NORM
) -> Value:
    """(C, H, W) -> (channels, H / stride, W / stride): mbconv with one convolution for expansion and filter (arXiv:2104.00298)."""
    expanded = divisible(x.channels * expansion)
    parts: list[Part] = [[Conv2d(channels, kernel, stride, bias=False), norm, SILU]]
    if expanded != x.channels:
        parts = [[Conv2d(expanded, kernel, stride, bias=False), norm, SILU], [Conv2d(channels, 1, bias=False), norm]]
    return residual_parts(b, x, parts, shortcut=stride == 1 and channels == x.channels, drop=StochasticDepth(drop) if drop else None)


def residual_parts(
    b: Builder, x: Value, parts: Sequence[Part], *, shortcut: bool, drop: Op | None = None, scope: str = "block", flat: int = 0
) -> Value:
    """The parts in `scope`, and with `shortcut` the input added to what they make; `drop` and `flat` as in inverted_residual."""
    nested = len(parts) - flat
    spread = [op for part in parts[nested:] for op in (part if isinstance(part, Sequence) else [part])]
    with b.scope(scope):
        y = sequential(b, x, [*parts[:nested], *(op for op in spread if op is not None)])
    if not shortcut:
        return y
    return b(Add(), y if drop is None else b(drop, y, name="stochastic_depth"), x)
