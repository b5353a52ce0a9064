"""Mobile networks as torchvision names their modules, written for tests; the tables are those of the zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from archsearch.blocks.mobile import divisible
from archsearch.ops import ReLU
from archsearch.zoo import efficientnet, mnasnet, mobilenet, mobilenet_v3

Norm = Callable[[int], nn.Module]
SLOW = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


def layers(
    read: int,
    made: int,
    kernel: int,
    stride: int = 1,
    *,
    act: nn.Module | None = None,
    norm: Norm = nn.BatchNorm2d,
    alone: bool = False,
    dilation: int = 1,
) -> list[nn.Module]:
    padding, groups = dilation * (kernel // 2), made if alone else 1
    conv = nn.Conv2d(read, made, kernel, stride, padding, dilation, groups, bias=False)
    return [conv, norm(made), *([] if act is None else [act])]


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int, act: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.gate = act, gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    """A sequence under a name, and its input added where the shape stays."""

    def __init__(self, name: str, parts: Sequence[nn.Module], shortcut: bool) -> None:
        super().__init__()
        self.add_module(name, nn.Sequential(*parts))
        self.name, self.shortcut = name, shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.get_submodule(self.name)(x)
        return y + x if self.shortcut else y


class Classifier(nn.Module):
    def __init__(self, body: str, parts: Sequence[nn.Module], head: Sequence[nn.Module]) -> None:
        super().__init__()
        self.add_module(body, nn.Sequential(*parts))
        self.body, self.classifier = body, nn.Sequential(*head)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.get_submodule(self.body)(x).mean((2, 3)))
        return y


def mobilenet_v2(width: float, classes: int) -> nn.Module:
    act, read = nn.ReLU6(), divisible(32 * width)
    features: list[nn.Module] = [nn.Sequential(*layers(3, read, 3, 2, act=act))]
    for expansion, channels, blocks, first in mobilenet.V2:
        for number in range(blocks):
            made, inner, stride = divisible(channels * width), read * expansion, 1 if number else first
            expand = [nn.Sequential(*layers(read, inner, 1, act=act))] if expansion > 1 else []
            middle = nn.Sequential(*layers(inner, inner, 3, stride, act=act, alone=True))
            features.append(Block("conv", [*expand, middle, *layers(inner, made, 1)], stride == 1 and read == made))
            read = made
    features.append(nn.Sequential(*layers(read, 1280, 1, act=act)))
    return Classifier("features", features, [nn.Dropout(), nn.Linear(1280, classes)])


def mobilenet_v3_large(width: float, classes: int, dilated: bool = False) -> nn.Module:
    read, hard = divisible(16 * width), nn.Hardswish()
    features: list[nn.Module] = [nn.Sequential(*layers(3, read, 3, 2, act=hard, norm=SLOW))]
    for number, (kernel, expanded, channels, excited, op, first) in enumerate(mobilenet_v3.LARGE):
        made, inner, act = divisible(channels * width), divisible(expanded * width), nn.ReLU() if op == ReLU() else hard
        wide = dilated and number >= 12
        stride = 1 if wide else first
        parts = [nn.Sequential(*layers(read, inner, 1, act=act, norm=SLOW))] if inner != read else []
        parts.append(nn.Sequential(*layers(inner, inner, kernel, stride, act=act, norm=SLOW, alone=True, dilation=1 + wide)))
        if excited:
            parts.append(SqueezeExcite(inner, divisible(inner // 4), nn.ReLU(), nn.Hardsigmoid()))
        parts.append(nn.Sequential(*layers(inner, made, 1, norm=SLOW)))
        features.append(Block("block", parts, stride == 1 and read == made))
        read = made
    features.append(nn.Sequential(*layers(read, 6 * read, 1, act=hard, norm=SLOW)))
    last = divisible(1280 * width)
    return Classifier("features", features, [nn.Linear(6 * read, last), hard, nn.Dropout(), nn.Linear(last, classes)])


def mb_conv(read: int, made: int, expansion: int, kernel: int, stride: int, norm: Norm) -> nn.Module:
    act, inner = nn.SiLU(), divisible(read * expansion)
    parts = [nn.Sequential(*layers(read, inner, 1, act=act, norm=norm))] if inner != read else []
    parts.append(nn.Sequential(*layers(inner, inner, kernel, stride, act=act, norm=norm, alone=True)))
    parts.append(SqueezeExcite(inner, max(1, read // 4), act, nn.Sigmoid()))
    parts.append(nn.Sequential(*layers(inner, made, 1, norm=norm)))
    return Block("block", parts, stride == 1 and read == made)


def fused_mb_conv(read: int, made: int, expansion: int, kernel: int, stride: int, norm: Norm) -> nn.Module:
    act, inner = nn.SiLU(), divisible(read * expansion)
    parts = [nn.Sequential(*layers(read, inner if inner != read else made, kernel, stride, act=act, norm=norm))]
    if inner != read:
        parts.append(nn.Sequential(*layers(inner, made, 1, norm=norm)))
    return Block("block", parts, stride == 1 and read == made)


def efficient(stem: int, stages: Sequence[efficientnet.Stage], last: int, norm: Norm, classes: int) -> nn.Module:
    read, act = stem, nn.SiLU()
    features: list[nn.Module] = [nn.Sequential(*layers(3, read, 3, 2, act=act, norm=norm))]
    for stage in stages:
        blocks = []
        for number in range(stage.blocks):
            make = fused_mb_conv if stage.fused else mb_conv
            blocks.append(make(read, stage.channels, stage.expansion, stage.kernel, 1 if number else stage.stride, norm))
            read = stage.channels
        features.append(nn.Sequential(*blocks))
    features.append(nn.Sequential(*layers(read, last, 1, act=act, norm=norm)))
    return Classifier("features", features, [nn.Dropout(), nn.Linear(last, classes)])


def mnasnet_b1(width: float, classes: int) -> nn.Module:
    act, stem, read = nn.ReLU(), divisible(32 * width), divisible(16 * width)
    body = [*layers(3, stem, 3, 2, act=act), *layers(stem, stem, 3, act=act, alone=True), *layers(stem, read, 1)]
    for expansion, channels, blocks, kernel, first in mnasnet.STAGES:
        stack = []
        for number in range(blocks):
            made, inner, stride = divisible(channels * width), read * expansion, 1 if number else first
            parts = [*layers(read, inner, 1, act=act), *layers(inner, inner, kernel, stride, act=act, alone=True), *layers(inner, made, 1)]
            stack.append(Block("layers", parts, stride == 1 and read == made))
            read = made
        body.append(nn.Sequential(*stack))
    return Classifier("layers", [*body, *layers(read, 1280, 1, act=act)], [nn.Dropout(), nn.Linear(1280, classes)])


class ShuffleUnit(nn.Module):
    def __init__(self, read: int, made: int, stride: int) -> None:
        super().__init__()
        self.stride, half, act = stride, made // 2, nn.ReLU()
        if stride > 1:
            self.branch1 = nn.Sequential(*layers(read, read, 3, stride, alone=True), *layers(read, half, 1, act=act))
        first = layers(read if stride > 1 else half, half, 1, act=act)
        self.branch2 = nn.Sequential(*first, *layers(half, half, 3, stride, alone=True), *layers(half, half, 1, act=act))

    def forward(self, x: Tensor) -> Tensor:
        kept, read = (self.branch1(x), x) if self.stride > 1 else x.chunk(2, 1)
        y = torch.cat([kept, self.branch2(read)], 1)
        return y.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


class ShuffleNetV2(nn.Module):
    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*layers(3, channels[0], 3, 2, act=nn.ReLU()))
        for stage, (units, read, made) in enumerate(zip((4, 8, 4), channels, channels[1:], strict=False), 2):
            stack = [ShuffleUnit(made if number else read, made, 1 if number else 2) for number in range(units)]
            self.add_module(f"stage{stage}", nn.Sequential(*stack))
        self.conv5 = nn.Sequential(*layers(channels[3], channels[4], 1, act=nn.ReLU()))
        self.fc = nn.Linear(channels[4], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.conv1(x), 3, 2, 1)
        for stage in ("stage2", "stage3", "stage4", "conv5"):
            x = self.get_submodule(stage)(x)
        y: Tensor = self.fc(x.mean((2, 3)))
        return y
