"""Ops whose weights are a direction times a length, one for each output (Salimans & Kingma 2016, arXiv:1602.07868)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import WHOLE, Cost, Inner, Layers, Op, Saved, Size, Window, check_counts, check_flags, register
from archsearch.ops.convolution import Convolution, plain_of
from archsearch.ops.linear import Linear
from archsearch.ops.reading import MIXED, Reads
from archsearch.ops.saved import DONE, LET_GO, Amount, moments
from archsearch.ops.tensor import TensorSpec

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
    kernel_tensors = ("weight_v",)

    def __post_init__(self) -> None:
        check_counts(self, "channels", "groups")
        super().__post_init__()

    def infer(self, x: TensorSpec) -> TensorSpec:
        self.slid(x, self.channels)
        return plain_of(self).infer(x)

    def cost(self, x: TensorSpec) -> Cost:
        plain = plain_of(self).cost(x)
        return Cost(params=plain.params + self.channels, macs=plain.macs)

    def saved(self, x: TensorSpec) -> Saved:
        weights = plain_of(self).cost(x).params - self.channels * self.bias
        made, out, bias = Amount(weights=weights), Amount(self.infer(x).elements), Amount(weights=self.channels * self.bias)
        lengths, of_lengths, norms = Amount(statistics=self.channels), Amount(weights=self.channels), made
        learned = (made, bias, LET_GO, DONE, -made, norms, of_lengths)
        return Saved(
            inputs=(0,), statistics=self.channels, more=made, inference=moments(made + lengths, -lengths, out),
            backward=moments(Amount(x.elements), *learned), front=moments(*learned), waiting=lengths - of_lengths,
        )  # fmt: skip

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
        count = self.infer(x).elements
        products, lengths, weights = Amount(count), Amount(weights=self.features), Amount(weights=x.shape[-1] * self.features)
        scale = ((self.features * self.bias and lengths) or Amount(), products, products, lengths, -products, LET_GO, -lengths - products)
        of_lengths = (4 * lengths, -3 * lengths, lengths, -lengths)
        direction = (weights, Amount(marks=self.features), weights, Amount(marks=-self.features), -weights, -2 * lengths, weights)
        return Saved(
            inputs=(0,), handed=self._plain().saved(x).handed, more=2 * lengths, inner=(Inner(count, self.cost(x).params),),
            inference=moments(2 * lengths, -lengths, products, products),
            backward=moments(*scale, weights, Amount(x.elements), -products, DONE, *of_lengths, *direction),
            front=moments(*scale, weights, -products, DONE, *of_lengths, *direction), waiting=lengths,
        )  # fmt: skip

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.WeightNormLinear(x.shape[-1], self.features, bias=self.bias)
