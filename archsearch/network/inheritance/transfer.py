"""One node's tensors, made of those of its partner."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from archsearch.network.inheritance.channels import Index
from archsearch.network.morphisms.kernels import kernel_of, resized
from archsearch.ops.base import Op


class Taken(NamedTuple):
    """A tensor, and how many of its elements are the parent's as they are, and by a morphism; the others are the child's own."""

    tensor: Tensor
    kept: int
    morphed: int


class Place(NamedTuple):
    """Where a tensor is taken to: its name in its module, the ops there and here, and the channels made and read."""

    name: str
    before: Op
    op: Op
    made: Index | None
    read: Index | None

    def take(self, fresh: Tensor, old: Tensor | None) -> Taken:
        """The tensor in the shape of the fresh one: the old one, its kernel and channels brought to size; fresh where that cannot be."""
        if old is None:
            silent = self.name.rpartition(".")[2] == "bias" and self.op.channels_are() == "made"  # the partner has none
            return Taken(torch.zeros_like(fresh), 0, fresh.numel()) if silent else Taken(fresh, 0, 0)
        old = old.detach()
        if old.shape == fresh.shape and self.made is None and self.read is None:
            return Taken(old.to(fresh), old.numel(), 0)
        if self.name in self.op.kernel_tensors and old.dim() == fresh.dim() >= 3:
            old = resized(old, kernel_of(self.before), kernel_of(self.op))
        return self.indexed(fresh, old.to(fresh))

    def indexed(self, fresh: Tensor, old: Tensor) -> Taken:
        """The old tensor with its channels where they are here: new ones are made by fresh weights, and read by zeros."""
        sides, kept = self.op.tensor_axes(self.name), fresh.numel()
        if old.dim() != fresh.dim() or sides != self.before.tensor_axes(self.name):
            return Taken(fresh, 0, 0)
        lines: list[tuple[int, Tensor]] = []
        for axis, size in enumerate(fresh.shape):
            index = {"out": self.made, "in": self.read}.get(sides[axis]) if axis < 2 else None
            if index is None and old.shape[axis] == size:
                continue
            if index is None or len(index) != size or index.max() >= old.shape[axis]:
                return Taken(fresh, 0, 0)
            where = torch.from_numpy(index).to(fresh.device)
            old, new = old.index_select(axis, where.clamp(min=0)), torch.nonzero(where < 0).flatten()
            if sides[axis] == "in" and "out" in sides:
                old.index_fill_(axis, new, 0)
            else:
                lines.append((axis, new))
                kept -= kept // size * len(new)
        for axis, new in lines:
            old.index_copy_(axis, new, fresh.index_select(axis, new))
        return Taken(old, 0, kept)
