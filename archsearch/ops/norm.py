"""Normalisation and regularisation: the shape stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from archsearch.ops.base import POINT, Channels, Cost, Layers, Op, Saved, Window, check_counts, check_flags, check_number, register
from archsearch.ops.layout import Layouts
from archsearch.ops.reading import Reads, all_of
from archsearch.ops.saved import DONE, LET_GO, NOTHING, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["BatchNorm1d", "BatchNorm2d", "Dropout", "GroupNorm", "InstanceNorm2d", "LocalResponseNorm"]


class BatchNorm(Op):
    """Normalise every channel over the batch, then scale and shift it (Ioffe & Szegedy 2015, arXiv:1502.03167).

    `eps` is added to the variance; `momentum` is the share of a new batch in the running mean and variance, None for the plain
    average of all batches.
    """

    eps: float
    momentum: float | None
    rank: ClassVar[int]
    layer: ClassVar[str]

    def __post_init__(self) -> None:
        check_number(self, "eps", 0, 1)
        if self.momentum == 1:  # the last batch alone
            object.__setattr__(self, "momentum", 1.0)
        elif self.momentum is not None:
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

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return getattr(layers, self.layer)(x.channels, eps=self.eps, momentum=self.momentum)


@register("batch_norm2d")
@dataclass(frozen=True)
class BatchNorm2d(BatchNorm):
    """Batch norm over images (C, H, W)."""

    eps: float = 1e-5
    momentum: float | None = 0.1
    rank = 3
    layer = "BatchNorm2d"


@register("batch_norm1d")
@dataclass(frozen=True)
class BatchNorm1d(BatchNorm):
    """Batch norm over vectors (F,)."""

    eps: float = 1e-5
    momentum: float | None = 0.1
    rank = 1
    layer = "BatchNorm1d"


@register("dropout")
@dataclass(frozen=True)
class Dropout(Op):
    """Set elements to zero with probability `p` in training; nothing happens in inference (arXiv:1207.0580)."""

    p: float = 0.5
    random = True

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

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Dropout(self.p)


@register("group_norm")
@dataclass(frozen=True)
class GroupNorm(Op):
    """(C, H, W) -> the same: normalise groups of channels of one sample, then scale and shift (Wu & He 2018, arXiv:1803.08494)."""

    groups: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_counts(self, "groups")
        check_number(self, "eps", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        if x.channels % self.groups:
            raise ShapeError(f"group_norm: groups={self.groups} must divide {x.channels} channels; use fewer groups")
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=2 * x.channels)

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(inputs=(0,), elements=2 * self.groups, eval_elements=2 * self.groups)

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        made = x.elements + 2 * self.groups  # a copy without gaps is normalised, and kept
        return Saved(elements=made, eval_elements=made)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(x.shape[1] * x.shape[2])

    def normal(self, x: TensorSpec) -> Op:
        """Groups of one channel each are instance norm, which wants more than one pixel."""
        alone = self.groups == x.channels and x.elements > x.channels
        return InstanceNorm2d(affine=True, eps=self.eps) if alone else self

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.GroupNorm(self.groups, x.channels, eps=self.eps)


@register("instance_norm2d")
@dataclass(frozen=True)
class InstanceNorm2d(Op):
    """(C, H, W) -> the same: normalise every channel of one sample; `affine`: then scale and shift (arXiv:1607.08022)."""

    affine: bool = False
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_flags(self, "affine")
        check_number(self, "eps", 0, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        _, height, width = x.expect(rank=3, by=self.kind)
        if height * width == 1:
            raise ShapeError(f"instance_norm2d needs more than one pixel, got shape {x.shape}; move it before the pooling")
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost(params=2 * x.channels * self.affine)

    def saved(self, x: TensorSpec) -> Saved:
        return self._saved(x, 0)

    def saved_behind(self, layouts: Layouts, x: TensorSpec) -> Saved:
        return self._saved(x, x.elements)

    def _saved(self, x: TensorSpec, copied: int) -> Saved:
        # torch runs it as a batch norm over samples times channels, and repeats weight and bias for every sample
        made, state = (2 + 2 * self.affine) * x.channels, Amount(weights=x.channels)
        gone = Amount(-3 * x.channels - copied) + (NOTHING if copied else DONE)
        learned = (Amount(2 * x.channels), LET_GO, gone, state, state)
        return Saved(
            inputs=() if copied else (0,), elements=(2 + self.affine) * x.channels + copied, handed="view",
            waiting=Amount(2 * x.channels, weights=-2 * x.channels) if self.affine else None,  # repeated ones are summed up last
            training=(Amount(x.elements + made + copied),),
            inference=(Amount(x.elements + made + copied - 2 * x.channels, wide=2 * x.channels),),
            front=moments(*learned) if self.affine else (),
            backward=moments(Amount(x.elements) + learned[0], *learned[1:]) if self.affine else (),
        )  # fmt: skip

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(x.shape[1] * x.shape[2])

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and not self.affine and self.eps > 0

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.InstanceNorm2d(x.channels, eps=self.eps, affine=self.affine)


@register("local_response_norm")
@dataclass(frozen=True)
class LocalResponseNorm(Op):
    """(C, H, W) -> the same, divided by (k + alpha * mean of the squares of `size` neighbouring channels)**beta.

    Krizhevsky et al. 2012, who write the sum, so that their alpha is alpha / size here, as it is in torch.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        check_counts(self, "size")
        if self.size % 2 == 0:
            raise ValueError(f"local_response_norm: size={self.size} must be odd, so that it reaches as far on both sides")
        check_number(self, "alpha", 0, 1000)
        check_number(self, "beta", 0, 1000)
        check_number(self, "k", 1e-6, 1000)

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        one = Amount(x.elements)
        there = (one, one, LET_GO, one, -2 * one, one, -one, one, -2 * one, one, -one, one, -2 * one, one, one)
        return Saved(inputs=(0,), elements=3 * x.elements, eval_elements=x.elements, backward=moments(*there))

    def window(self) -> Window:
        return POINT

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.CrossChannelNorm(self.size, self.alpha, self.beta, self.k)
