"""Three networks twice: as genotypes, and written out by hand as a user of torch.nn writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archsearch import Builder, Genotype, Value, load_space
from archsearch.network.compiler import module_path
from archsearch.ops import Add, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU

INPUT = (3, 32, 32)
CELL = {
    "0->1": "nor_conv_3x3",
    "0->2": "nor_conv_3x3",
    "1->2": "avg_pool_3x3",
    "0->3": "skip_connect",
    "1->3": "nor_conv_1x1",
    "2->3": "nor_conv_3x3",
}
WIDTHS = (32, 64, 128)
SPACE = load_space("cell")


class Branch(nn.Sequential):
    """ReLU, convolution, batch norm."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__(nn.ReLU(), nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after))


class Cell(nn.Module):
    """NAS-Bench-201's cell of four nodes."""

    def __init__(self, width: int, edges: dict[str, str]) -> None:
        super().__init__()
        self.edges = nn.ModuleDict({edge.replace("->", "_"): self.operation(width, op) for edge, op in edges.items() if op != "none"})

    @staticmethod
    def operation(width: int, op: str) -> nn.Module:
        """The module of one edge."""
        if op == "skip_connect":
            return nn.Identity()
        if op == "avg_pool_3x3":
            return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        return Branch(width, width, 1 if op == "nor_conv_1x1" else 3)

    def forward(self, x: Tensor) -> Tensor:
        """Each node sums what its edges bring."""
        values: list[Any] = [x]  # a sum of nothing is 0
        for target in (1, 2, 3):
            keys = [(source, f"{source}_{target}") for source in range(target)]
            values.append(sum(self.edges[key](values[source]) for source, key in keys if key in self.edges))
        return values[-1]  # type: ignore[no-any-return]


class Reduction(nn.Module):
    """The block between stages."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = Branch(before, after, 3, 2), Branch(after, after, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(before, after, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Half the image, twice the channels."""
        return self.second(self.first(x)) + self.shortcut(x)  # type: ignore[no-any-return]


class CellNet(nn.Module):
    """The network around the cell: three stages."""

    def __init__(self, edges: dict[str, str], cells: int = 5, channels: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
        for stage in range(3):
            width = channels << stage
            layers += [Reduction(width // 2, width)] if stage else []
            layers += [Cell(width, edges) for _ in range(cells)]
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU())
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of ten classes."""
        return self.head(self.body(x).mean((2, 3)))  # type: ignore[no-any-return]


class ChainNet(nn.Module):
    """Convolutions and pooling, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.Conv2d(after, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTHS[-1] * 16, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of ten classes."""
        return self.layers(x)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Two convolutions and a link around them (He et al. 2015, arXiv:1512.03385)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False) if (before, stride) != (after, 1) else None
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(y + (x if self.shortcut is None else self.shortcut(x)))  # type: ignore[no-any-return]


class ResidualNet(nn.Module):
    """Three stages of two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU())
        steps = [(before, after, 1 + (before != after)) for before, after in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)]
        self.blocks = nn.Sequential(*(block for a, b, stride in steps for block in (Block(a, b, stride), Block(b, b, 1))))
        self.head = nn.Linear(WIDTHS[-1], 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of ten classes."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]


def cell_genotype() -> Genotype:
    """The same as CellNet(CELL)."""
    return SPACE.resolve(CELL, np.random.default_rng(0)).genotype


def chain_genotype() -> Genotype:
    """The same as ChainNet()."""
    b = Builder(INPUT)
    x = b.input
    for width in WIDTHS:
        for _ in range(2):
            x = b(ReLU(), b(Conv2d(width), x))
        x = b(MaxPool2d(2), x)
    return b.genotype(b(Linear(10), b(Flatten(), x)))


def residual_genotype() -> Genotype:
    """The same as ResidualNet()."""
    b = Builder(INPUT)
    x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(WIDTHS[0], bias=False), b.input)))
    for width in WIDTHS:
        stride = 1 + (x.channels != width)
        x = block(b, block(b, x, width, stride), width, 1)
    return b.genotype(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), x))))


def block(b: Builder, x: Value, width: int, stride: int) -> Value:
    """The same as Block."""
    y = b(ReLU(), b(BatchNorm2d(), b(Conv2d(width, 3, stride, bias=False), x)))
    y = b(BatchNorm2d(), b(Conv2d(width, 3, bias=False), y))
    shortcut = x if (x.channels, stride) == (width, 1) else b(Conv2d(width, 1, stride, bias=False), x)
    return b(ReLU(), b(Add(), y, shortcut))


def copy_weights(source: nn.Module, target: nn.Module, genotype: Genotype) -> None:
    """Copy the weights, layer by layer in the order of the genotype's nodes, which is that of the modules by hand."""
    theirs = [module for module in source.modules() if next(module.parameters(recurse=False), None) is not None]
    ours = [
        target.get_submodule(module_path(node.name)) for node, fact in zip(genotype.nodes, genotype.facts, strict=True) if fact.cost.params
    ]
    for their, our in zip(theirs, ours, strict=True):
        our.load_state_dict(their.state_dict())


def largest_difference(a: nn.Module, b: nn.Module) -> float:
    """Of the outputs in eval mode for one random batch."""
    x = torch.randn(4, *INPUT, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return float((a.eval()(x) - b.eval()(x)).abs().max())
