"""Residual and dense networks as torchvision names their modules, written for tests: any width, few blocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def conv(read: int, made: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(read, made, kernel, stride, dilation * (kernel // 2), dilation, groups, bias=False)


def normed(*convs: nn.Module, relu: bool = False) -> nn.Sequential:
    parts = [part for each in convs for part in (each, nn.BatchNorm2d(each.out_channels))]
    return nn.Sequential(*parts, *[nn.ReLU()] * relu)


class Residual(nn.Module):
    def __init__(self, read: int, stride: int, *convs: nn.Conv2d) -> None:
        super().__init__()
        for number, each in enumerate(convs, 1):
            self.add_module(f"conv{number}", each)
            self.add_module(f"bn{number}", nn.BatchNorm2d(each.out_channels))
        self.count, made = len(convs), convs[-1].out_channels
        self.downsample = normed(conv(read, made, 1, stride)) if stride > 1 or read != made else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = y.relu() if number < self.count else y
        return (y + self.downsample(x)).relu()


class ResNet(nn.Module):
    """`blocks` of each stage; `inner` channels in the bottlenecks of the first stage, none for basic blocks."""

    def __init__(self, blocks: Sequence[int], width: int, inner: int = 0, groups: int = 1, dilate: Sequence[bool] = (False,) * 4) -> None:
        super().__init__()
        self.conv1, self.bn1, self.maxpool = conv(3, width, 7, 2), nn.BatchNorm2d(width), nn.MaxPool2d(3, 2, 1)
        self.layers, read, dilation = [f"layer{stage + 1}" for stage in range(len(blocks))], width, 1
        for stage, count in enumerate(blocks):
            made, layer = (4 if inner else 1) * width << stage, nn.Sequential()
            stride = 2 if stage and not dilate[stage] else 1
            for number in range(count):
                now, step = (dilation * 2 if dilate[stage] else dilation) if number else dilation, 1 if number else stride
                layer.append(Residual(read, step, *self.convs(read, made, step, now, inner << stage, groups)))
                read = made
            dilation *= 2 if dilate[stage] else 1
            self.add_module(self.layers[stage], layer)
        self.fc = nn.Linear(read, 5)

    @staticmethod
    def convs(read: int, made: int, stride: int, dilation: int, inner: int, groups: int) -> tuple[nn.Conv2d, ...]:
        if not inner:
            return conv(read, made, 3, stride, dilation), conv(made, made, 3, 1, dilation)
        return conv(read, inner, 1), conv(inner, inner, 3, stride, dilation, groups), conv(inner, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for layer in self.layers:
            x = getattr(self, layer)(x)
        return self.fc(x.mean((2, 3)))


class DenseLayer(nn.Module):
    def __init__(self, read: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(read), conv(read, 4 * growth, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.norm1(x).relu())
        return torch.cat([x, self.conv2(self.norm2(y).relu())], 1)


class DenseNet(nn.Module):
    def __init__(self, blocks: Sequence[int], growth: int) -> None:
        super().__init__()
        read = 2 * growth
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=conv(3, read, 7, 2), norm0=nn.BatchNorm2d(read), relu0=nn.ReLU(), pool0=nn.MaxPool2d(3, 2, 1)
        )
        for number, count in enumerate(blocks, 1):
            layers = {f"denselayer{layer + 1}": DenseLayer(read + layer * growth, growth) for layer in range(count)}
            parts[f"denseblock{number}"], read = nn.Sequential(OrderedDict(layers)), read + count * growth
            if number < len(blocks):
                inside = {"norm": nn.BatchNorm2d(read), "relu": nn.ReLU(), "conv": conv(read, read // 2, 1), "pool": nn.AvgPool2d(2)}
                parts[f"transition{number}"], read = nn.Sequential(OrderedDict(inside)), read // 2
        parts["norm5"] = nn.BatchNorm2d(read)
        self.features, self.classifier = nn.Sequential(parts), nn.Linear(read, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).relu().mean((2, 3)))


class Squeeze(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class RegNetBlock(nn.Module):
    def __init__(self, read: int, made: int, stride: int, groups: int, squeezed: int) -> None:
        super().__init__()
        self.proj = normed(conv(read, made, 1, stride)) if stride > 1 or read != made else nn.Identity()
        a, c = normed(conv(read, made, 1), relu=True), normed(conv(made, made, 1))
        b = normed(conv(made, made, 3, stride, groups=groups), relu=True)
        self.f = nn.Sequential(OrderedDict({"a": a, "b": b} | ({"se": Squeeze(made, squeezed)} if squeezed else {}) | {"c": c}))

    def forward(self, x: Tensor) -> Tensor:
        return (self.proj(x) + self.f(x)).relu()


class RegNet(nn.Module):
    """`widths` and `blocks` of each stage; `squeeze`: the share of the channels that come into a block."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], group_width: int, squeeze: float) -> None:
        super().__init__()
        self.stem, self.trunk_output = normed(conv(3, 32, 3, 2), relu=True), nn.Sequential()
        for stage, ((before, made), count) in enumerate(zip(pairwise((32, *widths)), blocks, strict=True), 1):
            layer, groups = nn.Sequential(), made // group_width
            for number in range(count):
                read, stride = (made, 1) if number else (before, 2)
                layer.add_module(f"block{stage}-{number}", RegNetBlock(read, made, stride, groups, round(squeeze * read)))
            self.trunk_output.add_module(f"block{stage}", layer)
        self.fc = nn.Linear(widths[-1], 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.trunk_output(self.stem(x)).mean((2, 3)))
