"""Activations that look across the channels, or have weights of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.activation import Activation
from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_counts, check_flags, register
from archsearch.ops.reading import MIXED, Reads
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["GLU", "LogSoftmax", "Maxout", "PReLU", "Softmax", "Softmin"]

FREE = Cost()


@register("prelu")
@dataclass(frozen=True)
class PReLU(Activation):
    """x where it is positive, slope * x elsewhere; one learned slope, or one for `each` channel (He et al. 2015, arXiv:1502.01852)."""

    each: bool = False

    def __post_init__(self) -> None:
        check_flags(self, "each")

    def infer(self, x: TensorSpec) -> TensorSpec:
        if self.each and x.channel_axis:
            raise ShapeError(f"prelu with a slope for each channel needs an image or a vector, got shape {x.shape}; use each=False")
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=x.channels if self.each else 1)

    def normal(self, x: TensorSpec) -> Op:
        return PReLU() if self.each and x.channels == 1 else self

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return False  # it has weights

    def saved(self, x: TensorSpec) -> Saved:
        # torch makes both gradients for every element, whichever is needed; that of the slopes is then summed
        both, learned = Amount(2 * x.elements), Amount(weights=self.cost(x).params)
        return Saved(inputs=(0,), backward=moments(both, learned), front=moments(both, Amount(-x.elements), learned))

    def channels_are(self) -> Channels:
        return "kept" if self.each else "mixed"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PReLU(self.cost(x).params)


class AcrossChannels(Activation):
    """Activation over the channels of an image, the last axis of tokens, or a vector."""

    through_zero = False

    def channels_are(self) -> Channels:
        return "mixed"

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return getattr(layers, self.layer)(x.channel_axis + 1)


@register("softmax")
@dataclass(frozen=True)
class Softmax(AcrossChannels):
    """exp(x) divided by its sum over the channels."""

    keeps_output = True
    never_negative = True
    layer = "Softmax"


@register("log_softmax")
@dataclass(frozen=True)
class LogSoftmax(AcrossChannels):
    """Logarithm of the softmax over the channels."""

    keeps_output = True
    layer = "LogSoftmax"


@register("softmin")
@dataclass(frozen=True)
class Softmin(AcrossChannels):
    """exp(-x) divided by its sum over the channels."""

    never_negative = True
    layer = "Softmin"

    def saved(self, x: TensorSpec) -> Saved:
        every = Amount(x.elements)
        return Saved(output=True, eval_elements=x.elements, training=(2 * every,), backward=moments(every, LET_GO, every))


@register("glu")
@dataclass(frozen=True)
class GLU(AcrossChannels):
    """First half of the channels, gated by the sigmoid of the second (Dauphin et al. 2016, arXiv:1612.08083)."""

    through_zero = True
    layer = "GLU"

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels = x.width
        if channels % 2:
            raise ShapeError(f"glu needs an even number of channels, got shape {x.shape}; use another width")
        return x.with_width(channels // 2)


@register("maxout")
@dataclass(frozen=True)
class Maxout(Op):
    """The largest of every `pieces` neighbouring channels (Goodfellow et al. 2013, arXiv:1302.4389)."""

    pieces: int = 2

    def __post_init__(self) -> None:
        check_counts(self, "pieces")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels = x.width
        if channels % self.pieces:
            raise ShapeError(f"maxout: pieces={self.pieces} must divide the channels of shape {x.shape}; use another width")
        return x.with_width(channels // self.pieces)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        places = self.infer(x).elements
        # zeros, into which the gradient is scattered: in place only where nobody watches torch, so twice here
        return Saved(indices=places, eval_indices=places, handed="view", backward=moments(Amount(2 * x.elements)))

    def is_identity(self, inputs: int) -> bool:
        return self.pieces == 1

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Maxout(x.channel_axis + 1, self.pieces)
