"""Activations: any shape in, the same shape out, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_flags, check_number, register
from archsearch.ops.merge import Identity
from archsearch.ops.saved import Amount, moments
from archsearch.ops.tensor import TensorSpec

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
]

FREE = Cost()


class Activation(Op):
    """What all activations share; `keeps_output` says whether autograd keeps the result or the input.

    `through_zero`: zero stays zero; `once`: doing it again changes nothing.
    """

    keeps_output: ClassVar[bool] = False
    through_zero: ClassVar[bool] = True
    once: ClassVar[bool] = False
    layer: ClassVar[str]

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(output=True) if self.keeps_output else Saved(inputs=(0,))

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return before if self.once and before == self else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and self.through_zero

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return getattr(layers, self.layer)()


@register("relu")
@dataclass(frozen=True)
class ReLU(Activation):
    """max(x, 0)."""

    keeps_output = True
    never_negative = True
    layer = "ReLU"

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return before if before.never_negative else None


@register("relu6")
@dataclass(frozen=True)
class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    never_negative = True
    once = True
    layer = "ReLU6"

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return self if before == ReLU() else super().merged(before, *inputs)


@register("leaky_relu")
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """x where it is positive, slope * x elsewhere.

    `keep_output`: autograd keeps the result in place of the input, which saves one of the two where the next op keeps the result too;
    the price is a copy. The reference definitions that run it in place save as much.
    """

    slope: float = 0.01
    keep_output: bool = False
    layer = "LeakyReLU"

    def __post_init__(self) -> None:
        check_number(self, "slope", 0, 1000)
        check_flags(self, "keep_output")

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(output=True) if self.keep_output else Saved(inputs=(0,))

    def normal(self, x: TensorSpec) -> Op:
        """`keep_output` counts: it is the same function at another price."""
        return ReLU() if self.slope == 0 and not self.keep_output else Identity() if self.slope == 1 else self

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.FrugalLeakyReLU(self.slope) if self.keep_output else layers.LeakyReLU(self.slope)


@register("elu")
@dataclass(frozen=True)
class ELU(Activation):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015, arXiv:1511.07289)."""

    alpha: float = 1.0
    layer = "ELU"

    def __post_init__(self) -> None:
        check_number(self, "alpha", 0, 1000)

    def normal(self, x: TensorSpec) -> Op:
        return ReLU() if self.alpha == 0 else self

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
    """x * Phi(x) with the normal distribution function Phi, or by its approximation with `tanh` (arXiv:1606.08415)."""

    tanh: bool = False
    layer = "GELU"

    def __post_init__(self) -> None:
        check_flags(self, "tanh")

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.GELU(approximate="tanh" if self.tanh else "none")


@register("mish")
@dataclass(frozen=True)
class Mish(Activation):
    """x * tanh(softplus(x)) (arXiv:1908.08681)."""

    layer = "Mish"


@register("softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + exp(x))."""

    through_zero = False
    never_negative = True

    layer = "Softplus"


@register("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    keeps_output = True
    through_zero = False
    never_negative = True
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

    through_zero = False
    never_negative = True

    layer = "Hardsigmoid"


@register("celu")
@dataclass(frozen=True)
class CELU(Activation):
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron 2017, arXiv:1704.07483)."""

    alpha: float = 1.0
    layer = "CELU"

    def __post_init__(self) -> None:
        check_number(self, "alpha", 1e-6, 1000)

    def normal(self, x: TensorSpec) -> Op:
        return ELU() if self.alpha == 1 else self

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.CELU(self.alpha)


@register("hardtanh")
@dataclass(frozen=True)
class Hardtanh(Activation):
    """min(max(x, low), high)."""

    low: float = -1.0
    high: float = 1.0
    once = True
    layer = "Hardtanh"

    def __post_init__(self) -> None:
        check_number(self, "low", -1000, 1000)
        check_number(self, "high", -1000, 1000)
        if self.low >= self.high:
            raise ValueError(f"hardtanh: low={self.low} must be under high={self.high}")

    def normal(self, x: TensorSpec) -> Op:
        return ReLU6() if (self.low, self.high) == (0, 6) else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and self.low <= 0 <= self.high

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Hardtanh(self.low, self.high)


@register("log_sigmoid")
@dataclass(frozen=True)
class LogSigmoid(Activation):
    """log(sigmoid(x))."""

    through_zero = False

    layer = "LogSigmoid"

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,), elements=x.elements, eval_elements=x.elements)  # exp(-|x|), which CUDA does not keep


@register("softsign")
@dataclass(frozen=True)
class Softsign(Activation):
    """x / (1 + |x|)."""

    layer = "Softsign"

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,), elements=x.elements, eval_elements=x.elements, backward=moments(Amount(4 * x.elements)))


@register("rrelu")
@dataclass(frozen=True)
class RReLU(Activation):
    """x where it is positive, slope * x elsewhere; slopes are drawn from low...high in training, and their mean in inference.

    Xu et al. 2015 (arXiv:1505.00853).
    """

    low: float = 0.125
    high: float = 1 / 3
    layer = "RReLU"
    random = True

    def __post_init__(self) -> None:
        check_number(self, "low", 0, 1000)
        check_number(self, "high", 0, 1000)
        if self.low > self.high:
            raise ValueError(f"rrelu: low={self.low} must be at most high={self.high}")

    def normal(self, x: TensorSpec) -> Op:
        return LeakyReLU(self.low).normal(x) if self.low == self.high else self

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,), elements=x.elements, eval_elements=x.elements)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.RReLU(self.low, self.high)
