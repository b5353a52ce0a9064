"""Inception modules: convolutions of several sizes side by side (Szegedy et al. 2014, arXiv:1409.4842).

The later versions part large kernels into small ones (v3: 2015, arXiv:1512.00567) and bring the residual in (2016, arXiv:1602.07261).
`width` scales all channels of a module that has its own numbers of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.classic import scaled
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, AvgPool2d, BatchNorm2d, Concat, Conv2d, MaxPool2d, Op, ReLU, Scale

Branch = Sequence[tuple[str, Op]]
NORM = BatchNorm2d(eps=1e-3)
MEAN, MEAN_INSIDE = AvgPool2d(3, 1, 1), AvgPool2d(3, 1, 1, count_padding=False)
MAX, HALVE = MaxPool2d(3, 1, 1, ceil=True), MaxPool2d(3, 2)
valid = partial(Conv2d, padding=0)


def conv_norm(b: Builder, x: Value, conv: Conv2d, *, width: float = 1.0, norm: Op | None = NORM) -> Value:
    """A convolution with `width` times its channels, a norm and ReLU; the bias is left to the norm."""
    conv = replace(conv, channels=scaled(conv.channels, width), bias=norm is None)
    return chain(b, x, [("conv", conv), *([] if norm is None else [("bn", norm)]), ReLU()])


def branch(b: Builder, x: Value, parts: Branch, *, width: float = 1.0, norm: Op | None = NORM) -> Value:
    """One op after the other, a convolution with norm and ReLU in a scope of its name."""
    for name, op in parts:
        if not isinstance(op, Conv2d):
            x = b(op, x, name=name)
            continue
        with b.scope(name):
            x = conv_norm(b, x, op, width=width, norm=norm)
    return x


def mixed(b: Builder, x: Value, *branches: Branch, width: float = 1.0, norm: Op | None = NORM) -> Value:
    """Branches that all read `x`, side by side along the channels."""
    return b(Concat(), *(branch(b, x, parts, width=width, norm=norm) for parts in branches))


def counted(*branches: Sequence[Op], first: int = 0) -> list[Branch]:
    """Names branch0, branch1/0, branch1/1 and so on: branches are counted from `first`, and the ops of a branch of several from 0."""
    return [
        [(f"branch{place}" if len(ops) == 1 else f"branch{place}/{number}", op) for number, op in enumerate(ops)]
        for place, ops in enumerate(branches, first)
    ]


def naive(b: Builder, x: Value, ones: int, threes: int, fives: int, *, norm: Op | None = NORM) -> Value:
    """1x1, 3x3 and 5x5 convolutions and a 3x3 max pooling side by side: (C, H, W) -> (ones + threes + fives + C, H, W)."""
    return mixed(b, x, *counted([Conv2d(ones, 1)], [Conv2d(threes, 3)], [Conv2d(fives, 5)], [MAX], first=1), norm=norm)


def bottlenecked(
    b: Builder,
    x: Value,
    ones: int,
    before_threes: int,
    threes: int,
    before_fives: int,
    fives: int,
    pooled: int,
    *,
    kernel: int = 5,
    norm: Op | None = NORM,
) -> Value:
    """The naive module with 1x1 convolutions before 3x3 and 5x5 and behind pooling: (C, H, W) -> (ones + threes + fives + pooled, H, W).

    `kernel`: of the convolution to `fives`.
    """
    branches = counted(
        [Conv2d(ones, 1)],
        [Conv2d(before_threes, 1), Conv2d(threes, 3)],
        [Conv2d(before_fives, 1), Conv2d(fives, kernel)],
        [MAX, Conv2d(pooled, 1)],
        first=1,
    )
    return mixed(b, x, *branches, norm=norm)


def split(b: Builder, x: Value, name: str, channels: int, *, width: float = 1.0) -> Value:
    """1x3 and 3x1 side by side, `channels` each: a 3x3 that has grown wider instead of deeper (v3, figure 7)."""
    return mixed(b, x, [(f"{name}a", Conv2d(channels, (1, 3)))], [(f"{name}b", Conv2d(channels, (3, 1)))], width=width)


def v3_a(b: Builder, x: Value, pooled: int = 64, *, width: float = 1.0) -> Value:
    """The 5x5 is two 3x3 in one branch (v3, figure 5): (C, H, W) -> (224 + pooled, H, W)."""
    return mixed(
        b,
        x,
        [("branch1x1", Conv2d(64, 1))],
        [("branch5x5_1", Conv2d(48, 1)), ("branch5x5_2", Conv2d(64, 5))],
        [("branch3x3dbl_1", Conv2d(64, 1)), ("branch3x3dbl_2", Conv2d(96, 3)), ("branch3x3dbl_3", Conv2d(96, 3))],
        [("pool", MEAN), ("branch_pool", Conv2d(pooled, 1))],
        width=width,
    )


def v3_b(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """Half the size, by convolution and pooling side by side (v3, figure 10): (C, H, W) -> (480 + C, (H-1) / 2, (W-1) / 2)."""
    return mixed(
        b,
        x,
        [("branch3x3", valid(384, 3, 2))],
        [("branch3x3dbl_1", Conv2d(64, 1)), ("branch3x3dbl_2", Conv2d(96, 3)), ("branch3x3dbl_3", valid(96, 3, 2))],
        [("pool", HALVE)],
        width=width,
    )


def v3_c(b: Builder, x: Value, sevens: int = 192, *, width: float = 1.0) -> Value:
    """A 7x7 is 1x7 and 7x1 (v3, figure 6): (C, H, W) -> (768, H, W); `sevens`: channels inside."""
    across, down = (1, 7), (7, 1)
    return mixed(
        b,
        x,
        [("branch1x1", Conv2d(192, 1))],
        [("branch7x7_1", Conv2d(sevens, 1)), ("branch7x7_2", Conv2d(sevens, across)), ("branch7x7_3", Conv2d(192, down))],
        [
            ("branch7x7dbl_1", Conv2d(sevens, 1)),
            ("branch7x7dbl_2", Conv2d(sevens, down)),
            ("branch7x7dbl_3", Conv2d(sevens, across)),
            ("branch7x7dbl_4", Conv2d(sevens, down)),
            ("branch7x7dbl_5", Conv2d(192, across)),
        ],
        [("pool", MEAN), ("branch_pool", Conv2d(192, 1))],
        width=width,
    )


def v3_d(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """Half the size again: (C, H, W) -> (512 + C, (H-1) / 2, (W-1) / 2)."""
    return mixed(
        b,
        x,
        [("branch3x3_1", Conv2d(192, 1)), ("branch3x3_2", valid(320, 3, 2))],
        [
            ("branch7x7x3_1", Conv2d(192, 1)),
            ("branch7x7x3_2", Conv2d(192, (1, 7))),
            ("branch7x7x3_3", Conv2d(192, (7, 1))),
            ("branch7x7x3_4", valid(192, 3, 2)),
        ],
        [("pool", HALVE)],
        width=width,
    )


def v3_e(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """Branches that split at their end, for small images of many channels (v3, figure 7): (C, H, W) -> (2048, H, W)."""
    one = branch(b, x, [("branch1x1", Conv2d(320, 1))], width=width)
    three = branch(b, x, [("branch3x3_1", Conv2d(384, 1))], width=width)
    three = split(b, three, "branch3x3_2", 384, width=width)
    double = branch(b, x, [("branch3x3dbl_1", Conv2d(448, 1)), ("branch3x3dbl_2", Conv2d(384, 3))], width=width)
    double = split(b, double, "branch3x3dbl_3", 384, width=width)
    pool = branch(b, x, [("pool", MEAN), ("branch_pool", Conv2d(192, 1))], width=width)
    return b(Concat(), one, three, double, pool)


def v4_stem(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """An eighth of the image's sides by six steps in scopes 0 to 5 (v4, figure 3): (C, 299, 299) -> (384, 35, 35)."""
    x = branch(b, x, [("0", valid(32, 3, 2)), ("1", valid(32, 3)), ("2", Conv2d(64, 3))], width=width)
    with b.scope("3"):
        x = mixed(b, x, [("maxpool", HALVE)], [("conv", valid(96, 3, 2))], width=width)
    plain = [Conv2d(64, 1), valid(96, 3)]
    factored = [Conv2d(64, 1), Conv2d(64, (1, 7)), Conv2d(64, (7, 1)), valid(96, 3)]
    with b.scope("4"):
        x = mixed(b, x, *counted(plain, factored), width=width)
    with b.scope("5"):
        return mixed(b, x, [("conv", valid(192, 3, 2))], [("maxpool", HALVE)], width=width)


def v4_a(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """(C, H, W) -> (384, H, W) for the largest images (v4, figure 4)."""
    double = [Conv2d(64, 1), Conv2d(96, 3), Conv2d(96, 3)]
    branches = counted([Conv2d(96, 1)], [Conv2d(64, 1), Conv2d(96, 3)], double, [MEAN_INSIDE, Conv2d(96, 1)])
    return mixed(b, x, *branches, width=width)


def reduction_a(b: Builder, x: Value, double: tuple[int, int, int], single: int, *, width: float = 1.0) -> Value:
    """Half the size (v4, figure 7): (C, H, W) -> (double[2] + single + C, (H-1) / 2, (W-1) / 2).

    `double` is (k, l, m) of table 1, `single` is n.
    """
    first, second, third = double
    return mixed(b, x, *counted([valid(single, 3, 2)], [Conv2d(first, 1), Conv2d(second, 3), valid(third, 3, 2)], [HALVE]), width=width)


def v4_b(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """(C, H, W) -> (1024, H, W) for images of middle size (v4, figure 5)."""
    across, down = (1, 7), (7, 1)
    branches = counted(
        [Conv2d(384, 1)],
        [Conv2d(192, 1), Conv2d(224, across), Conv2d(256, down)],
        [Conv2d(192, 1), Conv2d(192, down), Conv2d(224, across), Conv2d(224, down), Conv2d(256, across)],
        [MEAN_INSIDE, Conv2d(128, 1)],
    )
    return mixed(b, x, *branches, width=width)


def v4_reduction_b(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """(C, H, W) -> (512 + C, (H-1) / 2, (W-1) / 2) (v4, figure 8)."""
    branches = counted(
        [Conv2d(192, 1), valid(192, 3, 2)], [Conv2d(256, 1), Conv2d(256, (1, 7)), Conv2d(320, (7, 1)), valid(320, 3, 2)], [HALVE]
    )
    return mixed(b, x, *branches, width=width)


def v4_c(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """(C, H, W) -> (1536, H, W) for the smallest images (v4, figure 6)."""
    one = branch(b, x, [("branch0", Conv2d(256, 1))], width=width)
    short = split(b, branch(b, x, [("branch1_0", Conv2d(384, 1))], width=width), "branch1_1", 256, width=width)
    parts = [("branch2_0", Conv2d(384, 1)), ("branch2_1", Conv2d(448, (3, 1))), ("branch2_2", Conv2d(512, (1, 3)))]
    long = split(b, branch(b, x, parts, width=width), "branch2_3", 256, width=width)
    pool = branch(b, x, [("branch3/0", MEAN_INSIDE), ("branch3/1", Conv2d(256, 1))], width=width)
    return b(Concat(), one, short, long, pool)


def inception_residual(
    b: Builder, x: Value, *branches: Sequence[Op], scale: float = 1.0, activation: bool = True, width: float = 1.0
) -> Value:
    """ReLU of the input plus `scale` times branches that a 1x1 convolution brings to its channels (v4, figure 20): the shape stays."""
    y = b(Conv2d(x.channels, 1), mixed(b, x, *counted(*branches), width=width), name="conv2d")
    y = b(Add(), y if scale == 1 else b(Scale(scale), y), x)
    return b(ReLU(), y) if activation else y


def residual_a(b: Builder, x: Value, scale: float = 0.17, *, width: float = 1.0) -> Value:
    """The residual for the largest images (v4, figure 16)."""
    double = [Conv2d(32, 1), Conv2d(48, 3), Conv2d(64, 3)]
    return inception_residual(b, x, [Conv2d(32, 1)], [Conv2d(32, 1), Conv2d(32, 3)], double, scale=scale, width=width)


def residual_b(b: Builder, x: Value, scale: float = 0.1, *, width: float = 1.0) -> Value:
    """The residual for images of middle size (v4, figure 17)."""
    return inception_residual(b, x, [Conv2d(192, 1)], [Conv2d(128, 1), Conv2d(160, (1, 7)), Conv2d(192, (7, 1))], scale=scale, width=width)


def residual_c(b: Builder, x: Value, scale: float = 0.2, *, activation: bool = True, width: float = 1.0) -> Value:
    """The residual for the smallest images (v4, figure 19)."""
    factored = [Conv2d(192, 1), Conv2d(224, (1, 3)), Conv2d(256, (3, 1))]
    return inception_residual(b, x, [Conv2d(192, 1)], factored, scale=scale, activation=activation, width=width)


def residual_reduction_b(b: Builder, x: Value, *, width: float = 1.0) -> Value:
    """(C, H, W) -> (992 + C, (H-1) / 2, (W-1) / 2) (v4, figure 18, with the widths of the released network)."""
    branches = counted(
        [Conv2d(256, 1), valid(384, 3, 2)],
        [Conv2d(256, 1), valid(288, 3, 2)],
        [Conv2d(256, 1), Conv2d(288, 3), valid(320, 3, 2)],
        [HALVE],
    )
    return mixed(b, x, *branches, width=width)
