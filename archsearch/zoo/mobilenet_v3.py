"""MobileNetV3 (Howard et al. 2019, arXiv:1905.02244), tables 1 and 2."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.mobile import divisible, inverted_residual
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Hardsigmoid, Hardswish, Linear, Op, ReLU

Row = tuple[int, int, int, bool, Op, int]
NORM, RE, HS = BatchNorm2d(eps=1e-3, momentum=0.01), ReLU(), Hardswish()
LARGE: tuple[Row, ...] = (
    (3, 16, 16, False, RE, 1),
    (3, 64, 24, False, RE, 2), (3, 72, 24, False, RE, 1),
    (5, 72, 40, True, RE, 2), (5, 120, 40, True, RE, 1), (5, 120, 40, True, RE, 1),
    (3, 240, 80, False, HS, 2), (3, 200, 80, False, HS, 1), (3, 184, 80, False, HS, 1), (3, 184, 80, False, HS, 1),
    (3, 480, 112, True, HS, 1), (3, 672, 112, True, HS, 1),
    (5, 672, 160, True, HS, 2), (5, 960, 160, True, HS, 1), (5, 960, 160, True, HS, 1),
)  # fmt: skip
SMALL: tuple[Row, ...] = (
    (3, 16, 16, True, RE, 2),
    (3, 72, 24, False, RE, 2), (3, 88, 24, False, RE, 1),
    (5, 96, 40, True, HS, 2), (5, 240, 40, True, HS, 1), (5, 240, 40, True, HS, 1),
    (5, 120, 48, True, HS, 1), (5, 144, 48, True, HS, 1),
    (5, 288, 96, True, HS, 2), (5, 576, 96, True, HS, 1), (5, 576, 96, True, HS, 1),
)  # fmt: skip
"""Kernel, expanded channels, channels, squeeze-and-excite, activation, stride of every block."""
SIZES = {"large": (LARGE, 1280), "small": (SMALL, 1024)}
LAST = 3
"""Blocks of the last stage, which is the one that dilates."""


def mobilenet_v3(
    size: str = "large",
    *,
    width: float = 1.0,
    dilated: bool = False,
    dropout: float = 0.2,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """`size` is large or small; `width` scales all channels, rounded to multiples of 8; `dilated` keeps the last stage at stride 16.

    Raises:
        ValueError: another size.
    """
    if size not in SIZES:
        raise ValueError(f"mobilenet_v3: size={size!r} must be one of {', '.join(SIZES)}")
    rows, features = SIZES[size]
    b = Builder(input)
    with b.scope("features"):
        x = mobilenet_v3_features(b, b.input, rows, width=width, dilated=dilated)[-1]
    x = chain(b, x, [("avgpool", GlobalAvgPool2d()), Flatten()])
    with b.scope("classifier"):
        return b.genotype(numbered(b, x, [Linear(divisible(features * width)), HS, Dropout(dropout), Linear(classes)]))


def mobilenet_v3_features(
    b: Builder, x: Value, rows: tuple[Row, ...] = LARGE, *, width: float = 1.0, dilated: bool = False
) -> tuple[Value, ...]:
    """What comes out of the stem, of every block of `rows`, and of the last 1x1 convolution, in this order."""
    made = []
    with b.scope("0"):
        made.append(numbered(b, x, [Conv2d(divisible(16 * width), 3, 2, bias=False), NORM, HS]))
    for number, (kernel, expanded, channels, excited, activation, stride) in enumerate(rows, 1):
        dilation = 2 if dilated and number > len(rows) - LAST else 1
        wide = divisible(expanded * width)
        excite = partial(squeeze_excite, squeezed=divisible(wide // 4), gate=Hardsigmoid()) if excited else None
        with b.scope(str(number)):
            made.append(
                inverted_residual(
                    b,
                    made[-1],
                    divisible(channels * width),
                    wide,
                    kernel=kernel,
                    stride=1 if dilation > 1 else stride,
                    dilation=dilation,
                    activation=activation,
                    norm=NORM,
                    excite=excite,
                )
            )
    with b.scope(str(len(rows) + 1)):
        made.append(numbered(b, made[-1], [Conv2d(6 * made[-1].channels, 1, bias=False), NORM, HS]))
    return tuple(made)


NETWORKS = {"mobilenet_v3_large": partial(mobilenet_v3, "large"), "mobilenet_v3_small": partial(mobilenet_v3, "small")}
