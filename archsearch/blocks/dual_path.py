"""Dual path blocks: residual on the first channels, dense on the others (Chen et al. 2017, arXiv:1707.01629)."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.ops import Add, BatchNorm2d, Concat, Conv2d, ReLU, Slice

NORM = BatchNorm2d(eps=1e-3)


def dual_path(b: Builder, x: Value, residual: int, growth: int, inner: int, groups: int, stride: int = 1, *, first: bool = False) -> Value:
    """(C, H, W) -> (C + growth, H / stride, W / stride); the first block of a stage makes (residual + 3 * growth, ...) of any input.

    `residual` channels are added to, `growth` are put behind; the 3x3 works on `inner` channels in `groups`.
    """
    around = preactivated_conv(b, x, Conv2d(residual + 2 * growth, 1, stride, bias=False), f"c1x1_w_s{stride}") if first else x
    y = preactivated_conv(b, x, Conv2d(inner, 1, bias=False), "c1x1_a")
    y = preactivated_conv(b, y, Conv2d(inner, 3, stride, groups=groups, bias=False), "c3x3_b")
    y = preactivated_conv(b, y, Conv2d(residual + growth, 1, bias=False), "c1x1_c")
    total = b(Add(), b(Slice(0, residual), around), b(Slice(0, residual), y))
    return b(Concat(), total, b(Slice(residual), around), b(Slice(residual), y))


def preactivated_conv(b: Builder, x: Value, conv: Conv2d, name: str) -> Value:
    """Norm, ReLU and the convolution in a scope of that name."""
    with b.scope(name):
        return chain(b, x, [("bn", NORM), ReLU(), ("conv", conv)])
