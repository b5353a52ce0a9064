"""Three networks of the zoo as a user of torch.nn writes them by hand: what other tools are given."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv_norm(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size but for its stride, and batch norm."""
    return [nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(after)]


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, and a link around them."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        first, middle = [*conv_norm(before, width, 1), nn.ReLU(True)], [*conv_norm(width, width, 3, stride), nn.ReLU(True)]
        self.body = nn.Sequential(*first, *middle, *conv_norm(width, 4 * width, 1))
        self.shortcut = nn.Sequential(*conv_norm(before, 4 * width, 1, stride)) if before != 4 * width else nn.Identity()
        self.relu = nn.ReLU(True)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        return self.relu(self.body(x) + self.shortcut(x))  # type: ignore[no-any-return]


def resnet50() -> nn.Module:
    """ResNet-50 (He et al. 2015, arXiv:1512.03385)."""
    layers: list[nn.Module] = [*conv_norm(3, 64, 7, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for number in range(count):
            layers.append(Bottleneck(before, width, 2 if width > 64 and not number else 1))
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000))


def norm_conv(before: int, after: int, kernel: int) -> list[nn.Module]:
    """Batch norm, ReLU and a convolution."""
    return [nn.BatchNorm2d(before), nn.ReLU(True), nn.Conv2d(before, after, kernel, 1, kernel // 2, bias=False)]


class DenseBlock(nn.Module):
    """Each layer reads what all before it made."""

    def __init__(self, before: int, count: int) -> None:
        super().__init__()
        widths = range(before, before + 32 * count, 32)
        self.layers = nn.ModuleList(nn.Sequential(*norm_conv(width, 128, 1), *norm_conv(128, 32, 3)) for width in widths)

    def forward(self, x: Tensor) -> Tensor:
        """All features side by side."""
        found = [x]
        for layer in self.layers:
            found.append(layer(torch.cat(found, 1)))
        return torch.cat(found, 1)


def densenet121() -> nn.Module:
    """DenseNet-121 (Huang et al. 2016, arXiv:1608.06993)."""
    layers: list[nn.Module] = [*conv_norm(3, 64, 7, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for count in (6, 12, 24, 16):
        layers.append(DenseBlock(width, count))
        width += 32 * count
        if count != 16:
            layers += [*norm_conv(width, width // 2, 1), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000))


class Gate(nn.Module):
    """Squeeze and excite."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        inner = [nn.Conv2d(channels, narrow, 1), nn.SiLU(True), nn.Conv2d(narrow, channels, 1), nn.Sigmoid()]
        self.body = nn.Sequential(nn.AdaptiveAvgPool2d(1), *inner)

    def forward(self, x: Tensor) -> Tensor:
        """Channels scaled."""
        return x * self.body(x)  # type: ignore[no-any-return]


class MBConv(nn.Module):
    """Inverted residual with a gate; no stochastic depth, which inference leaves out."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        widen = [*conv_norm(before, wide, 1), nn.SiLU(True)] if expansion > 1 else []
        apart = [*conv_norm(wide, wide, kernel, stride, wide), nn.SiLU(True)]
        self.body = nn.Sequential(*widen, *apart, Gate(wide, before // 4), *conv_norm(wide, after, 1))
        self.linked = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        return x + self.body(x) if self.linked else self.body(x)  # type: ignore[no-any-return]


STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))
"""Expansion, kernel, stride, channels and blocks."""


def efficientnet_b0() -> nn.Module:
    """EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946)."""
    layers: list[nn.Module] = [*conv_norm(3, 32, 3, 2), nn.SiLU(True)]
    before = 32
    for expansion, kernel, stride, after, count in STAGES:
        for number in range(count):
            layers.append(MBConv(before, after, expansion, kernel, 1 if number else stride))
            before = after
    layers += [*conv_norm(before, 1280, 1), nn.SiLU(True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000))
