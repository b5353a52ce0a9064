"""Ops whose weights are a direction times a length, one for each output (Salimans & Kingma 2016, arXiv:1602.07868)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import WHOLE, Cost, Inner, Layers, Op, Saved, Size, Window, check_counts, check_flags, register
from archsearch.ops.convolution import Conv2d, Convolution
from archsearch.ops.linear import Linear
from archsearch.tensor import TensorSpec

__all__ = ["WeightNormConv2d", "WeightNormLinear"]


@register("weight_norm_conv2d")
@dataclass(frozen=True)
class WeightNormConv2d(Convolution):
    """Conv2d with weight norm: one more param, the length of its filter, for each output channel."""

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "channels", "groups")
        super().__post_init__()

    def _plain(self) -> Conv2d:
        return Conv2d(self.channels, self.kernel, self.stride, self.padding, self.dilation, self.groups, self.bias)

    def infer(self, x: TensorSpec) -> TensorSpec:
        self.slid(x, self.channels)
        return self._plain().infer(x)

    def cost(self, x: TensorSpec) -> Cost:
        plain = self._plain().cost(x)
        return Cost(params=plain.params + self.channels, macs=plain.macs)

    def saved(self, x: TensorSpec) -> Saved:
        weights = self._plain().cost(x).params - self.channels * self.bias
        return Saved(inputs=(0,), statistics=weights + self.channels)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.WeightNormConv2d(
            x.channels,
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )


@register("weight_norm_linear")
@dataclass(frozen=True)
class WeightNormLinear(Op):
    """Linear with weight norm: one more param, the length of its row of weights, for each feature."""

    features: int
    bias: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "features")
        check_flags(self, "bias")

    def _plain(self) -> Linear:
        return Linear(self.features, self.bias)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return self._plain().infer(x)

    def cost(self, x: TensorSpec) -> Cost:
        plain = self._plain().cost(x)
        return Cost(params=plain.params + self.features, macs=plain.macs)

    def saved(self, x: TensorSpec) -> Saved:
        products = self.infer(x).elements
        inner = (Inner(products, self.cost(x).params),)
        return Saved(inputs=(0,), statistics=2 * self.features, inner=inner, eval_elements=products)

    def window(self) -> Window:
        return WHOLE

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.WeightNormLinear(x.shape[-1], self.features, bias=self.bias)
