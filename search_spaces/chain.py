"""The chain of most image classifiers: INPUT -> [[CONV -> ACT]*N -> POOL?]*M -> [FC -> ACT]*K -> FC."""

from archsearch import Builder, Genotype, Op, Pick, Value
from archsearch.ops import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Hardswish,
    Linear,
    MaxPool2d,
    ReLU,
    SeparableConv2d,
    SiLU,
)

ACTS: dict[str, Op] = {"relu": ReLU(), "silu": SiLU(), "gelu": GELU(), "hardswish": Hardswish()}
POOLS = {"max": MaxPool2d(2, ceil=True), "average": AvgPool2d(2, ceil=True)}
CONVS = {"plain": Conv2d, "separable": SeparableConv2d}


def space(
    pick: Pick,
    *,
    stages: int = 3,
    convs: int = 2,
    layers: int = 1,
    widths: tuple[int, ...] = (8, 12, 16, 24, 32),
    kernels: tuple[int, ...] = (3, 5),
    features: tuple[int, ...] = (32, 64),
    classes: int = 10,
    input: tuple[int, int, int] = (1, 8, 8),
) -> Genotype:
    """M is 1 to `stages`, N 1 to `convs` (each stage has its own), K 0 to `layers`; kernels are odd.

    Searched besides: `widths` and `kernels` of the stages, plain or separable convolutions, links around them (with a 1x1 convolution
    where widths differ), the pooling, activation, batch norm, global pooling or flatten, `features` of the layers, dropout.
    """
    check(stages=(stages,), convs=(convs,), widths=widths, kernels=kernels, features=features or (1,) * (not layers), classes=(classes,))
    if layers < 0 or any(kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"chain: layers={layers} must be at least 0 and kernels={kernels} odd")
    b = Builder(input)
    x, act, norm = b.input, ACTS[pick("activation", list(ACTS))], pick("norm", ["batch", "none"])
    for number in range(1, pick("stages", range(1, stages + 1)) + 1):
        with b.scope(f"stage{number}"):
            x = stage(b, x, pick, f"stage{number}", convs, widths, kernels, act, norm)
    with b.scope("head"):
        if pick("head/pool", ["average", "none"]) == "average":
            x = b(GlobalAvgPool2d(), x)
        x = b(Flatten(), x)
        for number in range(1, pick("head/layers", range(layers + 1)) + 1):
            x = b(act, b(Linear(pick(f"head/layer{number}", features)), x))
        x = b(Dropout(pick("head/dropout", [0.0, 0.1, 0.3])), x)
        return b.genotype(b(Linear(classes), x))


def stage(
    b: Builder, x: Value, pick: Pick, name: str, convs: int, widths: tuple[int, ...], kernels: tuple[int, ...], act: Op, norm: str
) -> Value:
    """[CONV -> ACT]*N with a link around it or none, then half the image: by pooling, by a strided convolution, or not at all."""
    width, kernel = pick(f"{name}/width", widths), pick(f"{name}/kernel", kernels)
    kind = CONVS[pick(f"{name}/conv", list(CONVS))] if x.channels > 4 else Conv2d  # a depthwise one makes little of few channels
    y = x
    for _ in range(pick(f"{name}/convs", range(1, convs + 1))):
        y = conv(b, y, kind(width, kernel, bias=norm == "none"), act, norm)
    if pick(f"{name}/link", ["none", "residual"]) == "residual":
        y = b(Add(), y, x if x.channels == width else b(Conv2d(width, 1, bias=False), x, name="shortcut"))
    pool = pick(f"{name}/pool", ["max", "average", "stride", "none"])
    if pool == "stride":
        return conv(b, y, kind(width, 3, 2, bias=norm == "none"), act, norm)
    return b(POOLS[pool], y) if pool in POOLS else y


def conv(b: Builder, x: Value, op: Op, act: Op, norm: str) -> Value:
    """CONV -> ACT, with batch norm between them or not."""
    x = b(op, x)
    return b(act, b(BatchNorm2d(), x) if norm == "batch" else x)


def check(**settings: tuple[int, ...]) -> None:
    """Raise ValueError unless every setting has values and all are whole numbers of at least 1."""
    for name, values in settings.items():
        if not values or not all(type(value) is int and value > 0 for value in values):
            raise ValueError(f"chain: {name}={', '.join(map(str, values)) or 'nothing'} must be whole numbers of at least 1")
