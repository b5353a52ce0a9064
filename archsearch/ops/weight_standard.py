"""Convolutions whose filters have mean 0 and variance 1 (Qiao et al. 2019, arXiv:1903.10520)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import Cost, Layers, Saved, Size, check_counts, check_flags, check_number, register
from archsearch.ops.convolution import Convolution, plain_of
from archsearch.ops.saved import DONE, LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["WeightStandardConv2d"]


@register("weight_standard_conv2d")
@dataclass(frozen=True)
class WeightStandardConv2d(Convolution):
    """Conv2d whose filters are standardised; `eps` is added to their variance.

    `gain`: filters are `scale` times a learned number of their own besides (Brock et al. 2021, arXiv:2101.08692).
    """

    channels: int
    kernel: Size = 3
    stride: Size = 1
    padding: Size | None = None
    dilation: Size = 1
    groups: int = 1
    bias: bool = True
    eps: float = 1e-6
    gain: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_counts(self, "channels", "groups")
        check_number(self, "eps", 0, 1)
        check_number(self, "scale", -1000, 1000)
        check_flags(self, "gain")
        if self.scale != 1 and not self.gain:
            raise ValueError(f"weight_standard_conv2d: scale={self.scale} is that of a gain; give gain=True")
        super().__post_init__()

    def infer(self, x: TensorSpec) -> TensorSpec:
        self.slid(x, self.channels)
        if self._filters(x) == self.channels:
            raise ShapeError("weight_standard_conv2d: filters of one weight have no variance; use another kernel, or conv2d")
        return plain_of(self).infer(x)

    def _filters(self, x: TensorSpec) -> int:
        return plain_of(self).cost(x).params - self.channels * self.bias

    def cost(self, x: TensorSpec) -> Cost:
        plain = plain_of(self).cost(x)
        return Cost(params=plain.params + self.channels * self.gain, macs=plain.macs)

    def saved(self, x: TensorSpec) -> Saved:
        filters, out, bias = Amount(weights=self._filters(x)), Amount(self.infer(x).elements), Amount(weights=self.channels * self.bias)
        statistics, gains = Amount(statistics=2 * self.channels), Amount(weights=self.channels * self.gain)
        learned = (filters, bias, LET_GO, DONE, -filters, filters, gains, -filters, -gains, gains)
        return Saved(
            inputs=(0,), statistics=2 * self.channels, more=filters + gains,
            inference=moments(gains + filters + statistics, -statistics, out),
            backward=moments(Amount(x.elements), *learned), front=moments(*learned), waiting=statistics,
        )  # fmt: skip

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        fields = {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups", "bias", "eps", "gain", "scale")}
        return layers.WeightStandardConv2d(x.channels, self.channels, self.kernel, **fields)
