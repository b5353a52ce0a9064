"""Attention over parts of the channels."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["RadixSoftmax"]


class RadixSoftmax(nn.Module):
    """Softmax among `radix` splits of the channels, each of `groups` (Zhang et al. 2020, arXiv:2004.08955).

    Channels come ordered by group, then split, and leave ordered by split, then group.
    """

    def __init__(self, radix: int, groups: int) -> None:
        super().__init__()
        self.radix, self.groups = radix, groups

    def forward(self, x: Tensor) -> Tensor:
        splits = x.view(x.shape[0], self.groups, self.radix, -1).transpose(1, 2)
        return splits.softmax(1).reshape(x.shape)

    def extra_repr(self) -> str:
        return f"{self.radix}, {self.groups}"
