"""Cells from their genotype, which NASNet, AmoebaNet, PNASNet and DARTS stack: a cell is data, and `cell` writes its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype_json import MAX_NODES
from archsearch.ops import Add, AvgPool2d, BatchNorm2d, Concat, Conv2d, Crop2d, DepthwiseConv2d, MaxPool2d, Op, Pad2d, ReLU
from archsearch.support.nearest import nearest

Edge = tuple[str, int]
Windowed = Conv2d | DepthwiseConv2d | MaxPool2d | AvgPool2d
RELU = ReLU()
MAX_CELLS = MAX_NODES // 10
"""A cell of the papers has more nodes than ten."""
LOWEST = -6e4
"""Border of max pooling: below what a norm gives, and finite in float16."""


class Cell(NamedTuple):
    """A cell as data: the edges of every node, each (name of an op in EDGES, value that it reads), and the values that are concatenated.

    Value 0 is what the last cell but one gave, 1 what the last cell gave, 2 and on are the nodes, which sum what their edges bring.
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]


class Cells(NamedTuple):
    """The two cells of a network: one keeps the image size, one halves it."""

    normal: Cell
    reduction: Cell


class Style(NamedTuple):
    """What definitions of these networks do differently.

    `border`, where a window has a stride: `half` a kernel all around; `same`, as TensorFlow pads, the odd line at the bottom and right;
    `shift`, which gives `same` from even images by a line more at the top and left, and one less of the result.
    `halving`, how a factorised reduction takes every second position: by `convolution`, or by a pooling with its shift by `crop` or `pad`.
    `strided_skip`: a skip with a stride is a `factorised` reduction or a `convolution`.
    """

    norm: Op = BatchNorm2d()
    border: str = "half"
    halving: str = "convolution"
    strided_skip: str = "factorised"


DARTS_STYLE = Style()


def cell(b: Builder, previous: Value, x: Value, genotype: Cell, channels: int, *, stride: int = 1, style: Style = DARTS_STYLE) -> Value:
    """(C, H, W) -> (n * channels, H / stride, W / stride): the outputs of the last two cells, `previous` and `x`, and nodes made of them.

    Both are first brought to `channels` and to one size, in scopes `previous` and `last`; n values are concatenated.

    Raises:
        ValueError: the genotype has an unknown op, or reads a value that is not made yet.
    """
    with b.scope("previous"):
        first = matched(b, previous, x, channels, style)
    with b.scope("last"):
        second = projected(b, x, channels, style)
    return connect(b, (first, second), genotype, channels, stride=stride, style=style)


def connect(
    b: Builder, inputs: tuple[Value, Value], genotype: Cell, channels: int, *, stride: int = 1, style: Style = DARTS_STYLE
) -> Value:
    """The nodes of a cell alone, in scopes `node2` and on; edges from the inputs have the stride. Raises ValueError as `cell` does."""
    check(genotype)
    if style.border == "shift" and (stride == 1 or any(side % 2 for side in inputs[1].shape[1:])):
        style = style._replace(border="half")
    values = list(inputs)
    for number, edges in enumerate(genotype.nodes, 2):
        with b.scope(f"node{number}"):
            arriving = [carried(b, name, values[i], channels, stride if i < 2 else 1, style) for name, i in edges]
            values.append(b(Add(), *arriving) if len(arriving) > 1 else arriving[0])
    parts = [values[i] for i in genotype.concat]
    return b(Concat(), *(fitted(b, part, values[-1], channels, style) for part in parts))


def carried(b: Builder, name: str, x: Value, channels: int, stride: int, style: Style) -> Value:
    """What one edge makes of its value."""
    with b.scope(name):
        return EDGES[name](b, x, channels, stride, style)


def check(genotype: Cell) -> None:
    """Raise ValueError for an op that is unknown, a value that is not made yet, or a cell without nodes or outputs."""
    made = len(genotype.nodes) + 2
    if not genotype.nodes or not genotype.concat or not all(genotype.nodes):
        raise ValueError("cell: every node needs an edge, and the cell nodes and values to concatenate; add them to the genotype")
    for number, edges in enumerate(genotype.nodes, 2):
        for name, value in edges:
            if name not in EDGES:
                raise ValueError(f"cell: node {number} has an unknown op {name!r}; {nearest(str(name), sorted(EDGES))}")
            if not 0 <= value < number:
                raise ValueError(f"cell: node {number} reads value {value}; it can read 0 to {number - 1}")
    if not all(0 <= value < made for value in genotype.concat):
        raise ValueError(f"cell: concat={genotype.concat} must name values from 0 to {made - 1}")


def projected(b: Builder, x: Value, channels: int, style: Style = DARTS_STYLE, stride: int = 1) -> Value:
    """ReLU, 1x1 convolution, norm."""
    return b(style.norm, windowed(b, b(RELU, x), Conv2d(channels, 1, stride, bias=False), style))


def matched(b: Builder, previous: Value, x: Value, channels: int, style: Style = DARTS_STYLE) -> Value:
    """The output of the last cell but one with `channels`, at the size of that of the last."""
    if previous.shape[1:] == x.shape[1:]:
        return projected(b, previous, channels, style)
    return factorised_reduction(b, b(RELU, previous), channels, style)


def fitted(b: Builder, part: Value, last: Value, channels: int, style: Style) -> Value:
    """A value that is concatenated: an input of a cell that halves the image is halved too."""
    if part.shape[1:] == last.shape[1:]:
        return part
    with b.scope("fitted"):
        return factorised_reduction(b, part, channels, style)


def factorised_reduction(b: Builder, x: Value, channels: int, style: Style = DARTS_STYLE) -> Value:
    """Half of `channels` from every second row and column, half from those between: (C, H, W) -> (channels, ceil(H / 2), ceil(W / 2))."""
    half = channels // 2
    if style.halving == "convolution":
        y = b(Conv2d(half, 1, 2, bias=False), x, name="conv1")
        return b(style.norm, b(Concat(), y, b(Conv2d(channels - half, 1, 2, bias=False), shifted(b, x, style), name="conv2")))
    y = chain(b, x, [("pool1", AvgPool2d(1, 2)), ("conv1", Conv2d(half, 1, bias=False))])
    z = chain(b, shifted(b, x, style), [("pool2", AvgPool2d(1, 2)), ("conv2", Conv2d(channels - half, 1, bias=False))])
    return b(style.norm, b(Concat(), y, z))


def shifted(b: Builder, x: Value, style: Style) -> Value:
    """The image from its second row and column on, with zeros behind it where they are needed or the definition has them."""
    _, height, width = x.shape
    if style.halving == "convolution":
        odd = Pad2d(bottom=height % 2, right=width % 2)
        return b(Crop2d(1, 1), b(odd, x) if height % 2 or width % 2 else x)
    first, second = (Crop2d(1, 1), Pad2d(bottom=1, right=1)) if style.halving == "crop" else (Pad2d(bottom=1, right=1), Crop2d(1, 1))
    return b(second, b(first, x))


def windowed(b: Builder, x: Value, op: Windowed, style: Style) -> Value:
    """A convolution or pooling with the border that the style has where it has a stride."""
    window = op.window()
    spans = [d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
    if style.border != "same" or (window.stride == (1, 1) and all(span % 2 for span in spans)):
        return b(op, x)
    lines = [
        max((-(-side // step) - 1) * step + span - side, 0) for side, step, span in zip(x.shape[1:], window.stride, spans, strict=True)
    ]
    (top, bottom), (left, right) = [(count // 2, count - count // 2) for count in lines]
    value = LOWEST if isinstance(op, MaxPool2d) else 0.0
    return b(replace(op, padding=0), b(Pad2d(top, bottom, left, right, value=value), x))


def lined(b: Builder, x: Value) -> Value:
    """A line of zeros at the top and left, for the border `shift`."""
    return b(Pad2d(top=1, left=1), x)


def trimmed(b: Builder, x: Value) -> Value:
    """Without the first row and column, for the border `shift`; the empty border makes a copy, so that the whole is not kept."""
    return b(Pad2d(), b(Crop2d(1, 1), x), name="copy")


def skip(b: Builder, x: Value, channels: int, stride: int, style: Style) -> Value:
    """The value itself where it fits, else a reduction or 1x1 convolution of it."""
    if stride > 1 and style.strided_skip == "factorised":
        return factorised_reduction(b, b(RELU, x), channels, style)
    return x if stride == 1 and x.channels == channels else projected(b, x, channels, style, stride)


def pointwise(b: Builder, x: Value, channels: int, stride: int, style: Style) -> Value:
    """ReLU, 1x1 convolution, norm."""
    return projected(b, x, channels, style, stride)


def pool(b: Builder, x: Value, channels: int, stride: int, style: Style, *, op: MaxPool2d | AvgPool2d) -> Value:
    """Pooling, with a 1x1 convolution behind it where the channels differ."""
    op = replace(op, stride=stride)
    shift = style.border == "shift" and stride > 1 and op.window().kernel[0] % 2
    y = trimmed(b, b(op, lined(b, x))) if shift else windowed(b, x, op, style)
    return y if y.channels == channels else b(style.norm, b(Conv2d(channels, 1, bias=False), y))


def separable(b: Builder, x: Value, channels: int, stride: int, style: Style, *, kernel: int) -> Value:
    """Twice ReLU, depthwise convolution, 1x1 convolution, norm; the first has the stride."""
    for step in (stride, 1):
        shift = style.border == "shift"
        x = b(RELU, x)
        x = windowed(b, lined(b, x) if shift else x, DepthwiseConv2d(kernel, step, bias=False), style)
        x = b(Conv2d(channels, 1, bias=False), x)
        x = b(style.norm, trimmed(b, x) if shift else x)
        style = style._replace(border="half") if shift else style
    return x


def dilated(b: Builder, x: Value, channels: int, stride: int, style: Style, *, kernel: int) -> Value:
    """ReLU, depthwise convolution with dilation 2, 1x1 convolution, norm."""
    x = windowed(b, b(RELU, x), DepthwiseConv2d(kernel, stride, dilation=2, bias=False), style)
    return chain(b, x, [Conv2d(channels, 1, bias=False), style.norm])


def crossed(b: Builder, x: Value, channels: int, stride: int, style: Style) -> Value:
    """ReLU, 1x7 and 7x1 convolution, norm."""
    x = windowed(b, b(RELU, x), Conv2d(channels, (1, 7), (1, stride), bias=False), style)
    return b(style.norm, windowed(b, x, Conv2d(channels, (7, 1), (stride, 1), bias=False), style))


def bottleneck(b: Builder, x: Value, channels: int, stride: int, style: Style, *, kernels: Sequence[tuple[int, int]]) -> Value:
    """Convolutions among a quarter of the channels, with 1x1 convolutions around them; ReLU before and norm after each."""
    x = projected(b, x, max(channels // 4, 1), style)
    for kernel in kernels:
        step = (stride if kernel[0] > 1 else 1, stride if kernel[1] > 1 else 1)
        x = b(style.norm, windowed(b, b(RELU, x), Conv2d(x.channels, kernel, step, bias=False), style))
    return projected(b, x, channels, style)


EDGES: dict[str, Callable[[Builder, Value, int, int, Style], Value]] = {
    "skip_connect": skip,
    "conv_1x1": pointwise,
    "conv_7x1_1x7": crossed,
    "bottleneck_3x3": partial(bottleneck, kernels=((3, 3),)),
    "bottleneck_1x7_7x1": partial(bottleneck, kernels=((1, 7), (7, 1))),
    "max_pool_2x2": partial(pool, op=MaxPool2d(2, ceil=True)),
    "max_pool_3x3": partial(pool, op=MaxPool2d(3, padding=1)),
    "avg_pool_3x3": partial(pool, op=AvgPool2d(3, padding=1, count_padding=False)),
    **{f"sep_conv_{kernel}x{kernel}": partial(separable, kernel=kernel) for kernel in (3, 5, 7)},
    **{f"dil_conv_{kernel}x{kernel}": partial(dilated, kernel=kernel) for kernel in (3, 5)},
}
"""What an edge can be: functions of the builder, the value, the channels to make, the stride and the style."""


def stem_cells(
    b: Builder, x: Value, reduction: Cell, channels: int, *, style: Style = DARTS_STYLE, last_first: bool = False
) -> tuple[Value, Value]:
    """Two reductions before the first cell, with a quarter and half of `channels`: what each of them gives.

    The first reads `x` itself as its previous value. `last_first`: the second projects the last value before the previous one.
    """
    with b.scope("stem1"):
        with b.scope("last"):
            last = projected(b, x, channels // 4, style)
        first = connect(b, (x, last), reduction, channels // 4, stride=2, style=style)
    with b.scope("stem2"):
        if not last_first:
            return first, cell(b, x, first, reduction, channels // 2, stride=2, style=style)
        with b.scope("last"):
            last = projected(b, first, channels // 2, style)
        with b.scope("previous"):
            previous = matched(b, x, first, channels // 2, style)
        return first, connect(b, (previous, last), reduction, channels // 2, stride=2, style=style)


def stack(
    b: Builder,
    previous: Value,
    x: Value,
    cells: Cells,
    repeats: Sequence[int],
    channels: int,
    *,
    style: Style = DARTS_STYLE,
    around: bool = False,
) -> list[Value]:
    """What each cell of a row gives: `repeats` normal cells a stage, a reduction before every later stage, which doubles the channels.

    `around`: the cell behind a reduction has the same previous value as the reduction, and not the value that the reduction halves.

    Raises:
        ValueError: more cells than a genotype holds, or a cell that cannot be.
    """
    if sum(repeats) > MAX_CELLS:
        raise ValueError(f"{sum(repeats)} cells are over the limit of {MAX_CELLS}; stack fewer")
    made = [previous, x]
    for stage, count in enumerate(repeats):
        width = channels << stage
        before = made[-2]
        if stage:
            with b.scope(f"reduction{stage}"):
                made.append(cell(b, before, made[-1], cells.reduction, width, stride=2, style=style))
        for number in range(count):
            before = before if number == 0 and around else made[-2]
            with b.scope(f"cell{len(made) - 1}"):
                made.append(cell(b, before, made[-1], cells.normal, width, style=style))
    return made[2:]
