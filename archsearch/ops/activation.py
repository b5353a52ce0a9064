"""Activations: any shape in, the same shape out, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from archsearch.ops.base import Channels, Cost, Layers, Op, Saved, check_number, register
from archsearch.tensor import TensorSpec

__all__ = ["ELU", "GELU", "SELU", "Hardsigmoid", "Hardswish", "LeakyReLU", "Mish", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softplus", "Tanh"]

FREE = Cost()


class Activation(Op):
    """What all activations share; `keeps_output` says whether autograd keeps the result or the input."""

    keeps_output: ClassVar[bool] = False
    layer: ClassVar[str]

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(output=True) if self.keeps_output else Saved(inputs=(0,))

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return getattr(layers, self.layer)()


@register("relu")
@dataclass(frozen=True)
class ReLU(Activation):
    """max(x, 0)."""

    keeps_output = True
    layer = "ReLU"


@register("relu6")
@dataclass(frozen=True)
class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    layer = "ReLU6"


@register("leaky_relu")
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """x where it is positive, slope * x elsewhere."""

    slope: float = 0.01
    layer = "LeakyReLU"

    def __post_init__(self) -> None:
        check_number(self, "slope", 0, 1000)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.LeakyReLU(self.slope)


@register("elu")
@dataclass(frozen=True)
class ELU(Activation):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015, arXiv:1511.07289)."""

    alpha: float = 1.0
    layer = "ELU"

    def __post_init__(self) -> None:
        check_number(self, "alpha", 0, 1000)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.ELU(self.alpha)


@register("selu")
@dataclass(frozen=True)
class SELU(Activation):
    """Self-normalising ELU (Klambauer et al. 2017, arXiv:1706.02515)."""

    layer = "SELU"


@register("silu")
@dataclass(frozen=True)
class SiLU(Activation):
    """x * sigmoid(x), also called swish (arXiv:1710.05941)."""

    layer = "SiLU"


@register("gelu")
@dataclass(frozen=True)
class GELU(Activation):
    """x * Phi(x) with the normal distribution function Phi (arXiv:1606.08415)."""

    layer = "GELU"


@register("mish")
@dataclass(frozen=True)
class Mish(Activation):
    """x * tanh(softplus(x)) (arXiv:1908.08681)."""

    layer = "Mish"


@register("softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + exp(x))."""

    layer = "Softplus"


@register("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    keeps_output = True
    layer = "Sigmoid"


@register("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent."""

    keeps_output = True
    layer = "Tanh"


@register("hardswish")
@dataclass(frozen=True)
class Hardswish(Activation):
    """x * relu6(x + 3) / 6 (Howard et al. 2019, arXiv:1905.02244)."""

    layer = "Hardswish"


@register("hardsigmoid")
@dataclass(frozen=True)
class Hardsigmoid(Activation):
    """relu6(x + 3) / 6."""

    layer = "Hardsigmoid"
