"""Convolutions whose weights are not shared by all places or all channels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from archsearch.ops.base import Cost, Inner, Layers, Saved, Size, check_counts, pair, register
from archsearch.ops.convolution import Convolution
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["LocallyConnected2d", "SparseConv2d"]


@register("locally_connected2d")
@dataclass(frozen=True)
class LocallyConnected2d(Convolution):
    """Conv2d with filters and biases of its own at every place of the result (Taigman et al. 2014, DeepFace)."""

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    bias: bool = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        check_counts(self, "channels")
        super().__post_init__()

    def infer(self, x: TensorSpec) -> TensorSpec:
        return self.slid(x, self.channels)

    def cost(self, x: TensorSpec) -> Cost:
        macs = self.infer(x).elements * x.channels * prod(pair(self.kernel))
        return Cost(params=macs + self.infer(x).elements * self.bias, macs=macs)

    def saved(self, x: TensorSpec) -> Saved:
        _, height, width = self.infer(x).shape
        windows, out, params = x.channels * prod(pair(self.kernel)) * height * width, self.infer(x).elements, self.cost(x).params
        held = max(windows, x.elements)  # torch makes the tensor of windows as large as the input, and larger where they are more
        biases = Amount(weights=out * self.bias)
        read, weights = Amount(windows), Amount(weights=params - out * self.bias)
        return Saved(
            inner=(Inner(held, params),), eval_elements=max(held, out), training=(Amount(held + 2 * out),),
            backward=moments(biases, read, weights, LET_GO, -read, Amount(x.elements)), front=moments(biases, weights),
        )  # fmt: skip

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        _, height, width = self.infer(x).shape
        return layers.LocallyConnected2d(
            x.channels, self.channels, self.kernel, height, width, stride=self.stride, padding=self.padding, bias=self.bias
        )


@register("sparse_conv2d")
@dataclass(frozen=True)
class SparseConv2d(Convolution):
    """Conv2d in which each output channel reads the input channels that its row of `table` lists (LeNet-5's C3, LeCun et al. 1998).

    Only listed connections have weights and are computed: 1,516 params for that table.
    """

    table: tuple[tuple[int, ...], ...] = ((0,),)
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    bias: bool = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        self._check_table()
        super().__post_init__()

    def _check_table(self) -> None:
        table = self.table
        if not isinstance(table, list | tuple) or not table or not all(isinstance(row, list | tuple) and row for row in table):
            raise ValueError(
                f"sparse_conv2d: table={str(table)[:60]} must list, for every output channel, the input channels that it reads"
            )
        for row in table:
            if not all(type(channel) is int and channel >= 0 for channel in row) or len(set(row)) < len(row):
                raise ValueError(f"sparse_conv2d: table row {str(row)[:60]} must be different whole numbers of at least 0")
        object.__setattr__(self, "table", tuple(tuple(row) for row in table))

    @property
    def _connections(self) -> int:
        return sum(map(len, self.table))

    def infer(self, x: TensorSpec) -> TensorSpec:
        out = self.slid(x, len(self.table))
        last = max(map(max, self.table))
        if last >= x.channels:
            raise ShapeError(f"sparse_conv2d: the table reads channel {last} of shape {x.shape}; channels count from 0")
        return out

    def cost(self, x: TensorSpec) -> Cost:
        _, height, width = self.infer(x).shape
        weights = self._connections * prod(pair(self.kernel))
        return Cost(
            params=weights + len(self.table) * self.bias,
            buffers=2 * self._connections,
            places=2 * self._connections,
            macs=weights * height * width,
        )

    def saved(self, x: TensorSpec) -> Saved:
        out = self.infer(x)
        read, parts = (self._connections * spec.elements // spec.channels for spec in (x, out))
        biases = out.channels * self.bias
        inner = (Inner(parts, biases), Inner(read, self.cost(x).params - biases))
        one, weights, whole = Amount(parts), Amount(weights=inner[1].params), Amount(x.elements)
        learned = (one, -one, Amount(weights=biases), LET_GO)
        of_input = (weights + Amount(read), -one - Amount(read), whole, whole)
        return Saved(
            inner=inner, eval_elements=max(read + parts - out.elements, parts),
            backward=moments(*learned, *of_input), front=moments(*learned, weights),
        )  # fmt: skip

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.SparseConv2d(self.table, self.kernel, stride=self.stride, padding=self.padding, bias=self.bias)
