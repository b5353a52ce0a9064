"""One node's tensors, made of those of its partner."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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
            silent = self.name == "bias" and self.op.channels_are() == "made"  # the partner has none
            return Taken(torch.zeros_like(fresh), 0, fresh.numel()) if silent else Taken(fresh, 0, 0)
        if old.shape == fresh.shape and self.made is None and self.read is None:
            return Taken(old.to(fresh), old.numel(), 0)
        if self.name in self.op.kernel_tensors and old.dim() == fresh.dim() >= 3:
            old = resized(old, kernel_of(self.before), kernel_of(self.op))
        return self.indexed(fresh, old.to(fresh))

    def indexed(self, fresh: Tensor, old: Tensor) -> Taken:
        """The old tensor with its channels where they are here: new ones are made by fresh weights, and read by zeros."""
        how, axes = self.op.channels_are(), list[Tensor | None]()
        if old.dim() != fresh.dim() or how != self.before.channels_are():
            return Taken(fresh, 0, 0)
        for axis, (size, before) in enumerate(zip(fresh.shape, old.shape, strict=True)):
            index = None
            if how in ("made", "kept") and axis == 0:
                index = self.made
            if how == "made" and axis == 1:
                index = self.read
            if (index is None and size != before) or (index is not None and (len(index) != size or index.max() >= before)):
                return Taken(fresh, 0, 0)
            axes.append(None if index is None else torch.from_numpy(index).to(fresh.device))
        return picked(fresh, old, *[*axes, None, None][:2])


def picked(fresh: Tensor, old: Tensor, made: Tensor | None, read: Tensor | None) -> Taken:
    """Rows and columns of the old tensor by number: fresh rows and columns of zeros where it is under 0."""
    if read is not None:
        old = old.index_select(1, read.clamp(min=0))
        old[:, read < 0] = 0
    if made is None:
        return Taken(old, 0, old.numel())
    rows = old.index_select(0, made.clamp(min=0))
    new = made < 0
    rows[new] = fresh[new]
    count = int(np.prod(fresh.shape[1:], dtype=np.int64)) * int((~new).sum())
    return Taken(rows, 0, count)
