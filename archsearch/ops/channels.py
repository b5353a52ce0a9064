"""Ops that cut, order and add channels, and leave every value as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import MAX_FIELD, POINT, Cost, Layers, Op, Saved, Window, check_counts, register
from archsearch.ops.merge import Identity
from archsearch.ops.reading import MIXED, Reads
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["ChannelShuffle", "PadChannels", "Slice"]

FREE = Cost()


def check_offsets(op: Op, *names: str) -> None:
    """Check that the named fields of `op` are whole numbers of at least 0. Raises ValueError."""
    for name in names:
        value = getattr(op, name)
        if type(value) is not int or not 0 <= value <= MAX_FIELD:
            raise ValueError(f"{op.kind}: {name}={value!r} must be a whole number of at least 0")


@register("slice")
@dataclass(frozen=True)
class Slice(Op):
    """Channels `start` up to, not with, `stop`, as a view; `stop` not given is the end."""

    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        check_offsets(self, "start")
        if self.stop is not None:
            check_counts(self, "stop")
            if self.stop <= self.start:
                raise ValueError(f"slice: stop={self.stop} must be over start={self.start}")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels = x.width
        if not self.start < (self.stop or channels) <= channels:
            raise ShapeError(f"slice: channels {self.start} to {self.stop} are not in shape {x.shape}; choose from its {channels}")
        return x.with_width((self.stop or channels) - self.start)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True)

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def normal(self, x: TensorSpec) -> Op:
        if self.infer(x) == x:
            return Identity()
        return Slice(self.start) if self.stop == x.shape[x.channel_axis] else self

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        if not isinstance(before, Slice):
            return None
        return Slice(before.start + self.start, before.stop if self.stop is None else before.start + self.stop)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        axis = x.channel_axis
        return layers.Slice(axis + 1, self.start, self.infer(x).shape[axis])


@register("channel_shuffle")
@dataclass(frozen=True)
class ChannelShuffle(Op):
    """(C, H, W) -> the same, channels dealt out over `groups` in turn (Zhang et al. 2017, arXiv:1707.01083)."""

    groups: int = 2

    def __post_init__(self) -> None:
        check_counts(self, "groups")

    def infer(self, x: TensorSpec) -> TensorSpec:
        x.expect(rank=3, by=self.kind)
        if x.channels % self.groups:
            raise ShapeError(f"channel_shuffle: groups={self.groups} must divide {x.channels} channels; use another width")
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True, gradient="same") if self._keeps_order(x) else Saved()

    def _keeps_order(self, x: TensorSpec) -> bool:
        return self.groups in (1, x.channels)

    def is_identity(self, inputs: int) -> bool:
        return self.groups == 1

    def window(self) -> Window:
        return POINT

    def normal(self, x: TensorSpec) -> Op:
        return Identity() if self._keeps_order(x) else self

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        back = isinstance(before, ChannelShuffle) and before.groups * self.groups == inputs[0].channels
        return Identity() if back else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Identity() if self._keeps_order(x) else layers.ChannelShuffle(self.groups)


@register("pad_channels")
@dataclass(frozen=True)
class PadChannels(Op):
    """Channels of zeros before and after those of the input, as in the shortcuts without weights (arXiv:1512.03385, option A)."""

    before: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        check_offsets(self, "before", "after")

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x.with_width(self.before + x.width + self.after)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def is_identity(self, inputs: int) -> bool:
        return self.before == self.after == 0

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return MIXED

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return PadChannels(self.before + before.before, before.after + self.after) if isinstance(before, PadChannels) else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        if len(x.shape) <= 2:
            return layers.ConstantPad1d((self.before, self.after), 0.0)
        return layers.ConstantPad3d((0, 0, 0, 0, self.before, self.after), 0.0)
