"""Squeeze and excite: every channel is scaled by a gate that sees the whole image (Hu et al. 2017, arXiv:1709.01507)."""

from __future__ import annotations

from archsearch.network.builder import Builder, Value
from archsearch.ops import Conv2d, GlobalAvgPool2d, Mul, Op, ReLU, Sigmoid

SIGMOID, RELU = Sigmoid(), ReLU()


def squeeze_excite(
    b: Builder, x: Value, squeezed: int, *, gate: Op = SIGMOID, activation: Op = RELU, names: tuple[str, str] = ("fc1", "fc2")
) -> Value:
    """(C, H, W) -> (C, H, W), each channel times a number in the gate's range; `squeezed` channels lie between the two 1x1 convolutions."""
    s = b(GlobalAvgPool2d(), x, name="avgpool")
    s = b(Conv2d(squeezed, 1), s, name=names[0])
    s = b(activation, s, name="activation")
    s = b(Conv2d(x.channels, 1), s, name=names[1])
    return b(Mul(), b(gate, s, name="scale_activation"), x, name="scale")
