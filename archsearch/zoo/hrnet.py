"""High-resolution networks: branches of several image sizes side by side, which exchange what they see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from archsearch.blocks.basic import chain, numbered
from archsearch.blocks.residual import Block, basic, bottleneck
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import Add, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU, Upsample


def hrnet(
    width: int = 18,
    *,
    modules: tuple[int, int, int] = (1, 4, 3),
    blocks: int = 4,
    first: int = 64,
    classes: int = 1000,
    input: tuple[int, int, int] = (3, 224, 224),
) -> Genotype:
    """Wang et al. 2019 (arXiv:1908.07919); `width` is C, the channels of the finest branch, twice as many in each coarser one.

    `modules` of stages 2, 3 and 4, `blocks` of every branch in each; `first`: channels inside the bottlenecks of stage 1.
    """
    b = Builder(input)
    branches = trunk(b, b.input, width, modules=modules, blocks=blocks, first=first)
    x = increased(b, branches)
    with b.scope("final_layer"):
        x = numbered(b, x, [Conv2d(2048, 1), BatchNorm2d(), ReLU()])
    return b.genotype(chain(b, x, [("avgpool", GlobalAvgPool2d()), Flatten(), ("classifier", Linear(classes))]))


def trunk(b: Builder, x: Value, width: int, *, modules: Sequence[int] = (1, 4, 3), blocks: int = 4, first: int = 64) -> list[Value]:
    """What comes out of the four branches: (width, H/4, W/4), (2 * width, H/8, W/8) and so on."""
    x = chain(b, x, [("conv1", Conv2d(64, 3, 2, bias=False)), ("bn1", BatchNorm2d()), ReLU()])
    x = chain(b, x, [("conv2", Conv2d(64, 3, 2, bias=False)), ("bn2", BatchNorm2d()), ReLU()])
    with b.scope("layer1"):
        branches = [repeated(b, x, bottleneck, 4 * first, blocks)]
    for stage, count in enumerate(modules, 1):
        with b.scope(f"transition{stage}"):
            branches = transition(b, branches, [width << branch for branch in range(stage + 1)])
        with b.scope(f"stage{stage + 1}"):
            for number in range(count):
                with b.scope(str(number)):
                    branches = exchange(b, branches, blocks)
    return branches


def repeated(b: Builder, x: Value, block: Block, channels: int, count: int) -> Value:
    """So many blocks in scopes 0, 1, 2 and so on."""
    for number in range(count):
        with b.scope(str(number)):
            x = block(b, x, channels)
    return x


def transition(b: Builder, branches: list[Value], widths: list[int]) -> list[Value]:
    """Branches of these widths, one more than before: it is the last one at half the size."""
    found = []
    for number, width in enumerate(widths):
        with b.scope(str(number)):
            old = branches[min(number, len(branches) - 1)]
            if number == len(branches):
                with b.scope("0"):
                    old = numbered(b, old, [Conv2d(width, 3, 2, bias=False), BatchNorm2d(), ReLU()])
            elif old.channels != width:
                old = numbered(b, old, [Conv2d(width, bias=False), BatchNorm2d(), ReLU()])
            found.append(old)
    return found


def exchange(b: Builder, branches: list[Value], blocks: int) -> list[Value]:
    """Basic blocks in every branch, then every branch gets ReLU of the sum of all, each brought to its size."""
    seen, found = [], []
    with b.scope("branches"):
        for number, x in enumerate(branches):
            with b.scope(str(number)):
                seen.append(repeated(b, x, basic, x.channels, blocks))
    with b.scope("fuse_layers"):
        for target in range(len(seen)):
            with b.scope(str(target)):
                total = brought(b, seen, 0, target)
                for source in range(1, len(seen)):
                    total = b(Add(), total, brought(b, seen, source, target))
                found.append(b(ReLU(), total))
    return found


def brought(b: Builder, branches: list[Value], source: int, target: int) -> Value:
    """A branch at the size and with the channels of another."""
    x, channels = branches[source], branches[target].channels
    with b.scope(str(source)):
        if source < target:
            return coarser(b, x, channels, target - source)
        return finer(b, x, channels, source - target) if source > target else x


def coarser(b: Builder, x: Value, channels: int, steps: int) -> Value:
    """A 3x3 convolution for every halving of the size; the last one changes the channels and has no ReLU."""
    for step in range(steps):
        last = step == steps - 1
        with b.scope(str(step)):
            x = numbered(b, x, [Conv2d(channels if last else x.channels, 3, 2, bias=False), BatchNorm2d(), None if last else ReLU()])
    return x


def finer(b: Builder, x: Value, channels: int, steps: int) -> Value:
    """A 1x1 convolution, then every position is repeated."""
    return numbered(b, x, [Conv2d(channels, 1, bias=False), BatchNorm2d(), Upsample(2**steps, mode="nearest")])


def increased(b: Builder, branches: list[Value]) -> Value:
    """From fine to coarse, the branches with 128, 256, 512 and 1024 channels added up."""
    total: Value | None = None
    for number, x in enumerate(branches):
        with b.scope(f"head{number}"):
            with b.scope("increase"):
                y = bottleneck(b, x, 128 << number)
            if total is not None:
                with b.scope("down"):
                    y = b(Add(), y, numbered(b, total, [Conv2d(128 << number, 3, 2), BatchNorm2d(), ReLU()]))
            total = y
    assert total is not None
    return total


NETWORKS = {f"hrnet_w{width}": partial(hrnet, width) for width in (18, 32, 48)}
