"""Multi-scale dense layers: features at several image sizes, each made of its own and the next finer ones (arXiv:1703.09844)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.ops import BatchNorm2d, Concat, Conv2d, ReLU

Scales = Mapping[int, Value]
"""Features by scale: 0 is the finest, every next one has half the size."""


def conv_norm(b: Builder, x: Value, channels: int, kernel: int = 3, stride: int = 1, *, name: str = "conv") -> Value:
    """Convolution, norm and ReLU."""
    return chain(b, x, [(name, Conv2d(channels, kernel, stride, bias=False)), (f"{name}_norm", BatchNorm2d()), ReLU()])


def pyramid(b: Builder, x: Value, channels: Sequence[int]) -> Scales:
    """The value as scale 0, and every coarser scale by a 3x3 convolution of the one before with stride 2."""
    scales = {0: x}
    for scale in range(1, len(channels)):
        with b.scope(f"scale{scale}"):
            scales[scale] = conv_norm(b, scales[scale - 1], channels[scale], 3, 2)
    return scales


def multi_scale_layer(b: Builder, scales: Scales, kept: range, growth: int, factors: Sequence[int]) -> Scales:
    """New features behind the old at every scale that is `kept`: half from the scale itself, half from the finer one with stride 2.

    A scale gets `growth` times its factor; a scale without a finer one makes all itself. Before each 3x3 convolution, a 1x1 leaves
    at most the factor of the scale that it reads times what it makes.
    """
    found = {}
    for scale in kept:
        with b.scope(f"scale{scale}"):
            new, made = growth * factors[scale], []
            if scale - 1 in scales:
                new //= 2
                made.append(bottleneck(b, scales[scale - 1], new, factors[scale - 1], 2, name="finer"))
            made.append(bottleneck(b, scales[scale], new, factors[scale], name="same"))
            found[scale] = b(Concat(), scales[scale], *made)
    return found


def bottleneck(b: Builder, x: Value, channels: int, factor: int, stride: int = 1, *, name: str) -> Value:
    """A 1x1 convolution to at most `factor` times as many channels as the 3x3 behind it makes, in a scope of that name."""
    with b.scope(name):
        x = conv_norm(b, x, min(x.channels, factor * channels), 1, name="squeeze")
        return conv_norm(b, x, channels, 3, stride)


def transition(b: Builder, scales: Scales, share: float) -> Scales:
    """A 1x1 convolution at every scale, to this share of the channels."""
    found = {}
    for scale, x in scales.items():
        with b.scope(f"scale{scale}"):
            found[scale] = conv_norm(b, x, int(x.channels * share), 1)
    return found
