"""Parts of the first convolutional networks: subsampling that learns, stacks of small convolutions, a perceptron at every position."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.ops import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Op,
    ReLU,
    Scale,
    Tanh,
)
from archsearch.ops.base import pair
from archsearch.ops.tensor import ShapeError

RESPONSE_NORM = LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
"""Krizhevsky et al. 2012, section 3.3, whose alpha is 1e-4 for each of 5 channels."""


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, at least 1."""
    return max(1, round(channels * width))


def check_length(name: str, values: Sequence[object], length: int) -> None:
    """Raise ValueError unless there are so many values."""
    if len(values) != length:
        raise ValueError(f"{name}={values!r} must be {length} numbers")


def fits_exactly(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> bool:
    """Whether windows cover the padded size to its last position: (size + 2*padding - dilation*(kernel-1) - 1) / stride is whole."""
    steps = size + 2 * padding - dilation * (kernel - 1) - 1
    return steps >= 0 and steps % stride == 0


def exactly(b: Builder, op: Conv2d | DepthwiseConv2d | MaxPool2d | AvgPool2d, x: Value, name: str | None = None) -> Value:
    """Add `op` only where its windows cover the image to its last row and column; elsewhere ops leave out what remains, as torch does.

    Raises:
        ShapeError: positions remain that no window reaches.
    """
    _, *sizes = x.spec.expect(rank=3, by=op.kind)
    dilation = 1 if isinstance(op, AvgPool2d) else op.dilation
    windows = zip(sizes, pair(op.kernel), pair(op.stride or op.kernel), pair(op.padding or 0), pair(dilation), strict=True)
    if not all(fits_exactly(*window) for window in windows):
        raise ShapeError(
            f"{op.kind}: kernel={op.kernel} with stride={op.stride} and padding={op.padding} does not fit into {x.shape}: "
            "(size + 2*padding - kernel) / stride must be whole; use another stride or padding"
        )
    return b(op, x, name=name)


def scaled_tanh(b: Builder, x: Value) -> Value:
    """1.7159 * tanh(2/3 * x), which is 1 at 1 and -1 at -1 (LeCun et al. 1998, doi:10.1109/5.726791, appendix A)."""
    return chain(b, x, [Scale(2 / 3), Tanh(), Scale(1.7159)])


def subsample(b: Builder, x: Value) -> Value:
    """(C, H, W) -> (C, H/2, W/2): means of 2x2 positions, times a learned coefficient, plus a bias, a channel (LeCun et al. 1998)."""
    return chain(b, x, [("mean", AvgPool2d(2)), ("coefficient", DepthwiseConv2d(1))])


def conv_relu(channels: int, count: int = 1, *, kernel: int = 3, norm: bool = False) -> list[Op]:
    """`count` convolutions with ReLU, with a batch norm between the two if asked for; two of 3x3 see as far as one of 5x5, three as 7x7."""
    one = [Conv2d(channels, kernel), BatchNorm2d(), ReLU()] if norm else [Conv2d(channels, kernel), ReLU()]
    return one * count


def mlp_conv(b: Builder, x: Value, conv: Conv2d, widths: Sequence[int]) -> Value:
    """A convolution and 1x1 convolutions to `widths`, each with ReLU: a small perceptron at every position (arXiv:1312.4400)."""
    x = chain(b, x, [("conv", conv), ReLU()])
    for number, channels in enumerate(widths, 1):
        x = chain(b, x, [(f"cccp{number}", Conv2d(channels, 1)), ReLU()])
    return x


def hidden_layers(b: Builder, x: Value, hidden: Sequence[int], dropout: float = 0.0, first: int = 1) -> Value:
    """(F,) -> (hidden[-1],): linear layers with ReLU and, if asked for, dropout, called fc1, relu1, drop1 and so on from number `first`."""
    for number, features in enumerate(hidden, first):
        x = chain(b, x, [(f"fc{number}", Linear(features)), (f"relu{number}", ReLU())])
        x = b(Dropout(dropout), x, name=f"drop{number}") if dropout else x
    return x
