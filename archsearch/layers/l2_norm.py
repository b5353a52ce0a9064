"""Vectors of length 1: those of every position over their Euclidean length."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["L2Norm", "L2Norm2d"]


class L2Norm(nn.Module):
    """Vectors (N, F) or tokens (N, T, D), each over its Euclidean length, or over `eps` where it is shorter."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=-1, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.eps}"


class L2Norm2d(nn.Module):
    """Images (N, C, H, W), the channels at each position over their Euclidean length, or over `eps` where that is shorter."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.eps}"
