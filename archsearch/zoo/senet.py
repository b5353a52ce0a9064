"""Squeeze-and-excitation networks."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.basic import chain
from archsearch.blocks.residual import basic_convs, bottleneck_convs, changes, convolutions, projection, stages
from archsearch.blocks.squeeze_excite import squeeze_excite
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU
from archsearch.zoo.resnet import BASIC, blocks_of, head, trunk

STEMS: dict[str, tuple[Conv2d, ...]] = {
    "7x7": (Conv2d(64, 7, 2, bias=False),),
    "3x3": (Conv2d(64, 3, 2, bias=False), Conv2d(64, bias=False), Conv2d(128, bias=False)),
}


def seresnet(
    depth: int = 50,
    *,
    groups: int = 1,
    group_width: int = 64,
    reduction: int = 16,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Hu et al. 2017 (arXiv:1709.01507): ResNet or ResNeXt as today (stride in the 3x3), with a squeeze-excite before every sum."""

    def attend(b: Builder, x: Value) -> Value:
        with b.scope("se"):
            return squeeze_excite(b, x, x.channels // reduction)

    b = Builder(input)
    x = trunk(b, b.input, depth, groups=groups, group_width=group_width, attend=attend)[-1]
    return b.genotype(head(b, x, classes))


def legacy_senet(
    depth: int = 50,
    *,
    form: str = "resnet",
    reduction: int = 16,
    dropout: float = 0.2,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Hu et al. 2017 (arXiv:1709.01507) as published: SE-ResNet (stride in the first 1x1), SE-ResNeXt (32x4d), SENet-154 by `form`.

    Max pooling has no padding but a last window that hangs over, as in the authors' framework.
    """
    if form not in ("resnet", "resnext", "senet"):
        raise ValueError(f"form={form!r} is unknown; choose from resnet, resnext, senet")
    b = Builder(input)
    with b.scope("layer0"):
        x = b(ReLU(), convolutions(b, b.input, STEMS["3x3" if form == "senet" else "7x7"]))
    x = b(MaxPool2d(3, 2, ceil=True), x, name="pool0")
    expansion = 1 if depth in BASIC else 4

    def block(b: Builder, x: Value, channels: int, stride: int = 1, dilation: int = 1) -> Value:
        y = convolutions(b, x, convs_of(form, depth, channels, stride))
        # SENet-154 has 3x3 shortcuts where it takes a step (section 6 of the paper).
        kernel = 3 if form == "senet" and stride > 1 else 1
        around = projection(b, x, channels, stride, kernel) if changes(x, channels, stride) else x
        with b.scope("se_module"):
            y = squeeze_excite(b, y, channels // reduction)
        return b(ReLU(), b(Add(), y, around))

    x = stages(b, x, block, blocks_of(depth), [expansion * 64 << stage for stage in range(4)])[-1]
    x = chain(b, x, [GlobalAvgPool2d(), Flatten()])
    x = b(Dropout(dropout), x) if dropout else x
    return b.genotype(b(Linear(classes), x, name="last_linear"))


def convs_of(form: str, depth: int, channels: int, stride: int) -> tuple[Conv2d, ...]:
    """The convolutions of one block."""
    if depth in BASIC:
        return basic_convs(channels, stride)
    if form == "resnet":
        return bottleneck_convs(channels, stride, stride_first=True)
    if form == "resnext":
        return bottleneck_convs(channels, stride, inner=channels // 2, groups=32)
    inner, middle = Conv2d(channels // 2, 1, bias=False), Conv2d(channels, 3, stride, groups=64, bias=False)
    return inner, middle, Conv2d(channels, 1, bias=False)


NETWORKS = {
    **{f"seresnet{depth}": partial(seresnet, depth) for depth in (50, 101, 152)},
    "se_resnext50_32x4d": partial(seresnet, 50, groups=32, group_width=4),
    "se_resnext101_32x4d": partial(seresnet, 101, groups=32, group_width=4),
    **{f"legacy_seresnet{depth}": partial(legacy_senet, depth) for depth in (50, 101, 152)},
    "legacy_senet154": partial(legacy_senet, 152, form="senet"),
}
