"""Dense blocks: every layer reads what all layers before it made (Huang et al. 2016, arXiv:1608.06993)."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.ops import AvgPool2d, BatchNorm2d, Concat, Conv2d, Dropout, ReLU


def dense_layer(b: Builder, x: Value, growth: int, *, bottleneck: bool = True, dropout: float = 0.0) -> Value:
    """(C, H, W) -> (growth, H, W): norm, ReLU and a 3x3 convolution; with `bottleneck` a 1x1 to four times the growth comes before it."""
    if bottleneck:
        x = chain(b, x, [("norm1", BatchNorm2d()), ("relu1", ReLU()), ("conv1", Conv2d(4 * growth, 1, bias=False))])
    last = "2" if bottleneck else "1"
    x = chain(b, x, [(f"norm{last}", BatchNorm2d()), (f"relu{last}", ReLU()), (f"conv{last}", Conv2d(growth, bias=False))])
    return b(Dropout(dropout), x) if dropout else x


def dense_block(b: Builder, x: Value, layers: int, growth: int, *, bottleneck: bool = True, dropout: float = 0.0) -> Value:
    """(C, H, W) -> (C + layers * growth, H, W): the input and what all layers made, side by side."""
    features = [x]
    for number in range(1, layers + 1):
        with b.scope(f"denselayer{number}"):
            seen = b(Concat(), *features)
            features.append(dense_layer(b, seen, growth, bottleneck=bottleneck, dropout=dropout))
    return b(Concat(), *features)


def transition(b: Builder, x: Value, channels: int) -> Value:
    """(C, H, W) -> (channels, H / 2, W / 2): norm, ReLU, a 1x1 convolution and the mean of every 2x2 positions."""
    return chain(b, x, [("norm", BatchNorm2d()), ("relu", ReLU()), ("conv", Conv2d(channels, 1, bias=False)), ("pool", AvgPool2d(2))])
