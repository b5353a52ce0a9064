"""Residual blocks: what the block adds to its input is learned (He et al. 2015, arXiv:1512.03385; 2016, arXiv:1603.05027).

A shortcut is a function `(b, x, channels, stride) -> Value` that carries the input around the convolutions; SHORTCUTS has them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, AvgPool2d, BatchNorm2d, Conv2d, Dropout, PadChannels, ReLU

Shortcut = Callable[[Builder, Value, int, int], Value]
Attend = Callable[[Builder, Value], Value]


class Block(Protocol):
    """A block that `stages` repeats: (C, H, W) -> (channels, H / stride, W / stride)."""

    def __call__(self, b: Builder, x: Value, channels: int, stride: int = 1, dilation: int = 1) -> Value: ...


def changes(x: Value, channels: int, stride: int) -> bool:
    """Whether a block with so many channels and that stride changes the shape."""
    return stride > 1 or x.channels != channels


def identity(b: Builder, x: Value, channels: int, stride: int) -> Value:
    """The input as it is; for blocks that keep the shape."""
    return x


def padded(b: Builder, x: Value, channels: int, stride: int) -> Value:
    """Every stride-th position, with channels of zeros behind: a shortcut without weights (option A of the paper)."""
    if stride > 1:
        x = b(AvgPool2d(1, stride), x)
    return b(PadChannels(after=channels - x.channels), x) if x.channels < channels else x


def projected(b: Builder, x: Value, channels: int, stride: int) -> Value:
    """A 1x1 convolution and a norm where the shape changes (option B of the paper)."""
    return projection(b, x, channels, stride) if changes(x, channels, stride) else x


def projection(b: Builder, x: Value, channels: int, stride: int, kernel: int = 1) -> Value:
    """A convolution and a norm (option C of the paper where every block has it)."""
    with b.scope("downsample"):
        return chain(b, x, [("0", Conv2d(channels, kernel, stride, bias=False)), ("1", BatchNorm2d())])


def averaged(b: Builder, x: Value, channels: int, stride: int) -> Value:
    """Where the shape changes, the mean of every stride x stride positions before the projection (He et al. 2018, arXiv:1812.01187)."""
    if not changes(x, channels, stride):
        return x
    with b.scope("downsample"):
        if stride > 1:
            x = b(AvgPool2d(2, stride, ceil=True, count_padding=False), x, name="0")
        return chain(b, x, [("1", Conv2d(channels, 1, bias=False)), ("2", BatchNorm2d())])


def convolved(b: Builder, x: Value, channels: int, stride: int) -> Value:
    """A 1x1 convolution without a norm where the shape changes; the pre-activation has normalised already."""
    return b(Conv2d(channels, 1, stride, bias=False), x, name="downsample") if changes(x, channels, stride) else x


SHORTCUTS: dict[str, Shortcut] = {
    "identity": identity,
    "padded": padded,
    "projected": projected,
    "projection": projection,
    "averaged": averaged,
    "convolved": convolved,
}


def basic_convs(channels: int, stride: int = 1, dilation: int = 1) -> tuple[Conv2d, ...]:
    """Two 3x3 convolutions; the first has the stride."""
    return Conv2d(channels, 3, stride, dilation=dilation, bias=False), Conv2d(channels, 3, dilation=dilation, bias=False)


def bottleneck_convs(
    channels: int, stride: int = 1, dilation: int = 1, *, inner: int | None = None, groups: int = 1, stride_first: bool = False
) -> tuple[Conv2d, ...]:
    """1x1 to `inner` channels (a quarter where not given), 3x3 in `groups`, 1x1 to `channels`; the 3x3 or the first has the stride."""
    inner = channels // 4 if inner is None else inner
    first, middle = (stride, 1) if stride_first else (1, stride)
    return (
        Conv2d(inner, 1, first, bias=False),
        Conv2d(inner, 3, middle, dilation=dilation, groups=groups, bias=False),
        Conv2d(channels, 1, bias=False),
    )


def convolutions(b: Builder, x: Value, convs: Sequence[Conv2d]) -> Value:
    """Convolutions, each with a norm, and with ReLU between them."""
    for number, conv in enumerate(convs, 1):
        if number > 1:
            x = b(ReLU(), x)
        x = chain(b, x, [(f"conv{number}", conv), (f"bn{number}", BatchNorm2d())])
    return x


def residual(
    b: Builder, x: Value, convs: Sequence[Conv2d], stride: int = 1, *, shortcut: Shortcut = projected, attend: Attend | None = None
) -> Value:
    """ReLU of the sum of convolutions and a shortcut; `attend` works on what comes out of the convolutions."""
    y = convolutions(b, x, convs)
    if attend is not None:
        y = attend(b, y)
    return b(ReLU(), b(Add(), y, shortcut(b, x, y.channels, stride)))


def basic(
    b: Builder, x: Value, channels: int, stride: int = 1, dilation: int = 1, *, shortcut: Shortcut = projected, attend: Attend | None = None
) -> Value:
    """Two 3x3 convolutions with a shortcut around them: (C, H, W) -> (channels, H / stride, W / stride)."""
    return residual(b, x, basic_convs(channels, stride, dilation), stride, shortcut=shortcut, attend=attend)


def bottleneck(
    b: Builder,
    x: Value,
    channels: int,
    stride: int = 1,
    dilation: int = 1,
    *,
    inner: int | None = None,
    groups: int = 1,
    stride_first: bool = False,
    shortcut: Shortcut = projected,
    attend: Attend | None = None,
) -> Value:
    """1x1, 3x3 and 1x1 convolutions with a shortcut around them: (C, H, W) -> (channels, H / stride, W / stride).

    `inner`: channels of the 3x3, a quarter where not given; `groups`: of the 3x3 (Xie et al. 2016, arXiv:1611.05431);
    `stride_first`: the first 1x1 has the stride, as in the paper, and not the 3x3.
    """
    convs = bottleneck_convs(channels, stride, dilation, inner=inner, groups=groups, stride_first=stride_first)
    return residual(b, x, convs, stride, shortcut=shortcut, attend=attend)


def grouped(groups: int = 1, group_width: int = 64, *, stride_first: bool = False, attend: Attend | None = None) -> Block:
    """A bottleneck whose 3x3 has `groups` times `group_width` channels where it has 256 outside, and in proportion elsewhere."""

    def block(b: Builder, x: Value, channels: int, stride: int = 1, dilation: int = 1) -> Value:
        inner = channels // 4 * group_width // 64 * groups
        return bottleneck(b, x, channels, stride, dilation, inner=inner, groups=groups, stride_first=stride_first, attend=attend)

    return block


def preactivated(
    b: Builder, x: Value, convs: Sequence[Conv2d], stride: int = 1, *, shortcut: Shortcut = convolved, dropout: float = 0.0
) -> Value:
    """The sum of a shortcut and convolutions, each with norm and ReLU before it (He et al. 2016, arXiv:1603.05027).

    Where the shape changes, the shortcut reads what the first norm and ReLU give. `dropout` stands before the last convolution.
    """
    y = chain(b, x, [("bn1", BatchNorm2d()), ReLU()])
    channels = convs[-1].channels
    around = shortcut(b, y if changes(x, channels, stride) else x, channels, stride)
    for number, conv in enumerate(convs, 1):
        if number > 1:
            y = chain(b, y, [(f"bn{number}", BatchNorm2d()), ReLU()])
        if dropout and number == len(convs):
            y = b(Dropout(dropout), y)
        y = b(conv, y, name=f"conv{number}")
    return b(Add(), y, around)


def basic_v2(
    b: Builder, x: Value, channels: int, stride: int = 1, dilation: int = 1, *, shortcut: Shortcut = convolved, dropout: float = 0.0
) -> Value:
    """The basic block with pre-activation: (C, H, W) -> (channels, H / stride, W / stride)."""
    return preactivated(b, x, basic_convs(channels, stride, dilation), stride, shortcut=shortcut, dropout=dropout)


def bottleneck_v2(
    b: Builder,
    x: Value,
    channels: int,
    stride: int = 1,
    dilation: int = 1,
    *,
    inner: int | None = None,
    groups: int = 1,
    stride_first: bool = False,
    shortcut: Shortcut = convolved,
) -> Value:
    """The bottleneck with pre-activation: (C, H, W) -> (channels, H / stride, W / stride)."""
    convs = bottleneck_convs(channels, stride, dilation, inner=inner, groups=groups, stride_first=stride_first)
    return preactivated(b, x, convs, stride, shortcut=shortcut)


def stages(b: Builder, x: Value, block: Block, blocks: Sequence[int], channels: Sequence[int], dilate: Sequence[bool] = ()) -> list[Value]:
    """What comes out of each stage layer1, layer2, ...: so many blocks with so many channels, the first of every later stage with stride 2.

    `dilate`: for each stage after the first, whether it keeps the size and dilates its convolutions instead
    (Chen et al. 2017, arXiv:1706.05587); its first block has the dilation of the stage before.
    """
    found, dilation = [], 1
    for stage, (count, width) in enumerate(zip(blocks, channels, strict=True)):
        before, stride = dilation, 1 if stage == 0 else 2
        if stage and any(dilate[stage - 1 : stage]):
            dilation, stride = dilation * stride, 1
        with b.scope(f"layer{stage + 1}"):
            for number in range(count):
                with b.scope(str(number)):
                    x = block(b, x, width, 1, dilation) if number else block(b, x, width, stride, before)
        found.append(x)
    return found
