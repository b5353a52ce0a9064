"""The classic networks as torchvision names their modules, written for tests: an eighth as wide, auxiliary outputs always returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    def __init__(self, *sizes: Any, **more: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(*sizes, bias=False, **more)
        self.bn = nn.BatchNorm2d(sizes[1], eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu()


def across(read: int, made: int, length: int) -> Conv:
    return Conv(read, made, (1, length), padding=(0, length // 2))


def down(read: int, made: int, length: int) -> Conv:
    return Conv(read, made, (length, 1), padding=(length // 2, 0))


class Mixed(nn.Module):
    """Branches side by side: names in order, a pair of names at the end for two convolutions that read the same."""

    def __init__(self, branches: Sequence[Sequence[Any]], **modules: nn.Module) -> None:
        super().__init__()
        self.branches = branches
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for parts in self.branches:
            y = x
            for part in parts:
                y = torch.cat([self.get_submodule(one)(y) for one in part], 1) if isinstance(part, tuple) else self.get_submodule(part)(y)
            found.append(y)
        return torch.cat(found, 1)


def mixed_v1(read: int, one: int, narrow3: int, three: int, narrow5: int, five: int, pooled: int) -> Mixed:
    return Mixed(
        [["branch1"], ["branch2"], ["branch3"], ["branch4"]],
        branch1=Conv(read, one, 1),
        branch2=nn.Sequential(Conv(read, narrow3, 1), Conv(narrow3, three, 3, padding=1)),
        branch3=nn.Sequential(Conv(read, narrow5, 1), Conv(narrow5, five, 3, padding=1)),
        branch4=nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), Conv(read, pooled, 1)),
    )


def mixed_a(read: int, pooled: int) -> Mixed:
    return Mixed(
        [["branch1x1"], ["branch5x5_1", "branch5x5_2"], [f"branch3x3dbl_{i}" for i in (1, 2, 3)], ["pool", "branch_pool"]],
        branch1x1=Conv(read, 8, 1), branch5x5_1=Conv(read, 6, 1), branch5x5_2=Conv(6, 8, 5, padding=2), branch3x3dbl_1=Conv(read, 8, 1),
        branch3x3dbl_2=Conv(8, 12, 3, padding=1), branch3x3dbl_3=Conv(12, 12, 3, padding=1), pool=nn.AvgPool2d(3, 1, 1),
        branch_pool=Conv(read, pooled, 1),
    )  # fmt: skip


def mixed_b(read: int) -> Mixed:
    return Mixed(
        [["branch3x3"], [f"branch3x3dbl_{i}" for i in (1, 2, 3)], ["pool"]],
        branch3x3=Conv(read, 48, 3, stride=2), branch3x3dbl_1=Conv(read, 8, 1), branch3x3dbl_2=Conv(8, 12, 3, padding=1),
        branch3x3dbl_3=Conv(12, 12, 3, stride=2), pool=nn.MaxPool2d(3, 2),
    )  # fmt: skip


def mixed_c(read: int, inner: int) -> Mixed:
    return Mixed(
        [["branch1x1"], [f"branch7x7_{i}" for i in (1, 2, 3)], [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)], ["pool", "branch_pool"]],
        branch1x1=Conv(read, 24, 1), branch7x7_1=Conv(read, inner, 1), branch7x7_2=across(inner, inner, 7), branch7x7_3=down(inner, 24, 7),
        branch7x7dbl_1=Conv(read, inner, 1), branch7x7dbl_2=down(inner, inner, 7), branch7x7dbl_3=across(inner, inner, 7),
        branch7x7dbl_4=down(inner, inner, 7), branch7x7dbl_5=across(inner, 24, 7), pool=nn.AvgPool2d(3, 1, 1),
        branch_pool=Conv(read, 24, 1),
    )  # fmt: skip


def mixed_d(read: int) -> Mixed:
    return Mixed(
        [["branch3x3_1", "branch3x3_2"], [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)], ["pool"]],
        branch3x3_1=Conv(read, 24, 1), branch3x3_2=Conv(24, 40, 3, stride=2), branch7x7x3_1=Conv(read, 24, 1),
        branch7x7x3_2=across(24, 24, 7), branch7x7x3_3=down(24, 24, 7), branch7x7x3_4=Conv(24, 24, 3, stride=2), pool=nn.MaxPool2d(3, 2),
    )  # fmt: skip


def mixed_e(read: int) -> Mixed:
    double = ("branch3x3dbl_3a", "branch3x3dbl_3b")
    return Mixed(
        [["branch1x1"], ["branch3x3_1", ("branch3x3_2a", "branch3x3_2b")], ["branch3x3dbl_1", "branch3x3dbl_2", double],
         ["pool", "branch_pool"]],
        branch1x1=Conv(read, 40, 1), branch3x3_1=Conv(read, 48, 1), branch3x3_2a=across(48, 48, 3), branch3x3_2b=down(48, 48, 3),
        branch3x3dbl_1=Conv(read, 56, 1), branch3x3dbl_2=Conv(56, 48, 3, padding=1), branch3x3dbl_3a=across(48, 48, 3),
        branch3x3dbl_3b=down(48, 48, 3), pool=nn.AvgPool2d(3, 1, 1), branch_pool=Conv(read, 24, 1),
    )  # fmt: skip


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(), pool, nn.Conv2d(8, 24, 5, padding=2), nn.ReLU(), pool, nn.Conv2d(24, 48, 3, padding=1),
            nn.ReLU(), nn.Conv2d(48, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), pool,
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(32 * 36, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 5)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(nn.functional.adaptive_avg_pool2d(self.features(x), 6).flatten(1))


class VGG(nn.Module):
    """Depth 11 with 8 channels at first."""

    def __init__(self, norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        read = 3
        for made in (8, 0, 16, 0, 32, 32, 0, 64, 64, 0, 64, 64, 0):
            if not made:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(read, made, 3, padding=1), *([nn.BatchNorm2d(made)] if norm else []), nn.ReLU()]
            read = made
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(64 * 49, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 5)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(nn.functional.adaptive_avg_pool2d(self.features(x), 7).flatten(1))


class Fire(nn.Module):
    def __init__(self, read: int, squeezed: int, made: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(read, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, made, 1)
        self.expand3x3 = nn.Conv2d(squeezed, made, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        s = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(s).relu(), self.expand3x3(s).relu()], 1)


class SqueezeNet(nn.Module):
    """Version 1.0 or 1.1 with modules that expand to 16 channels at first."""

    def __init__(self, version: str) -> None:
        super().__init__()
        fires = [Fire(16 * max(1, (number + 1) // 2), 2 * (number // 2 + 1), 8 * (number // 2 + 1)) for number in range(1, 8)]
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        if version == "1.0":
            stem, blocks = nn.Conv2d(3, 96, 7, 2), [pool, Fire(96, 2, 8), *fires[:2], pool, *fires[2:6], pool, fires[6]]
        else:
            stem, blocks = nn.Conv2d(3, 64, 3, 2), [pool, Fire(64, 2, 8), fires[0], pool, *fires[1:3], pool, *fires[3:]]
        self.features = nn.Sequential(stem, nn.ReLU(), *blocks)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(64, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


class GoogLeNetAux(nn.Module):
    def __init__(self, read: int) -> None:
        super().__init__()
        self.conv, self.fc1, self.fc2 = Conv(read, 16, 1), nn.Linear(256, 128), nn.Linear(128, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(self.conv(nn.functional.adaptive_avg_pool2d(x, 4)).flatten(1)).relu())


class GoogLeNet(nn.Module):
    def __init__(self, aux: bool) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = Conv(3, 8, 7, stride=2, padding=3), Conv(8, 8, 1), Conv(8, 24, 3, padding=1)
        self.inception3a, self.inception3b = mixed_v1(24, 8, 12, 16, 2, 4, 4), mixed_v1(32, 16, 16, 24, 4, 12, 8)
        self.inception4a, self.inception4b = mixed_v1(60, 24, 12, 26, 2, 6, 8), mixed_v1(64, 20, 14, 28, 3, 8, 8)
        self.inception4c, self.inception4d = mixed_v1(64, 16, 16, 32, 3, 8, 8), mixed_v1(64, 14, 18, 36, 4, 8, 8)
        self.inception4e, self.inception5a = mixed_v1(66, 32, 20, 40, 4, 16, 16), mixed_v1(104, 32, 20, 40, 4, 16, 16)
        self.inception5b, self.fc = mixed_v1(104, 48, 24, 48, 6, 16, 16), nn.Linear(128, 5)
        self.aux1, self.aux2 = (GoogLeNetAux(64), GoogLeNetAux(66)) if aux else (None, None)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        def pooled(x: Tensor, kernel: int = 3) -> Tensor:
            return nn.functional.max_pool2d(x, kernel, 2, ceil_mode=True)

        x = pooled(self.conv3(self.conv2(pooled(self.conv1(x)))))
        x = first = self.inception4a(pooled(self.inception3b(self.inception3a(x))))
        x = second = self.inception4d(self.inception4c(self.inception4b(x)))
        x = self.inception5b(self.inception5a(pooled(self.inception4e(x), 2)))
        heads = [] if self.aux1 is None or self.aux2 is None else [self.aux2(second), self.aux1(first)]
        return self.fc(x.mean((2, 3))), *heads


class InceptionAux(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0, self.conv1, self.fc = Conv(96, 16, 1), Conv(16, 96, 5), nn.Linear(96, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv1(self.conv0(nn.functional.avg_pool2d(x, 5, 3))).mean((2, 3)))


class InceptionV3(nn.Module):
    def __init__(self, aux: bool) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3 = Conv(3, 4, 3, stride=2), Conv(4, 4, 3), Conv(4, 8, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3, self.pool = Conv(8, 10, 1), Conv(10, 24, 3), nn.MaxPool2d(3, 2)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a = mixed_a(24, 4), mixed_a(32, 8), mixed_a(36, 8), mixed_b(36)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (mixed_c(96, inner) for inner in (16, 20, 20, 24))
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c, self.fc = mixed_d(96), mixed_e(160), mixed_e(256), nn.Linear(256, 5)
        self.AuxLogits = InceptionAux() if aux else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.pool(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.pool(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = middle = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return self.fc(x.mean((2, 3))), *([] if self.AuxLogits is None else [self.AuxLogits(middle)])
