"""Normalisation and regularisation: the shape stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from archsearch.ops.base import Channels, Cost, Layers, Op, Saved, check_number, register
from archsearch.tensor import TensorSpec

__all__ = ["BatchNorm1d", "BatchNorm2d", "Dropout"]


class BatchNorm(Op):
    """Normalise every channel over the batch, then scale and shift it (Ioffe & Szegedy 2015, arXiv:1502.03167).

    `eps` is added to the variance; `momentum` is the share of a new batch in the running mean and variance.
    """

    eps: float
    momentum: float
    rank: ClassVar[int]
    layer: ClassVar[str]

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)
        check_number(self, "momentum", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=self.rank, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        channels = x.channels
        return Cost(params=2 * channels, buffers=2 * channels + 1, counters=1)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,), statistics=2 * x.channels)

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return getattr(layers, self.layer)(x.channels, eps=self.eps, momentum=self.momentum)


@register("batch_norm2d")
@dataclass(frozen=True)
class BatchNorm2d(BatchNorm):
    """Batch norm over images (C, H, W)."""

    eps: float = 1e-5
    momentum: float = 0.1
    rank = 3
    layer = "BatchNorm2d"


@register("batch_norm1d")
@dataclass(frozen=True)
class BatchNorm1d(BatchNorm):
    """Batch norm over vectors (F,)."""

    eps: float = 1e-5
    momentum: float = 0.1
    rank = 1
    layer = "BatchNorm1d"


@register("dropout")
@dataclass(frozen=True)
class Dropout(Op):
    """Set elements to zero with probability `p` in training; nothing happens in inference (arXiv:1207.0580)."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_number(self, "p", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        if self.p == 0:
            return Saved(view=True, eval_view=True, gradient="same")
        return Saved(elements=x.elements, eval_view=True)  # the mask is of the network's dtype on CPU

    def is_identity(self, inputs: int) -> bool:
        return self.p == 0

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Dropout(self.p)
